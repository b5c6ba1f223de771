"""Other libraries behave: no progress bars, log lines or warnings of theirs, and no idle threads that spin."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGERS = (
    "bitsandbytes",
    "bm25s",
    "datasets",
    "huggingface_hub",
    "peft",
    "sentence_transformers",
    "torch",
    "transformers",
)
_SWITCHES = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    # Threads that wait by spinning steal the cores from those that work, as soon as anything else runs on the machine:
    # encoding was 4 to 10 times slower then.
    "OMP_WAIT_POLICY": "PASSIVE",
    # Every length of text is a shape of its own to oneDNN, and it keeps up to 1,024 of them ready: a gigabyte after 46 steps.
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "16",
    # Some models have weights that no vector depends on, so every training in several processes looks for them, and is told.
    "TORCH_CPP_LOG_LEVEL": "ERROR",
}


def set_switches() -> None:
    """Set the environment variables that libraries read when they are imported; a user's own values win."""
    for name, value in _SWITCHES.items():
        os.environ.setdefault(name, value)


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep other libraries off the screen while the block runs; errors are raised as ever.

    Logging that an application has set up still gets their messages, and afterwards their progress bars are as they were.
    """
    set_switches()
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not logger.handlers:  # without any handler Python prints warnings to stderr
            logger.addHandler(logging.NullHandler())
    theirs = logging.getLogger("transformers")
    level, bars = theirs.level, _bars(False)
    if any(isinstance(handler, logging.StreamHandler) for handler in theirs.handlers):
        theirs.setLevel(max(level, logging.ERROR))
    try:
        with warnings.catch_warnings():
            if not sys.warnoptions and logging.getLogger("py.warnings").handlers == []:
                warnings.simplefilter("ignore")
            yield
    finally:
        theirs.setLevel(level)
        _bars(bars)


def _bars(on: bool) -> bool:
    """Turn the bars of transformers on or off, if it has been imported; return whether they were on."""
    module = sys.modules.get("transformers.utils.logging")
    if module is None:
        return False
    was: bool = module.is_progress_bar_enabled()
    if was != on:
        (module.enable_progress_bar if on else module.disable_progress_bar)()
    return was
