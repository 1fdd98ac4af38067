"""Adaptive gradient clipping (AGC; Brock et al. 2021, "High-Performance Large-Scale Image Recognition Without
Normalization", equation 3)."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from recbole_tagnnpp.errors import UserError, suggestion


def unit_norms(tensor: Tensor) -> Tensor:
    """Euclidean norm of every unit, in a shape that broadcasts against ``tensor``.

    A unit is a row of a weight matrix, a row of an embedding table, or a whole bias or norm vector.
    """
    if tensor.ndim <= 1:
        return torch.linalg.vector_norm(tensor, keepdim=True) if tensor.ndim else tensor.abs()
    return torch.linalg.vector_norm(tensor, dim=tuple(range(1, tensor.ndim)), keepdim=True)


@torch.no_grad()
def clip_unit_gradients_(parameters: Sequence[Tensor], threshold: float, eps: float) -> None:
    """Clip the gradients of parameters in place.

    For every unit i: if ``||G_i|| / max(||W_i||, eps) > threshold`` then
    ``G_i <- threshold * max(||W_i||, eps) / ||G_i|| * G_i``; other units keep their gradient bit for bit.

    The units of all parameters are compared at once: on a GPU the number of operations counts, not their size.

    Args:
        parameters: of one device and dtype; those with a gradient, already unscaled and reduced over processes, count.
        threshold: lambda of the paper, above 0.
        eps: floor of the parameter norm, so that units that start at zero can move.
    """
    with_gradient = [(parameter, parameter.grad) for parameter in parameters if parameter.grad is not None]
    if not with_gradient:
        return
    norms = [(unit_norms(parameter), unit_norms(gradient)) for parameter, gradient in with_gradient]
    weight_norm, gradient_norm = (torch.cat([norm.flatten() for norm in of_all]) for of_all in zip(*norms, strict=True))
    largest = threshold * weight_norm.clamp_(min=eps)  # of all units, one parameter after the other
    factor = torch.where(gradient_norm > largest, largest / gradient_norm, 1.0)
    factors = factor.split([norm.numel() for norm, _ in norms])
    for (_, gradient), (norm, _), of_units in zip(with_gradient, norms, factors, strict=True):
        gradient.mul_(of_units.view_as(norm))  # times 1.0 leaves the bits of every finite value alone


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
                parts = [name.split(".") for name in parameters]
                known = {".".join(names[:depth]) for names in parts for depth in range(1, len(names) + 1)}
                hint = suggestion(pattern, sorted(known), shown=parameters)
                raise UserError(f"agc_exclude: {pattern!r} names no parameter; {hint}")
            excluded |= matched
        self.clipped = {name: p for name, p in parameters.items() if name not in excluded}

    def clip_gradients_(self) -> None:
        """Clip all gradients in place; once per step, after unscaling, before the optimizer."""
        clip_unit_gradients_(list(self.clipped.values()), self.threshold, self.eps)
