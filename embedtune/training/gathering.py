"""The rows of all processes of a batch, so that each computes the loss of the whole batch and carries its own share back."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed
from torch.nn import functional


def gathered(rows: Tensor) -> Tensor:
    """Return the rows ``(n, …)`` of all processes in their order, ``(n_all, …)``; of one process its own.

    The gradient of a process's rows is that of the whole batch's loss times the number of processes, because
    ``DistributedDataParallel`` averages over them: together they get the gradients that one process would get.
    """
    if not (distributed.is_available() and distributed.is_initialized()) or distributed.get_world_size() == 1:
        return rows
    whole: Tensor = _Gathered.apply(rows)  # type: ignore[no-untyped-call]
    return whole


class _Gathered(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        own = torch.tensor([len(rows)], device=rows.device)
        counts = [torch.zeros_like(own) for _ in range(distributed.get_world_size())]
        distributed.all_gather(counts, own)
        lengths = [int(count) for count in counts]
        # Shares of a batch may differ by a row, which a backend would not send.
        padded = functional.pad(rows, (0, 0) * (rows.dim() - 1) + (0, max(lengths) - len(rows))).contiguous()
        parts = [torch.empty_like(padded) for _ in lengths]
        distributed.all_gather(parts, padded)
        ctx.start = sum(lengths[: distributed.get_rank()])
        ctx.length, ctx.size = len(rows), len(lengths)
        return torch.cat([part[:length] for part, length in zip(parts, lengths, strict=True)])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        own: Tensor = ctx.size * gradient[ctx.start : ctx.start + ctx.length]
        return own
