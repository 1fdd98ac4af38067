"""Adaptive gradient clipping, unit by unit."""

import math

import torch
from torch import Tensor


def naive_clip(weight: Tensor, gradient: Tensor, threshold: float, eps: float) -> Tensor:
    """The clipped gradient of one parameter."""
    if weight.ndim < 2 or len(weight) == 0:
        return _clip_unit(weight, gradient, threshold, eps)
    return torch.stack([_clip_unit(w, g, threshold, eps) for w, g in zip(weight, gradient, strict=True)])


def _clip_unit(weight: Tensor, gradient: Tensor, threshold: float, eps: float) -> Tensor:
    weight_norm = math.sqrt(sum(float(x) ** 2 for x in weight.flatten()))
    gradient_norm = math.sqrt(sum(float(x) ** 2 for x in gradient.flatten()))
    if gradient_norm / max(weight_norm, eps) > threshold:
        return gradient * (threshold * max(weight_norm, eps) / gradient_norm)
    return gradient.clone()
