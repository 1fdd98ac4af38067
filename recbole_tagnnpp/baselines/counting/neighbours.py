"""Session-kNN: the training sessions most like the current one, and what they say about items.

Shape letters: B current sessions, S training sessions, N neighbours of all current sessions together, P clicks of
distinct items in those neighbours ("pairs").
"""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from scipy import sparse

import recbole_tagnnpp.recbole_compat  # noqa: F401  isort: skip
from recbole.config import Config
from recbole.data.dataset import Dataset

from recbole_tagnnpp.baselines.counting.learnt_arrays import LearntArrays, check_ends, check_values_from
from recbole_tagnnpp.baselines.counting.recommender import CountingRecommender
from recbole_tagnnpp.baselines.counting.ties import settle_ties
from recbole_tagnnpp.data.session_sequences import IntArray
from recbole_tagnnpp.data.whole_sessions import FloatArray, SessionClicks

CHUNK_CANDIDATES = 1 << 22
"""Candidate sessions of all current sessions together that are held at once, about 100 MB of work space."""


@dataclass(frozen=True)
class Neighbours:
    """The neighbours of a few current sessions, by current session, most similar first.

    Attributes:
        row: [N] int64 current session.
        session: [N] int64 training session; a higher number is a more recent one.
        similarity: [N] float64, positive.
    """

    row: IntArray
    session: IntArray
    similarity: FloatArray


@dataclass(frozen=True)
class NeighbourItems:
    """The distinct items of all neighbours, neighbour by neighbour.

    Attributes:
        neighbour: [P] int64, which of the N neighbours.
        item: [P] int64.
        position: [P] int64, place of the item's last click in the neighbour, from 1.
        last_common: [N] int64, steps from the end of the current session, the last click being 1, to its most recent
            click on an item that the neighbour holds too.
        anchor: [N] int64, place of that item's last click in the neighbour, from 1.
    """

    neighbour: IntArray
    item: IntArray
    position: IntArray
    last_common: IntArray
    anchor: IntArray


class NeighbourSearch:
    """Finds training sessions that share items with a current one.

    Candidates of a current session are the ``sample_size`` most recent training sessions that share at least one item
    with it.  A session that is among them is also among the ``sample_size`` most recent ones of each of its items, so
    that shorter lists of sessions per item find the same candidates with the same similarities.

    Args:
        occurrences: [S, n_items] of ones, training sessions and their distinct items, oldest session first.
        sample_size: most candidates of a current session, ``None`` for all.
    """

    def __init__(self, occurrences: sparse.csr_array, sample_size: int | None) -> None:
        self.sample_size = sample_size
        of_items = occurrences.T.tocsr()  # [n_items, S]
        of_items.sort_indices()
        if sample_size is not None:
            ends = np.repeat(of_items.indptr[1:], np.diff(of_items.indptr))
            recent = np.arange(of_items.nnz) >= ends - sample_size
            kept = np.append(0, np.cumsum(recent))[of_items.indptr]
            of_items = sparse.csr_array((of_items.data[recent], of_items.indices[recent], kept), shape=of_items.shape)
        self._sessions_of_item = of_items

    def candidate_counts(self, current: sparse.csr_array) -> IntArray:
        """[B] int64 bounds of how many sessions share an item with each current session [B, n_items]."""
        listed = np.append(0, np.cumsum(np.diff(self._sessions_of_item.indptr)[current.indices]))
        return np.diff(listed[current.indptr])

    def nearest(self, weights: sparse.csr_array, session_factors: FloatArray | None, n_neighbours: int) -> Neighbours:
        """The most similar candidates; of equally similar ones the most recent.

        Args:
            weights: [B, n_items] of the items of the current sessions.
            session_factors: [S]; the similarity is the sum of the weights of common items, times this.
            n_neighbours: most neighbours of a current session.
        """
        shared = weights @ self._sessions_of_item  # [B, S]
        shared.sort_indices()
        counts = np.diff(shared.indptr)
        if self.sample_size is not None:
            counts = np.minimum(counts, self.sample_size)
        newest_first = np.arange(counts.max(initial=0))
        is_candidate = newest_first < counts[:, None]  # [B, width]
        place = np.where(is_candidate, shared.indptr[1:, None] - 1 - newest_first, 0)
        similarity, session = shared.data[place], shared.indices[place].astype(np.int64)
        if session_factors is not None:
            similarity = similarity * session_factors[session]
        similarity = settle_ties(similarity)
        similarity[~is_candidate] = 0.0
        best = np.argsort(-similarity, axis=1, kind="stable")[:, :n_neighbours]
        similarity, session = (np.take_along_axis(values, best, axis=1) for values in (similarity, session))
        found = similarity > 0.0
        return Neighbours(np.nonzero(found)[0], session[found], similarity[found])


class NeighbourRecommender(CountingRecommender):
    """A model that scores items by the neighbours of the current session.

    The score of an item is the sum, over the neighbours that hold it, of a weight that the subclass gives to neighbour
    and item.  Training sessions alone are neighbours; nothing is learnt while testing.

    Prepared sequences carry no times.  Training sessions are in the order of time, so that recency is rank.

    Args:
        config: ``n_neighbors``, and ``sample_size``: most recent candidates that neighbours are chosen among.
        dataset: tells the number of items.
    """

    learnt_dtypes = {  # noqa: RUF012
        **CountingRecommender.learnt_dtypes,
        "session_items": np.int64,
        "session_ends": np.int64,
    }

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.n_neighbours: int = config["n_neighbors"]
        self.sample_size: int | None = config["sample_size"]

    @abstractmethod
    def click_weights(self, positions: IntArray, lengths: IntArray) -> FloatArray:
        """[T] positive weights of the items of current sessions.

        Args:
            positions: [T] place of each item's last click, from 1.
            lengths: [T] clicks of its session.
        """

    def session_factors(self, ages: IntArray, n_items: IntArray) -> FloatArray | None:
        """[S] factors of the similarity that depend on the training session alone, ``None`` for none.

        Args:
            ages: [S] how many training sessions are more recent.
            n_items: [S] distinct items.
        """
        return None

    @abstractmethod
    def pair_weights(self, items: NeighbourItems, similarity: FloatArray) -> FloatArray:
        """[P] what each neighbour adds to the score of each of its items.

        Args:
            items: of the neighbours.
            similarity: [N].
        """

    def learn(self, sessions: SessionClicks) -> LearntArrays:
        """The training sessions themselves."""
        return {"session_items": sessions.items, "session_ends": sessions.ends}

    def check_learnt(self, learnt: LearntArrays) -> None:
        """Check the training sessions."""
        items, ends = learnt["session_items"], learnt["session_ends"]
        check_values_from("session_items", items, 1, self.n_items)
        check_ends("session_ends", ends, max(1, len(ends) - 1), len(items), shortest=1)

    def index_learnt(self, learnt: LearntArrays) -> None:
        """The distinct items of each training session, and the sessions of each item."""
        sessions = SessionClicks(learnt["session_items"], learnt["session_ends"])
        self._sessions = sessions.distinct()
        occurrences = self._sessions.matrix(np.ones(len(self._sessions.items)), self.n_items)
        self._search = NeighbourSearch(occurrences, self.sample_size)
        self._session_factors = self.session_factors(np.arange(len(sessions))[::-1], self._sessions.counts)

    def session_scores(self, sessions: SessionClicks) -> sparse.csr_array:
        """[B, n_items] scores of the items of the neighbours."""
        current = sessions.distinct()
        weights = self.click_weights(current.positions, np.repeat(sessions.lengths, current.counts))
        weight_matrix = current.matrix(weights, self.n_items)
        places = current.matrix(current.positions.astype(np.float64), self.n_items)
        widest = int(self._search.candidate_counts(weight_matrix).max())
        rows = max(1, CHUNK_CANDIDATES // max(1, widest, self.n_neighbours))
        parts = []
        for start in range(0, len(sessions), rows):
            part = slice(start, start + rows)
            found = self._search.nearest(weight_matrix[part], self._session_factors, self.n_neighbours)
            parts.append(self._scores_of(found, places[part].toarray()))
        return sparse.vstack(parts, format="csr")

    def _scores_of(self, found: Neighbours, places: FloatArray) -> sparse.csr_array:
        """[B, n_items] scores.

        Args:
            found: the neighbours.
            places: [B, n_items], place of an item's last click in the current session, from 1; 0 for other items.
        """
        items = self._items_of(found, places)
        weights = self.pair_weights(items, found.similarity)
        cells = found.row[items.neighbour] * self.n_items + items.item
        scores = np.bincount(cells, weights, minlength=places.size)
        return sparse.csr_array(scores.reshape(places.shape))

    def _items_of(self, found: Neighbours, places: FloatArray) -> NeighbourItems:
        counts = self._sessions.counts[found.session]
        starts = np.cumsum(counts) - counts
        neighbour = np.repeat(np.arange(len(counts)), counts)
        pairs = np.arange(counts.sum()) + np.repeat(self._sessions.ends[found.session] - starts, counts)
        item, position = self._sessions.items[pairs], self._sessions.positions[pairs]
        place = places[found.row[neighbour], item].astype(np.int64)
        # no neighbour is without items, as reduceat needs
        last_place = np.maximum.reduceat(place, starts) if len(starts) else starts
        # every item has a place of its own, so that one alone is the last common one
        anchor = np.empty_like(last_place)
        is_anchor = place == last_place[neighbour]
        anchor[neighbour[is_anchor]] = position[is_anchor]
        clicks = places.max(axis=1).astype(np.int64)[found.row]  # the last click has the highest place
        return NeighbourItems(neighbour, item, position, clicks - last_place + 1, anchor)
