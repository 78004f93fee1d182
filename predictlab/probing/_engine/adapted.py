"""Linear maps with an adapter of their own for every run of a stack, on base weights that all runs share."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import linear


class AdaptedLinear(torch.autograd.Function):
    """``x W' + b + scale (x A') B'`` for each run, with gradients for `x`, `A` and `B` only.

    Left to autograd, the sum would be written twice and kept; the base weight is frozen: its gradient is never asked.
    """

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, base: torch.Tensor | None,
        a: torch.Tensor, b: torch.Tensor, scale: float,
    ) -> torch.Tensor:  # fmt: skip
        """Outputs of all runs.

        Parameters
        ----------
        x : torch.Tensor (runs, n, in)
        weight, bias : torch.Tensor (out, in), (out,) or None
            Of the frozen map.
        base : torch.Tensor (runs, n, out) or None
            ``x W' + b`` where it is known already.
        a, b : torch.Tensor (runs, rank, in), (runs, out, rank)
            In float32; the passes are in the type of `x`.
        scale : float

        Returns
        -------
        torch.Tensor (runs, n, out)
        """
        a, b = a.to(x.dtype), b.to(x.dtype)
        low = torch.bmm(x, a.mT)
        if base is None:
            out = linear(x, weight, bias).baddbmm_(low, b.mT, alpha=scale)
        else:
            out = torch.baddbmm(base, low, b.mT, alpha=scale)
        ctx.save_for_backward(x, weight, low, a, b)
        ctx.scale = scale
        return out

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Gradients of `x` (where it is asked for), `a` and `b`."""
        (grad,) = grads
        x, weight, low, a, b = ctx.saved_tensors
        inner = torch.bmm(grad, b).mul_(ctx.scale)
        grad_b = torch.bmm(grad.mT, low).float().mul_(ctx.scale)
        grad_a = torch.bmm(inner.mT, x).float()
        grad_x = (grad @ weight).baddbmm_(inner, a) if ctx.needs_input_grad[0] else None
        return grad_x, None, None, None, grad_a, grad_b, None
