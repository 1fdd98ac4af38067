"""Target attention the way public TAGNN code computes it: one vector for every session, item and feature."""

import torch
from torch import Tensor, nn

from recbole_tagnnpp.model.packing import pack_sessions
from recbole_tagnnpp.model.tagnnpp import TAGNNPP


class NaiveTAGNNPP(TAGNNPP):
    """The same model and weights; its loss builds [B, I, L] attention and [B, I, D] target vectors."""

    def calculate_loss(self, interaction: object) -> Tensor:
        item_seq, item_seq_len = interaction[self.ITEM_SEQ], interaction[self.ITEM_SEQ_LEN]  # type: ignore[index]
        encoded = self.forward(item_seq, item_seq_len)
        sessions = pack_sessions(item_seq, item_seq_len, self.max_seq_length).to(encoded.keys.device)
        keys, values = sessions.pad(encoded.keys), sessions.pad(encoded.values)  # [B, L, D]
        candidates = self.candidate_embeddings()  # [I, D]
        logits = candidates @ keys.transpose(1, 2)  # [B, I, L]
        logits = logits.masked_fill(~sessions.is_real[:, None, :], -torch.inf)
        target = torch.softmax(logits, dim=2) @ values  # [B, I, D]
        scores = ((target + encoded.session[:, None, :]) * candidates).sum(dim=2)
        targets = interaction[self.POS_ITEM_ID].to(scores.device) - 1  # type: ignore[index]
        return nn.functional.cross_entropy(scores, targets)
