"""Layers that compute on a CPU what torch's, peft's and bitsandbytes' compute, in a fraction of their time."""

from __future__ import annotations

from embedtune.training.layers.patching import fast_layers

__all__ = ["fast_layers"]
