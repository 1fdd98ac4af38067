"""A DGTN small enough to be computed by hand, and training sessions for it."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from recbole_tagnnpp.baselines.dgtn.dgtn import DGTN
from recbole_tagnnpp.data.session_sequences import SessionSequences
from tests.unit.model.small_model import CONFIG as SESSION_CONFIG
from tests.unit.model.small_model import N_ITEMS, random_sessions

CONFIG: dict[str, Any] = {
    **SESSION_CONFIG,
    "embedding_size": 7,
    "n_layers": 2,
    "channel_fusion": "cnn",
    "n_fusion_filters": 3,
    "n_neighbors": 4,
    "sample_size": 11,
    "neighbor_similarity": "common_items",
}
TRAINING = dict(
    enumerate(
        [
            *random_sessions(19, seed=30, longest=5),
            [2, 2],  # one distinct item
            [16, 16, 16],
            [3, 3, 4],
            [1, 2, 1, 2],
            [5, 6],
            *random_sessions(13, seed=31, longest=9),
        ],
        start=1,
    )
)
"""Session number to clicks; sessions of one click get a second one."""
TRAINING = {number: clicks if len(clicks) > 1 else [*clicks, 7] for number, clicks in TRAINING.items()}


def sequences_of(sessions: dict[int, list[int]]) -> SessionSequences:
    """Every prefix of every session, shortest first, as ``prepare`` writes them."""
    rows = [(number, clicks[:end], clicks[end]) for number, clicks in sessions.items() for end in range(1, len(clicks))]
    return SessionSequences(
        prefix_items=np.array([item for _, prefix, _ in rows for item in prefix], dtype=np.int64),
        prefix_ends=np.cumsum([0, *(len(prefix) for _, prefix, _ in rows)]),
        target_items=np.array([target for _, _, target in rows], dtype=np.int64),
        session_numbers=np.array([number for number, _, _ in rows], dtype=np.int64),
    )


def new_dgtn(seed: int = 0, training: dict[int, list[int]] | None = None, **changes: Any) -> DGTN:
    """A model as it is before training."""
    torch.manual_seed(seed)
    dataset = SimpleNamespace(
        num=lambda field: N_ITEMS + 1, training=sequences_of(TRAINING if training is None else training)
    )
    return DGTN({**CONFIG, **changes}, dataset)  # type: ignore[arg-type]


def small_dgtn(
    seed: int = 0, dtype: torch.dtype = torch.float64, training: dict[int, list[int]] | None = None, **changes: Any
) -> DGTN:
    """A model with random weights that are not small."""
    model = new_dgtn(seed, training, **changes)
    torch.manual_seed(seed)
    for name, parameter in model.named_parameters():
        if name != "item_embedding.weight":
            torch.nn.init.normal_(parameter, std=0.5)
    return model.to(dtype).eval()
