"""Adaptive gradient clipping (AGC; Brock et al. 2021, "High-Performance Large-Scale Image Recognition Without
Normalization", equation 3)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from recbole_tagnnpp.errors import UserError

LARGE = 2**18
"""A parameter of more numbers is not copied to lie beside others."""


def as_units(tensor: Tensor) -> Tensor:
    """[units, numbers of a unit]: a unit is a row of a weight matrix or of an embedding table, or a whole bias or norm
    vector."""
    return tensor.reshape(len(tensor) if tensor.ndim > 1 else 1, -1)


@torch.no_grad()
def clip_unit_gradients_(parameters: Sequence[Tensor], threshold: float, eps: float) -> None:
    """Clip the gradients of parameters in place.

    For every unit i: if ``||G_i|| / max(||W_i||, eps) > threshold`` then
    ``G_i <- threshold * max(||W_i||, eps) / ||G_i|| * G_i``; other units keep their gradient bit for bit.

    Units of one length are compared at once, whosever they are: on a GPU the number of operations counts, not their size.

    Args:
        parameters: of one device and dtype; those with a gradient, already unscaled and reduced over processes, count.
        threshold: lambda of the paper, above 0.
        eps: floor of the parameter norm, so that units that start at zero can move.
    """
    of_length: dict[tuple[int, int], list[tuple[Tensor, Tensor]]] = defaultdict(list)
    for number, parameter in enumerate(parameters):
        if parameter.grad is not None and parameter.numel():
            together = number if parameter.numel() > LARGE else -1
            of_length[as_units(parameter).shape[1], together].append((parameter, parameter.grad))
    for alike in of_length.values():
        weights, gradients = (_stack(tensors) for tensors in zip(*alike, strict=True))
        gradient_norm = torch.linalg.vector_norm(gradients, dim=1, keepdim=True)
        largest = threshold * torch.linalg.vector_norm(weights, dim=1, keepdim=True).clamp_(min=eps)
        factor = torch.where(gradient_norm > largest, largest / gradient_norm, 1.0)  # 1.0 leaves the bits alone
        clipped = (gradients * factor).split([len(as_units(own)) for _, own in alike])
        torch._foreach_copy_(
            [own for _, own in alike], [c.view_as(own) for c, (_, own) in zip(clipped, alike, strict=True)]
        )


def _stack(tensors: Sequence[Tensor]) -> Tensor:
    """[units, numbers of a unit] of all tensors, one below the other."""
    return as_units(tensors[0]) if len(tensors) == 1 else torch.cat([as_units(tensor) for tensor in tensors])


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
        clip_unit_gradients_(list(self.clipped.values()), self.threshold, self.eps)
