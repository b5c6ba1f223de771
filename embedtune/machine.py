"""What this process may use of the machine: memory, disk, cores and instruction sets; containers' limits count."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")
_CPU_INFO = Path("/proc/cpuinfo")

INSTRUCTION_SETS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "amx_int8")
"""Those that make encoding or training faster, by their names in /proc/cpuinfo."""


class Memory(NamedTuple):
    """Memory in bytes."""

    available: int  # what can still be taken without swapping
    total: int  # the most this process could ever have
    limited: bool  # true when a container's limit is smaller than the machine


def memory() -> Memory:
    """Return the smaller of what the machine has left and what the control groups around this process allow."""
    import psutil

    machine = psutil.virtual_memory()
    available, total, limited = int(machine.available), int(machine.total), False
    for limit, left in group_limits(_CGROUPS, _OWN_GROUPS):
        if limit < total:
            total, limited = limit, True
        available = min(available, left)
    return Memory(available, total, limited)


def group_limits(root: Path, own: Path) -> Iterator[tuple[int, int]]:
    """Yield limit and bytes left of every control group (version 2) that holds this process and has a limit.

    Groups are mounted under ``root``; the file ``own`` lists those of this process.
    """
    for folder in _groups(root, own):
        limit = _number(folder / "memory.max")
        if limit is not None:
            used = _number(folder / "memory.current") or 0
            # The file cache, which the group would give up first, is counted as used.
            cached = re.search(r"^inactive_file (\d+)$", _text(folder / "memory.stat"), re.MULTILINE)
            yield limit, max(0, limit - used + (int(cached[1]) if cached else 0))


def _groups(root: Path, own: Path) -> Iterator[Path]:
    """Yield the folders of this process's group and of those around it; in a container only the topmost may be visible."""
    for line in _text(own).splitlines():
        if line.startswith("0::"):
            folder = root / line.removeprefix("0::").strip("/")
            yield from (folder, *(parent for parent in folder.parents if parent.is_relative_to(root)))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdecimal() else None


def disk_free(path: Path) -> int:
    """Return the free bytes where a path is or would be."""
    return shutil.disk_usage(nearest_folder(path)).free


def nearest_folder(path: Path) -> Path:
    """Return the innermost folder around a path that exists; the path itself if it is a folder."""
    path = path.absolute()
    while not path.is_dir() and path != path.parent:
        path = path.parent
    return path


def cores() -> int:
    """Return the cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads() -> int:
    """Return ``OMP_NUM_THREADS``, as other libraries take it, or the number of cores."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(int(wanted), cores())) if wanted.isdecimal() else cores()


def core_quota() -> float | None:
    """Return how many cores' time a container grants, or None without a limit."""
    quotas = []
    for folder in _groups(_CGROUPS, _OWN_GROUPS):
        words = _text(folder / "cpu.max").split()
        if len(words) == 2 and all(word.isdecimal() for word in words) and int(words[1]):
            quotas.append(int(words[0]) / int(words[1]))
    return min(quotas, default=None)


def instruction_sets() -> list[str]:
    """Return which of ``INSTRUCTION_SETS`` the processor has; empty where the system does not tell."""
    line = re.search(r"^flags.*", _text(_CPU_INFO), re.MULTILINE)
    return [name for name in INSTRUCTION_SETS if line and name in line[0].split()]


def in_words(size: float) -> str:
    """Show bytes for people."""
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # names of parameters in malloc.h
_USUAL_THRESHOLD = 128 << 10
_LARGEST = 1 << 30


def glibc() -> ctypes.CDLL | None:
    """Return the GNU C library, whose allocator can be told what to do; None where there is another."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "malloc_trim") else None


@contextmanager
def reused_memory() -> Iterator[None]:
    """Use freed memory again within the context, instead of giving each large block back to the system at once.

    A tensor of megabytes is new memory otherwise, which the system hands out in pages of 4 kB, each cleared first. For an
    operation that does little with each number, this takes two to four times as long as the operation.
    """
    libc = glibc()
    if libc:
        libc.mallopt(_MMAP_THRESHOLD, _LARGEST)
        libc.mallopt(_TRIM_THRESHOLD, _LARGEST)
    try:
        yield
    finally:
        if libc:
            libc.mallopt(_MMAP_THRESHOLD, _USUAL_THRESHOLD)
            libc.mallopt(_TRIM_THRESHOLD, _USUAL_THRESHOLD)
            libc.malloc_trim(0)
