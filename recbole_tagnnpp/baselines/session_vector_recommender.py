"""Models that turn a session into one vector and score an item by its dot product with it."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import recbole_tagnnpp.recbole_compat  # noqa: F401  isort: skip
from recbole.config import Config
from recbole.data.dataset import Dataset
from recbole.data.interaction import Interaction
from recbole.model.abstract_recommender import SequentialRecommender


class SessionVectorRecommender(SequentialRecommender):
    """Item table, scores over all items and cross-entropy; what remains is :meth:`forward`.

    Args:
        config: ``embedding_size`` (D) and what the model needs.
        dataset: tells the number of items; item 0 is padding.
    """

    pads_to_longest = True
    """Tells the loader that batches may be cut to their longest session."""

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.item_embedding = nn.Embedding(self.n_items, config["embedding_size"], padding_idx=0)

    def forward(self, item_seq: Tensor, item_seq_len: Tensor) -> Tensor:
        """Session vectors [B, D].

        Args:
            item_seq: [B, L] int64 clicks, padded with 0; the newest ``MAX_ITEM_LIST_LENGTH`` clicks count.
            item_seq_len: [B] int64 number of clicks, 1..L.

        Raises:
            ValueError: a session is empty, or ``item_seq_len`` is larger than L.
        """
        raise NotImplementedError

    def item_vectors(self, items: Tensor | None = None) -> Tensor:
        """Vectors [..., D] of some items [...], or [I, D] of all."""
        return self.item_embedding.weight if items is None else self.item_embedding(items)

    def _session_vectors(self, interaction: Interaction) -> Tensor:
        return self.forward(interaction[self.ITEM_SEQ], interaction[self.ITEM_SEQ_LEN])

    def calculate_loss(self, interaction: Interaction) -> Tensor:
        """Mean cross-entropy of the target items over all items but padding, a scalar."""
        scores = self._session_vectors(interaction) @ self.item_vectors()[1:].T
        return F.cross_entropy(scores, interaction[self.POS_ITEM_ID] - 1)

    def predict(self, interaction: Interaction) -> Tensor:
        """[B] scores of one given item (field ``item_id``) per session."""
        return torch.linalg.vecdot(self._session_vectors(interaction), self.item_vectors(interaction[self.ITEM_ID]))

    def full_sort_predict(self, interaction: Interaction) -> Tensor:
        """[B, I] scores of every item per session; column 0, padding, is minus infinity."""
        scores = self._session_vectors(interaction) @ self.item_vectors().T
        scores[:, 0] = -torch.inf
        return scores
