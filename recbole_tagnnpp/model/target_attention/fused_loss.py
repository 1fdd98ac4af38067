"""A loss whose gradients are computed with it, as autograd wants it: what the fused backends share."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

LossAndGradients = Callable[[list[Tensor], bool], tuple[Tensor, tuple[Tensor, ...] | None]]
"""From plain inputs (see :func:`plain`), and whether gradients are wanted, to the loss and the gradients of the inputs."""


def plain(*tensors: Tensor) -> list[Tensor]:
    """Tensors as kernels read them: float32, contiguous, without history."""
    return [tensor.detach().float().contiguous() for tensor in tensors]


def fused_loss(compute: LossAndGradients, keys: Tensor, values: Tensor, session: Tensor, items: Tensor) -> Tensor:
    """A scalar loss of four inputs; ``compute`` is called once, here, and the backward call only scales its gradients."""
    return _FusedLoss.apply(compute, keys, values, session, items)


class _FusedLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, compute: LossAndGradients, keys: Tensor, values: Tensor, session: Tensor, items: Tensor
    ) -> Tensor:
        inputs = (keys, values, session, items)
        loss, gradients = compute(plain(*inputs), any(ctx.needs_input_grad[1:]))
        ctx.gradients = None
        if gradients is not None:
            ctx.gradients = [g.to(t.dtype) for g, t in zip(gradients, inputs, strict=True)]
        return loss

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        if ctx.gradients is None:
            raise RuntimeError("the gradients of this loss have been used; compute it again for a second backward")
        gradients, ctx.gradients = ctx.gradients, None  # lets the caller own them without a copy
        # on a GPU always scaled: to look at the factor would mean waiting for the device
        if upstream.device.type != "cpu" or upstream.item() != 1.0:
            gradients = [g.mul_(upstream.to(g.dtype)) for g in gradients]
        return (None, *gradients)
