"""A TAGNN++ small enough to be computed by hand, and random sessions for it."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from recbole_tagnnpp.model.tagnnpp import TAGNNPP

N_ITEMS, MAX_LENGTH = 17, 13  # items 1..17
CONFIG: dict[str, Any] = {
    "USER_ID_FIELD": "session_id",
    "ITEM_ID_FIELD": "item_id",
    "LIST_SUFFIX": "_list",
    "ITEM_LIST_LENGTH_FIELD": "item_length",
    "NEG_PREFIX": "neg_",
    "MAX_ITEM_LIST_LENGTH": MAX_LENGTH,
    "device": torch.device("cpu"),
    "embedding_size": 10,
    "n_gnn_steps": 2,
    "n_layers": 2,
    "n_heads": 2,
    "inner_size": 19,
    "hidden_dropout_prob": 0.0,
    "attn_dropout_prob": 0.0,
    "embedding_dropout_prob": 0.0,
    "hidden_act": "relu",
    "layer_norm_eps": 1e-5,
    "use_gnn": True,
    "use_position_embedding": True,
    "use_transformer": True,
    "transformer_skip": False,
    "position_order": "from_end",
    "normalize_embeddings": False,
    "normalization_scale": 3.0,
    "label_smoothing": 0.0,
    "training_candidates": None,
    "candidate_distribution": "popularity",
    "target_attention_backend": "auto",
    "target_attention_precision": "float32",
}
SESSIONS = [
    [5],
    [3, 3],
    [7, 7, 7, 7],
    [1, 2, 1, 2, 3],  # a pair of consecutive clicks twice
    [4, 9, 4, 4, 17, 9, 2],
    [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14],
]


def small_model(seed: int = 0, dtype: torch.dtype = torch.float64, **changes: Any) -> TAGNNPP:
    """A model with random weights, biases and norms included."""
    torch.manual_seed(seed)
    model = TAGNNPP({**CONFIG, **changes}, SimpleNamespace(num=lambda field: N_ITEMS + 1, item_counter={1: 1}))  # type: ignore[arg-type]
    for name, parameter in model.named_parameters():
        if name != "item_embedding.weight":
            torch.nn.init.normal_(parameter, std=0.4)
    return model.to(dtype).eval()


def random_sessions(count: int, seed: int, longest: int = MAX_LENGTH) -> list[list[int]]:
    generator = np.random.default_rng(seed)
    return [generator.integers(1, N_ITEMS + 1, generator.integers(1, longest + 1)).tolist() for _ in range(count)]


def interaction(sessions: list[list[int]], width: int | None = None, targets: list[int] | None = None) -> dict[str, Tensor]:
    width = width or max(map(len, sessions))
    item_seq = torch.zeros(len(sessions), width, dtype=torch.int64)
    for row, session in enumerate(sessions):
        item_seq[row, : len(session)] = torch.tensor(session)
    return {
        "item_id_list": item_seq,
        "item_length": torch.tensor([len(session) for session in sessions]),
        "item_id": torch.tensor(targets or [1 + 3 * row % N_ITEMS for row in range(len(sessions))]),
    }
