"""What models have in common that learn by counting training sessions, without gradients."""

from abc import abstractmethod
from collections.abc import Mapping

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

import recbole_tagnnpp.recbole_compat  # noqa: F401  isort: skip
from recbole.config import Config
from recbole.data.dataset import Dataset
from recbole.data.interaction import Interaction
from recbole.model.abstract_recommender import SequentialRecommender

from recbole_tagnnpp.baselines.counting.learnt_arrays import LearntArrays, check_dtypes, check_values_from
from recbole_tagnnpp.baselines.counting.ties import settle_ties
from recbole_tagnnpp.data.session_sequences import IntArray, SessionSequences
from recbole_tagnnpp.data.whole_sessions import FloatArray, SessionClicks, whole_sessions
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.model.packing import pack_sessions

CHUNK_VALUES = 1 << 22
"""Dense values [rows, I] that are held at once, 32 MB of float64."""


class CountingRecommender(SequentialRecommender):
    """A sequential model that is fitted in one pass over training sessions, with numpy on the CPU.

    A subclass says what it learns (:meth:`learn`, as arrays) and which items it gives a positive score
    (:meth:`session_scores`).  All other items come behind those, the more popular first; of equal scores the more
    popular item is first, of equal popularity the one with the lower number.  So every ranking is determined.
    Scores are rounded to 12 digits (``settle_ties``), so that those that are equal on paper are equal.

    What was learnt is kept in buffers, whose sizes depend on the training sessions; ``load_learnt`` reads them back.

    Args:
        config: keys of the model's property file.
        dataset: tells the number of items; item 0 is padding.
    """

    pads_to_longest = True
    learnt_dtypes: Mapping[str, type[np.generic]] = {"popularity": np.int64}
    """Name of each array that is learnt and kept in checkpoints, and its dtype; all have one dimension."""

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        for name, dtype in self.learnt_dtypes.items():
            self.register_buffer(name, torch.from_numpy(np.zeros(0, dtype)))

    # --- what a subclass says -------------------------------------------------------------------------------------

    @abstractmethod
    def learn(self, sessions: SessionClicks) -> LearntArrays:
        """What there is to learn from whole sessions, beside popularity."""

    def check_learnt(self, learnt: LearntArrays) -> None:
        """Check arrays of a checkpoint, whose names, dtypes and popularity are right already.

        Raises:
            ValueError: an array is not what :meth:`learn` could have given.
        """

    def index_learnt(self, learnt: LearntArrays) -> None:
        """Make from the learnt arrays what scoring needs."""

    @abstractmethod
    def session_scores(self, sessions: SessionClicks) -> sparse.csr_array:
        """[B, n_items] float64 positive scores of some items for each session; the others have none."""

    # --- fitting --------------------------------------------------------------------------------------------------

    def fit_sequences(self, sequences: SessionSequences) -> None:
        """Learn from sequences; what was learnt before is forgotten."""
        sessions = whole_sessions(sequences)
        popularity = np.bincount(sessions.items, minlength=self.n_items).astype(np.int64)
        self._take({"popularity": popularity, **self.learn(sessions)})

    def load_learnt(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what was learnt before, from the tensors of a checkpoint.

        Raises:
            ValueError: a tensor is missing, or has values, a shape or a dtype that the model cannot have learnt.
        """
        learnt = check_dtypes(tensors, self.learnt_dtypes)
        popularity = learnt["popularity"]
        if len(popularity) != self.n_items:
            raise ValueError(
                f"'popularity' counts {len(popularity)} items (padding included), the model needs {self.n_items}"
            )
        check_values_from("popularity", popularity, 0)
        if popularity[0]:
            raise ValueError(f"'popularity' of item 0, padding, is {popularity[0]}, allowed is 0")
        self.check_learnt(learnt)
        self._take(learnt)

    def _take(self, learnt: LearntArrays) -> None:
        for name in self.learnt_dtypes:
            setattr(self, name, torch.from_numpy(learnt[name]))
        popularity = learnt["popularity"]
        self._by_popularity: IntArray = 1 + np.argsort(-popularity[1:], kind="stable")  # ties: lower number first
        self._popularity_rank: IntArray = np.empty(self.n_items, dtype=np.int64)  # from 0
        self._popularity_rank[self._by_popularity] = np.arange(self.n_items - 1)
        self.index_learnt(learnt)

    # --- scoring --------------------------------------------------------------------------------------------------

    def calculate_loss(self, interaction: Interaction) -> Tensor:
        """There is none.

        Raises:
            UserError: always.
        """
        raise UserError(f"model={type(self).__name__}: learns by counting and has no loss; fit_sequences() fits it")

    def full_sort_predict(self, interaction: Interaction) -> Tensor:
        """[B, n_items] float64 scores of every item per session.

        An item without a positive score has minus its rank by popularity over the number of items, in [-1, 0); column
        0, padding, is minus infinity.
        """
        chunks = [self._dense_scores(chunk) for chunk in self._chunks(interaction)]
        return torch.from_numpy(np.concatenate(chunks)).to(interaction[self.ITEM_SEQ].device)

    def predict(self, interaction: Interaction) -> Tensor:
        """[B] float64 scores of one given item (field ``item_id``) per session, as :meth:`full_sort_predict`."""
        items = interaction[self.ITEM_ID].cpu().numpy()
        scores, start = [], 0
        for chunk in self._chunks(interaction):
            rows = np.arange(len(chunk))
            scores.append(self._dense_scores(chunk)[rows, items[start : start + len(chunk)]])
            start += len(chunk)
        return torch.from_numpy(np.concatenate(scores)).to(interaction[self.ITEM_SEQ].device)

    def top_items(self, interaction: Interaction, k: int) -> tuple[Tensor, Tensor]:
        """The k best items per session, best first.

        Returns:
            scores [B, k] float64, as :meth:`full_sort_predict`, and items [B, k] int64.

        Raises:
            ValueError: there are fewer than k items.
        """
        if k >= self.n_items:
            raise ValueError(f"k={k}: there are only {self.n_items - 1} items")
        scores, ranks = zip(*(self._top_ranks(chunk, k) for chunk in self._chunks(interaction)), strict=True)
        device = interaction[self.ITEM_SEQ].device
        return (
            torch.from_numpy(np.concatenate(scores)).to(device),
            torch.from_numpy(self._by_popularity[np.concatenate(ranks)]).to(device),
        )

    def _chunks(self, interaction: Interaction) -> list[SessionClicks]:
        """The sessions of a batch, a bounded number of them at a time."""
        if not len(self.popularity):
            raise UserError(f"model={type(self).__name__}: has learnt nothing yet; fit_sequences() fits it")
        item_seq, lengths = interaction[self.ITEM_SEQ].cpu(), interaction[self.ITEM_SEQ_LEN].cpu()
        packed = pack_sessions(item_seq, lengths, self.max_seq_length)
        clicks = SessionClicks(packed.items.numpy(), np.append(0, packed.lengths.cumsum(0).numpy()))
        rows = max(1, CHUNK_VALUES // self.n_items)
        return [clicks.select(start, min(start + rows, len(clicks))) for start in range(0, len(clicks), rows)]

    def _dense_scores(self, sessions: SessionClicks) -> FloatArray:
        """[B, n_items]."""
        scores = np.empty((len(sessions), self.n_items))
        scores[:] = self._unscored(self._popularity_rank)
        scores[:, 0] = -np.inf
        scored = self.session_scores(sessions).tocoo()
        scores[scored.coords] = settle_ties(scored.data)
        return scores

    def _top_ranks(self, sessions: SessionClicks, k: int) -> tuple[FloatArray, IntArray]:
        """Scores [B, k] and popularity ranks [B, k] of the best items."""
        scored = self.session_scores(sessions)
        counts = np.diff(scored.indptr)
        width = int(counts.max())
        # columns: the items with a score, popular ones first, then the k most popular items of all, which are enough
        # to fill up with
        is_scored = np.arange(width) < counts[:, None]
        row_of_score = np.repeat(np.arange(len(sessions)), counts)
        ranks = self._popularity_rank[scored.indices]
        order = np.argsort(row_of_score * self.n_items + ranks, kind="stable")
        scores = np.full((len(sessions), width + k), -np.inf)
        all_ranks = np.zeros((len(sessions), width + k), dtype=np.int64)
        scores[:, :width][is_scored] = settle_ties(scored.data)[order]
        all_ranks[:, :width][is_scored] = ranks[order]
        all_ranks[:, width:] = np.arange(k)
        scores[:, width:] = self._unscored(np.arange(k))
        is_popular = ranks < k
        scores[row_of_score[is_popular], width + ranks[is_popular]] = -np.inf  # they have a score already
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, best, axis=1), np.take_along_axis(all_ranks, best, axis=1)

    def _unscored(self, popularity_rank: IntArray) -> FloatArray:
        return -(popularity_rank + 1) / (self.n_items - 1)
