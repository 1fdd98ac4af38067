"""Adaptive gradient clipping (AGC; Brock et al. 2021, "High-Performance Large-Scale Image Recognition Without
Normalization", equation 3)."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from recbole_tagnnpp.errors import UserError


def unit_norms(tensor: Tensor) -> Tensor:
    """Euclidean norm of every unit, in a shape that broadcasts against ``tensor``.

    A unit is a row of a weight matrix, a row of an embedding table, or a whole bias or norm vector.
    """
    if tensor.ndim <= 1:
        return torch.linalg.vector_norm(tensor, keepdim=True) if tensor.ndim else tensor.abs()
    return torch.linalg.vector_norm(tensor, dim=tuple(range(1, tensor.ndim)), keepdim=True)


@torch.no_grad()
def clip_unit_gradients_(parameter: Tensor, threshold: float, eps: float) -> None:
    """Clip the gradient of one parameter in place.

    For every unit i: if ``||G_i|| / max(||W_i||, eps) > threshold`` then
    ``G_i <- threshold * max(||W_i||, eps) / ||G_i|| * G_i``; other units keep their gradient bit for bit.

    Args:
        parameter: with a gradient, already unscaled and reduced over processes.
        threshold: lambda of the paper, above 0.
        eps: floor of the parameter norm, so that units that start at zero can move.
    """
    gradient = parameter.grad
    if gradient is None:
        return
    gradient_norm = unit_norms(gradient)
    largest = threshold * unit_norms(parameter).clamp(min=eps)
    too_large = gradient_norm > largest
    factor = torch.where(too_large, largest / gradient_norm, torch.ones_like(largest))
    gradient.mul_(factor)  # times 1.0 leaves the bits of every finite value alone


class AdaptiveGradientClipping:
    """AGC over the parameters of a model.

    Args:
        named_parameters: ``model.named_parameters()``.
        threshold: lambda, above 0.
        eps: floor of the parameter norm.
        exclude: parameters that are left alone: names (``item_embedding.weight``), their modules
            (``item_embedding``) or patterns (``*.bias``).

    Raises:
        UserError: an entry of ``exclude`` names no parameter.
    """

    def __init__(
        self,
        named_parameters: Iterable[tuple[str, nn.Parameter]],
        threshold: float,
        eps: float,
        exclude: Sequence[str],
    ) -> None:
        self.threshold = threshold
        self.eps = eps
        parameters = dict(named_parameters)
        excluded: set[str] = set()
        for pattern in exclude:
            matched = {n for n in parameters if fnmatchcase(n, pattern) or n.startswith(pattern + ".")}
            if not matched:
                raise UserError(f"agc_exclude: {pattern!r} names no parameter; there are {', '.join(parameters)}")
            excluded |= matched
        self.clipped = {name: p for name, p in parameters.items() if name not in excluded}

    def clip_gradients_(self) -> None:
        """Clip all gradients in place; once per step, after unscaling, before the optimizer."""
        for parameter in self.clipped.values():
            clip_unit_gradients_(parameter, self.threshold, self.eps)
