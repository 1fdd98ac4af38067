"""S-POP: the most popular items of the current session."""

import numpy as np
from scipy import sparse

from recbole_tagnnpp.baselines.counting.learnt_arrays import LearntArrays
from recbole_tagnnpp.baselines.counting.recommender import CountingRecommender
from recbole_tagnnpp.data.whole_sessions import SessionClicks


class SessionPop(CountingRecommender):
    r"""Items of the session by their number of clicks in it (Hidasi et al. 2016, baseline S-POP).

    Ties, and the items that the session lacks, are ordered by popularity in training.  The score of an item i of the
    session is :math:`c_s(i) + p(i) / (1 + \max_j p(j))`, c its clicks in the session, p its clicks in training.
    """

    def learn(self, sessions: SessionClicks) -> LearntArrays:
        """Nothing beside popularity."""
        return {}

    def index_learnt(self, learnt: LearntArrays) -> None:
        """Popularity as a number below one."""
        popularity = learnt["popularity"]
        self._popularity_share = popularity / (1.0 + popularity.max())

    def session_scores(self, sessions: SessionClicks) -> sparse.csr_array:
        """[B, n_items] scores of the items of the session."""
        clicks = (np.ones(len(sessions.items)), sessions.items, sessions.ends)
        scores = sparse.csr_array(clicks, shape=(len(sessions), self.n_items), copy=True)
        scores.sum_duplicates()
        scores.data += self._popularity_share[scores.indices]
        return scores
