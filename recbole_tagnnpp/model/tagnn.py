"""TAGNN: what TAGNN++ builds on."""

from recbole_tagnnpp.model.target_attentive_recommender import TargetAttentiveRecommender


class TAGNN(TargetAttentiveRecommender):
    """TAGNN (Yu et al., SIGIR 2020, "TAGNN: Target Attentive Graph Neural Networks for Session-based Recommendation").

    Session graph, gated GNN, readout and target attention, in the same layers as TAGNN++ and as fast.

    Where the released code (github.com/CRIPAC-DIG/TAGNN) differs from the paper's equations, the equations hold here:

    - The softmaxes of its readout and of its target attention run over padding, too, so that a score depends on its
      batch; here only real clicks take part.
    - Its readout normalises the weights with a softmax; here, as in SR-GNN, they are used as they are (equation 5).
    - It adds :math:`s_{target}` to the transformed pair of the others; here W transforms all three (equation 6), without
      the bias of its transform.

    Args:
        config: keys of ``properties/model/TAGNN.yaml``, each explained there.
        dataset: tells the number of items; item 0 is padding.
    """
