"""Which accelerator this machine has."""

from __future__ import annotations


def find_accelerator() -> str | None:
    """Return torch's name of the accelerator to use, or None for the CPU.

    NVIDIA and AMD (``cuda``) before Apple (``mps``) before Intel (``xpu``), as sentence-transformers places its models.
    """
    import torch

    backends = {"cuda": torch.cuda, "mps": torch.backends.mps, "xpu": torch.xpu}
    return next((name for name, backend in backends.items() if backend.is_available()), None)
