"""TAGNN: what TAGNN++ builds on."""

from recbole_tagnnpp.model.target_attentive_recommender import TargetAttentiveRecommender


class TAGNN(TargetAttentiveRecommender):
    """TAGNN (Yu et al., SIGIR 2020, "TAGNN: Target Attentive Graph Neural Networks for Session-based Recommendation").

    Session graph, gated GNN, readout and target attention, in the same layers as TAGNN++ and as fast.

    Where we had to decide: the released code masks the padding neither in the target attention nor in the readout's
    sum, so that a score depends on its batch; here only real clicks take part, as the equations say.

    Args:
        config: keys of ``properties/model/TAGNN.yaml``, each explained there.
        dataset: tells the number of items; item 0 is padding.
    """
