"""The vectors of saved models as others get them: a process of its own loads them, which lives on for the next model.

Run as a module it is that process: ``python -m embedtune.training.reloading SECONDS``. It reads jobs from stdin and writes
vectors to stdout, both pickled. It ends with the process that started it, however that ends, and after so long without a job.
"""

from __future__ import annotations

import atexit
import gc
import os
import pickle
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, BinaryIO

import numpy as np

from embedtune.errors import EmbedtuneError, IntegrityError, ResourceError
from embedtune.types import Vectors

IDLE_SECONDS = 60.0
"""After which the other process ends."""
_KILLED = -9


def encode_elsewhere(model: Path, **job: Any) -> dict[str, Vectors]:
    """Return the vectors of a saved model from the other process; see ``encode_saved``, whose arguments it takes.

    Raises:
        IntegrityError: If the model cannot be loaded there.
        ResourceError: If the process was killed.
    """
    return _reloader_of(os.getpid()).ask(model.resolve(), job)


@cache
def _reloader_of(pid: int) -> Reloader:
    """Return that of a process: after a fork, two would read each other's answers."""
    return Reloader()


class Reloader:
    """The other process, seen from here. It starts with the first job, and again after it has ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (it is written by every process that is started)
        atexit.register(self.stop)

    def ask(self, model: Path, job: dict[str, Any]) -> dict[str, Vectors]:
        """Return the answer to a job."""
        with self._lock:
            for _ in range(2):
                process = self.start()
                try:
                    return _exchange(process, {"model": model, **job})
                except (OSError, EOFError, pickle.UnpicklingError):
                    process.communicate()
                    if process.returncode:
                        break  # otherwise it ended in this very moment, because nothing had come
                except BaseException:
                    self.stop()  # or its answer would be taken for that to the next job
                    raise
            raise self._failure(model, process.returncode)

    def start(self) -> subprocess.Popen[bytes]:
        """Return the process; Ctrl-C in a terminal goes to this one alone, which ends it."""
        if self._process is None or self._process.poll() is not None:
            self._errors.seek(0)
            self._errors.truncate()
            self._process = subprocess.Popen(  # noqa: S603 (our own module, no shell)
                [sys.executable, "-m", "embedtune.training.reloading", str(IDLE_SECONDS)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                start_new_session=True,
            )
        return self._process

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def _failure(self, model: Path, code: int) -> EmbedtuneError:
        expected = f"{model}: expected a model that loads in a process of its own"
        if code == _KILLED:
            return ResourceError(f"{expected}, found that process killed", hint="memory may have run out")
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip()
        return IntegrityError(f"{expected}, found exit code {code}:\n{said[-2000:]}")


def _exchange(process: subprocess.Popen[bytes], job: dict[str, Any]) -> dict[str, Vectors]:
    assert process.stdin is not None and process.stdout is not None
    pickle.dump(job, process.stdin)
    process.stdin.flush()
    vectors: dict[str, Vectors] = pickle.load(process.stdout)  # noqa: S301 (written by our own module)
    return vectors


def encode_saved(
    model: Path,
    *,
    base: Path | None,
    scheme: str,
    trust_remote_code: bool,
    queries: Sequence[str],
    documents: Sequence[str],
) -> dict[str, Vectors]:
    """Return the vectors of ``merged/`` and, if there is a base to put it on, of ``adapter/``, by these names."""
    from sentence_transformers import SentenceTransformer

    merged = SentenceTransformer(str(model / "merged"), trust_remote_code=trust_remote_code)
    vectors = {"merged": encode_plainly(merged, queries, documents)}
    if base:
        adapted = load_with_adapter(base, model / "adapter", scheme, trust_remote_code=trust_remote_code)
        adapted.prompts = merged.prompts
        vectors["adapter"] = encode_plainly(adapted, queries, documents)
    return vectors


def encode_plainly(model: Any, queries: Sequence[str], documents: Sequence[str]) -> Vectors:
    """Return unit vectors in fp32 as any sentence-transformers user gets them: queries, then documents."""
    options = {"normalize_embeddings": True, "show_progress_bar": False}
    parts = [model.encode_query(list(queries), **options), model.encode_document(list(documents), **options)]
    vectors: Vectors = np.concatenate(parts).astype(np.float32)
    return vectors


def load_with_adapter(base_folder: Path, adapter_folder: Path, scheme: str, *, trust_remote_code: bool = False) -> Any:
    """Load the base with its recorded quantisation and put the saved adapter on it."""
    from embedtune.formats.adapter_files import put_adapter
    from embedtune.models.quantisation import load_quantised

    model = load_quantised(base_folder, scheme, trust_remote_code=trust_remote_code)
    put_adapter(model[0].model, adapter_folder)  # puts the layers into the model itself
    return model.eval()


def _serve(idle_seconds: float) -> None:
    """Answer jobs until none comes for so long; an exception ends the process and is read on stderr."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints must not mix with the answers
    jobs: SimpleQueue[dict[str, Any]] = SimpleQueue()
    stdin = os.fdopen(os.dup(sys.stdin.fileno()), "rb")  # Python cannot exit while a thread waits for its own sys.stdin
    threading.Thread(target=_read_jobs, args=[stdin, jobs], daemon=True).start()
    with suppress(Empty):
        while True:
            pickle.dump(encode_saved(**jobs.get(timeout=idle_seconds)), answers)
            answers.flush()
            gc.collect()  # models are in cycles, and hold their files


def _read_jobs(stdin: BinaryIO, jobs: SimpleQueue[dict[str, Any]]) -> None:
    """Pass jobs on; without the process that sends them this one ends at once, even in the middle of a job."""
    with suppress(EOFError, pickle.UnpicklingError):
        while True:
            jobs.put(pickle.load(stdin))  # noqa: S301 (written by the process that started this one)
    os._exit(0)


if __name__ == "__main__":
    _serve(float(sys.argv[1]))
