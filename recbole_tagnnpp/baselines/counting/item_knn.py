"""Item-KNN: items that occur in the same sessions as the last click."""

import numpy as np
from scipy import sparse

import recbole_tagnnpp.recbole_compat  # noqa: F401  isort: skip
from recbole.config import Config
from recbole.data.dataset import Dataset

from recbole_tagnnpp.baselines.counting.learnt_arrays import LearntArrays, check_ends, check_values_from
from recbole_tagnnpp.baselines.counting.recommender import CountingRecommender
from recbole_tagnnpp.baselines.counting.ties import settle_ties
from recbole_tagnnpp.data.whole_sessions import SessionClicks


class ItemKNN(CountingRecommender):
    r"""Session-based item-to-item similarity (Hidasi et al. 2016, baseline Item-KNN).

    With n(i) training sessions that hold item i and n(i, j) that hold both, the score of item j after last click i is
    :math:`n(i, j) / \sqrt{(n(i) + \lambda)(n(j) + \lambda)}`: a cosine, shrunk so that rare items do not look similar
    by coincidence.  How often an item is clicked inside a session does not count, and an item is not similar to
    itself.

    Args:
        config: ``n_similar_items``, most neighbours of an item that are kept, and ``shrinkage``, λ above in sessions.
        dataset: tells the number of items.
    """

    learnt_dtypes = {  # noqa: RUF012
        **CountingRecommender.learnt_dtypes,
        "similar_ends": np.int64,
        "similar_items": np.int64,
        "similarities": np.float64,
    }

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.n_similar_items: int = config["n_similar_items"]
        self.shrinkage: float = config["shrinkage"]

    def learn(self, sessions: SessionClicks) -> LearntArrays:
        """The most similar items of every item; of equally similar ones the more clicked, then the lower number."""
        distinct = sessions.distinct()
        occurrences = distinct.matrix(np.ones(len(distinct.items)), self.n_items)  # [S, n_items]
        n_sessions = occurrences.sum(axis=0)
        pairs = (occurrences.T @ occurrences).tocoo()
        other = pairs.row != pairs.col
        item, similar = pairs.row[other].astype(np.int64), pairs.col[other].astype(np.int64)
        scale = np.sqrt((n_sessions[item] + self.shrinkage) * (n_sessions[similar] + self.shrinkage))
        similarity = settle_ties(pairs.data[other] / scale)
        clicks = np.bincount(sessions.items, minlength=self.n_items)
        order = np.lexsort((similar, -clicks[similar], -similarity, item))
        item, similar, similarity = item[order], similar[order], similarity[order]
        first = np.searchsorted(item, np.arange(self.n_items))
        kept = np.arange(len(item)) - first[item] < self.n_similar_items
        return {
            "similar_ends": np.searchsorted(item[kept], np.arange(self.n_items + 1)).astype(np.int64),
            "similar_items": similar[kept],
            "similarities": similarity[kept],
        }

    def check_learnt(self, learnt: LearntArrays) -> None:
        """Check the rows of the similarity matrix."""
        items, similarities = learnt["similar_items"], learnt["similarities"]
        if len(items) != len(similarities):
            raise ValueError(f"'similar_items' has {len(items)} entries, 'similarities' has {len(similarities)}")
        check_ends("similar_ends", learnt["similar_ends"], self.n_items, len(items), shortest=0)
        check_values_from("similar_items", items, 1, self.n_items)
        check_values_from("similarities", similarities, np.finfo(np.float64).tiny)
        row = np.repeat(np.arange(self.n_items), np.diff(learnt["similar_ends"]))
        if len(np.unique(row * self.n_items + items)) < len(items):
            raise ValueError("'similar_items' lists an item twice in one row")

    def index_learnt(self, learnt: LearntArrays) -> None:
        """The similarity matrix."""
        self._similarity = sparse.csr_array(
            (learnt["similarities"], learnt["similar_items"], learnt["similar_ends"]), shape=(self.n_items, self.n_items)
        )

    def session_scores(self, sessions: SessionClicks) -> sparse.csr_array:
        """[B, n_items] similarities to the last click."""
        return self._similarity[sessions.items[sessions.ends[1:] - 1]]
