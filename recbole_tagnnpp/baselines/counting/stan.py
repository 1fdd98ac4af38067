"""STAN: session neighbours that are weighted by sequence and time."""

import numpy as np

import recbole_tagnnpp.recbole_compat  # noqa: F401  isort: skip
from recbole.config import Config
from recbole.data.dataset import Dataset

from recbole_tagnnpp.baselines.counting.neighbours import NeighbourItems, NeighbourRecommender
from recbole_tagnnpp.data.session_sequences import IntArray
from recbole_tagnnpp.data.whole_sessions import FloatArray


class STAN(NeighbourRecommender):
    r"""Sequence and time aware neighbourhood (Garg, Gupta, Malhotra, Vig, Shroff: SIGIR 2019).

    For a current session s, a training session n and :math:`p(i, s)` the place of item i in s:

    - :math:`w_1(i) = \exp(-(|s| - p(i, s)) / \lambda_1)`, recency of the click in the current session, in clicks;
    - :math:`w_2(n) = \exp(-a(n) / \lambda_2)`, recency of the neighbour;
    - :math:`\mathrm{sim}(s, n) = w_2(n) \sum_{i \in s \cap n} w_1(i) / \sqrt{l(s)\, l(n)}`, a cosine;
    - :math:`w_3(i, n) = \exp(-|p(i, n) - p(i^*, n)| / \lambda_3)`, distance in the neighbour, in clicks, from the most
      recent item :math:`i^*` of s that n shares;
    - the score of item i is :math:`\sum_n \mathrm{sim}(s, n)\, w_3(i, n)` over those of the ``n_neighbors`` nearest
      sessions that hold it.

    A factor whose λ is ``None`` is 1.  The formulas are also those of session-rec's STAN, but for the norm of s, which
    changes no ranking, and for :math:`i^*`: there it is the shared item that comes last in n.  What we had to decide:

    - Prepared sequences carry no times, so :math:`a(n)` is not in days: it is the number of training sessions that are
      more recent than n, and :math:`\lambda_2` is in training sessions.
    - Of an item that is clicked more than once, its last click is its place, in s and in n.
    - :math:`l` is the number of distinct items, the squared length of a session's binary vector; :math:`l(s)` changes no
      ranking and is left out of the scores.
    - Candidates are the ``sample_size`` most recent sessions that share an item with s, as in VS-kNN.
    - The current session's own items are recommended like all others.

    Args:
        config: ``lambda_1``, ``lambda_2``, ``lambda_3``, ``n_neighbors`` and ``sample_size``.
        dataset: tells the number of items.
    """

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.lambda_1: float | None = config["lambda_1"]
        self.lambda_2: float | None = config["lambda_2"]
        self.lambda_3: float | None = config["lambda_3"]

    def click_weights(self, positions: IntArray, lengths: IntArray) -> FloatArray:
        """Factor w_1."""
        return _decay(lengths - positions, self.lambda_1)

    def session_factors(self, ages: IntArray, n_items: IntArray) -> FloatArray:
        """Factor w_2 and the part of the cosine that depends on the neighbour."""
        return _decay(ages, self.lambda_2) / np.sqrt(n_items)

    def pair_weights(self, items: NeighbourItems, similarity: FloatArray) -> FloatArray:
        """Similarity times factor w_3."""
        return similarity[items.neighbour] * _decay(np.abs(items.position - items.anchor[items.neighbour]), self.lambda_3)


def _decay(distance: IntArray, scale: float | None) -> FloatArray:
    return np.ones(len(distance)) if scale is None else np.exp(-distance / scale)
