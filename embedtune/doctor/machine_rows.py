"""The machine: cores, instruction sets, memory, disk, and what the environment holds."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from embedtune import machine
from embedtune.doctor.rows import FAIL, OK, WARN, Row
from embedtune.pipeline.machine_checks import check_writable
from embedtune.project.manifest import library_versions

KEYS = ("OPENAI_API_KEY", "EMBEDTUNE_LLM_KEY", "HF_TOKEN")
_GIB = 1 << 30
_DEMO_MEMORY = 4 * _GIB
_LEAST_MEMORY = _GIB // 2
_DEMO_DISK = _GIB
_LEAST_DISK = 300 << 20


def python() -> list[Row]:
    """Which Python, system and embedtune."""
    system = f"{platform.system()} {platform.machine()}"
    own = library_versions().get("embedtune", "not installed, run from its folder")
    found = f"{platform.python_version()} on {system}, embedtune {own}"
    return [Row("python", OK, found)]


def cores() -> list[Row]:
    """Cores, and the threads that torch takes of them."""
    import torch

    cores, quota, threads = machine.cores(), machine.core_quota(), torch.get_num_threads()
    variable = os.environ.get("OMP_NUM_THREADS")
    found = f"{cores} cores, torch takes {threads} threads"
    found += f", a container grants the time of {quota:g}" if quota else ""
    found += f", OMP_NUM_THREADS={variable}" if variable else ""
    if quota and threads > max(1, round(quota)):
        advice = f"export OMP_NUM_THREADS={max(1, round(quota))}: more threads wait for each other"
        return [Row("cores", WARN, found, advice)]
    if variable and threads < cores // 2:
        return [Row("cores", WARN, found, "unset OMP_NUM_THREADS, if nothing else needs the other cores")]
    return [Row("cores", OK, found)]


def instructions() -> list[Row]:
    """Instruction sets, and the precision they lead to."""
    import torch

    from embedtune.models.encoder import choose_precision

    names = machine.instruction_sets()
    known = ", ".join(names) or "none that matter, or the system does not tell"
    level = torch.backends.cpu.get_cpu_capability()
    found = f"{known}; torch uses {level}; --precision auto is {choose_precision('auto')}"
    if level == "DEFAULT":
        return [Row("instructions", WARN, found, "expect a training several times longer; use a processor with AVX2")]
    return [Row("instructions", OK, found)]


def gpu() -> list[Row]:
    """Graphics cards that torch sees."""
    import torch

    if not torch.cuda.is_available():
        return [Row("gpu", OK, "none that torch sees; small models train on the CPU")]
    names = []
    for number in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(number)
        name = torch.cuda.get_device_name(number)
        names.append(f"{name}, {machine.in_words(free)} of {machine.in_words(total)} free")
    return [Row("gpu", OK, "; ".join(names))]


def memory() -> list[Row]:
    """Memory that is left, within a container's limit."""
    found = machine.memory()
    limit = " (a container's limit)" if found.limited else ""
    words = f"{machine.in_words(found.available)} available of {machine.in_words(found.total)}{limit}"
    if found.available < _LEAST_MEMORY:
        return [Row("memory", FAIL, words, "close other programs or raise the container's limit")]
    if found.available < _DEMO_MEMORY:
        advice = "lower --batch-size, for example to 8; 4 GiB are enough for the default model and settings"
        return [Row("memory", WARN, words, advice)]
    return [Row("memory", OK, words)]


def disk(folder: Path) -> list[Row]:
    """Free disk where a run would be."""
    free = machine.disk_free(folder)
    words = f"{machine.in_words(free)} free at {machine.nearest_folder(folder)}"
    if free < _LEAST_DISK:
        return [Row("disk", FAIL, words, "free disk space or choose another folder; a run takes 300 MiB")]
    if free < _DEMO_DISK:
        return [Row("disk", WARN, words, "free some: a run takes about three times the base model's weights")]
    return [Row("disk", OK, words)]


def folder(folder: Path) -> list[Row]:
    """Whether a run could be written."""
    check_writable(folder / "dataset")
    return [Row("folder", OK, f"{folder.absolute()} can be written")]


def keys() -> list[Row]:
    """Which keys are in the environment; never their values."""
    present = [name for name in KEYS if os.environ.get(name)]
    absent = [name for name in KEYS if name not in present]
    parts = [f"set: {', '.join(present)}"] if present else []
    parts += [f"not set: {', '.join(absent)}"] if absent else []
    return [Row("keys", OK, f"{'; '.join(parts)}; none is needed")]
