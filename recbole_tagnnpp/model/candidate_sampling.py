"""Training against a sample of the items, for catalogues too large for all of them.

A step's candidates are the target items of its batch and items drawn from a fixed distribution.  Every candidate's score,
the target's too, is reduced by the logarithm of the probability that the item is among the candidates (sampled softmax;
Jean et al. 2015).  The softmax over candidates then is the probability that an item is the target given who the candidates
are, if the scores are those that exact training would arrive at.  The loss itself is another, smaller one than that over
all items, and no estimate of it.  Label smoothing is another matter: its share is spread over a step's candidates alike, so
that popular items, which are drawn more often, get more of it than under exact training.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Distribution = Literal["popularity", "uniform"]


@dataclass(frozen=True)
class Candidates:
    """Items that compete in one step.

    Attributes:
        items: [C] int64, distinct candidate rows in ascending order.
        targets: [B] int64, place of each session's target among them.
        log_inclusion: [C] float32, logarithm of the probability that an item is among the candidates of a step.
    """

    items: Tensor
    targets: Tensor
    log_inclusion: Tensor


class CandidateSampler:
    """Draws candidates; its chance comes from torch's default generator.

    Args:
        counts: item number (from 1) to how often it is a target in training.
        n_items: number of items without padding; candidate row v belongs to item v + 1.
        n_samples: draws per step, with replacement.
        distribution: ``popularity`` draws items as often as they are targets (each at least as if it had been one once),
            ``uniform`` all alike.
        device: of the results.
    """

    def __init__(
        self,
        counts: Mapping[int, int],
        n_items: int,
        n_samples: int,
        distribution: Distribution,
        device: torch.device | str = "cpu",
    ) -> None:
        target_counts = torch.zeros(n_items, dtype=torch.float64)
        for item, count in counts.items():
            if item > 0:
                target_counts[item - 1] = count
        weights = target_counts.clamp(min=1.0) if distribution == "popularity" else torch.ones(n_items, dtype=torch.float64)
        self.n_samples = n_samples
        self.draw_probability = (weights / weights.sum()).to(device)
        self.target_probability = (target_counts / target_counts.sum().clamp(min=1.0)).to(device)
        self._cumulative = self.draw_probability.cumsum(0)

    def draw(self, targets: Tensor) -> Candidates:
        """Candidates of one step.

        Args:
            targets: [B] int64 candidate rows of the target items.
        """
        chance = torch.rand(self.n_samples, dtype=torch.float64, device=targets.device)
        drawn = torch.searchsorted(self._cumulative, chance * self._cumulative[-1], right=True)
        items, places = torch.unique(torch.cat([targets, drawn.clamp(max=len(self._cumulative) - 1)]), return_inverse=True)
        # targets are draws, too, from the distribution of targets; the number of draws of an item is nearly Poisson
        expected = self.n_samples * self.draw_probability[items] + len(targets) * self.target_probability[items]
        return Candidates(items, places[: len(targets)], torch.log(-torch.expm1(-expected)).float())


def append_correction(keys: Tensor, values: Tensor, session: Tensor, items: Tensor, log_inclusion: Tensor) -> list[Tensor]:
    """Subtract ``log_inclusion`` [C] from the scores of the items [C, D] by one more feature of every vector."""
    one, zero = torch.ones_like(session[:, :1]), torch.zeros_like(keys[:, :1])
    return [
        torch.cat([keys, zero], dim=1),
        torch.cat([values, zero], dim=1),
        torch.cat([session, one], dim=1),
        torch.cat([items, -log_inclusion[:, None].to(items.dtype)], dim=1),
    ]
