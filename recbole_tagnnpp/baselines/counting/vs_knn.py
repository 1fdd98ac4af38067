"""VS-kNN: session neighbours by a similarity that stresses the latest clicks."""

from recbole_tagnnpp.baselines.counting.neighbours import NeighbourItems, NeighbourRecommender
from recbole_tagnnpp.data.session_sequences import IntArray
from recbole_tagnnpp.data.whole_sessions import FloatArray


class VSKNN(NeighbourRecommender):
    r"""Vector multiplication session kNN (Ludewig and Jannach 2018, "Evaluation of session-based recommendation
    algorithms"), with the weights of its authors' code (session-rec, ``weighting`` and ``weighting_score`` ``div``).

    The item at place x of a current session s with |s| clicks weighs :math:`x / |s|`, so that the last click weighs 1
    (of an item that is clicked more than once, its last click counts).  The similarity to a training session n is the
    product of these weights with the binary vector of n: the sum over common items.  An item scores
    :math:`\sum_n \mathrm{sim}(s, n) / d_n` over those of the ``n_neighbors`` nearest sessions that hold it, where
    :math:`d_n` counts the steps from the end of s to the most recent item that n shares: 1 for the last click, 2 for the
    one before.  Candidates are the ``sample_size`` most recent sessions that share an item with s.

    The factor :math:`1 / |s|` changes no ranking; the scores here are without it.
    """

    def click_weights(self, positions: IntArray, lengths: IntArray) -> FloatArray:
        """Place of the click in the session."""
        return positions.astype(float)

    def pair_weights(self, items: NeighbourItems, similarity: FloatArray) -> FloatArray:
        """Similarity over the steps to the last common item, the same for all items of a neighbour."""
        return (similarity / items.last_common)[items.neighbour]
