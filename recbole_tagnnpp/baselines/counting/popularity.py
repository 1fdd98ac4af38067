"""POP: the most popular items for everyone."""

import numpy as np
from scipy import sparse

from recbole_tagnnpp.baselines.counting.learnt_arrays import LearntArrays
from recbole_tagnnpp.baselines.counting.recommender import CountingRecommender
from recbole_tagnnpp.data.whole_sessions import SessionClicks


class Pop(CountingRecommender):
    """Items by their number of clicks in the training sessions, the same list for every session."""

    def learn(self, sessions: SessionClicks) -> LearntArrays:
        """Nothing beside popularity."""
        return {}

    def session_scores(self, sessions: SessionClicks) -> sparse.csr_array:
        """[B, n_items] without an entry: the order of all items is that of their popularity."""
        return sparse.csr_array((len(sessions), self.n_items), dtype=np.float64)
