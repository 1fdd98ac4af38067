"""Counting models on a few random sessions."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from recbole_tagnnpp.baselines.counting.recommender import CountingRecommender
from recbole_tagnnpp.data.session_sequences import SessionSequences

N_ITEMS, MAX_LENGTH = 23, 13  # items 1..23
CONFIG: dict[str, Any] = {
    "USER_ID_FIELD": "session_id",
    "ITEM_ID_FIELD": "item_id",
    "LIST_SUFFIX": "_list",
    "ITEM_LIST_LENGTH_FIELD": "item_length",
    "NEG_PREFIX": "neg_",
    "MAX_ITEM_LIST_LENGTH": MAX_LENGTH,
    "device": torch.device("cpu"),
}


def random_sessions(count: int, seed: int, shortest: int = 2, longest: int = 8, n_items: int = N_ITEMS) -> list[list[int]]:
    """Sessions with repeated items, popular ones among them."""
    generator = np.random.default_rng(seed)
    lengths = generator.integers(shortest, longest + 1, count)
    return [(1 + (n_items * generator.random(length) ** 2).astype(int)).tolist() for length in lengths]


def sequences_of(sessions: list[list[int]], max_prefix_length: int = 99) -> SessionSequences:
    """Every prefix and target of some sessions."""
    rows = [
        (number, session[max(0, end - max_prefix_length) : end], session[end])
        for number, session in enumerate(sessions, start=1)
        for end in range(1, len(session))
    ]
    return pack(rows)


def pack(rows: list[tuple[int, list[int], int]]) -> SessionSequences:
    """Sequences of (session number, prefix, target)."""
    ends = np.cumsum([0, *(len(prefix) for _, prefix, _ in rows)])
    return SessionSequences(
        np.array([item for _, prefix, _ in rows for item in prefix], dtype=np.int64),
        ends.astype(np.int64),
        np.array([target for _, _, target in rows], dtype=np.int64),
        np.array([number for number, _, _ in rows], dtype=np.int64),
    )


def new_model(kind: type[CountingRecommender], n_items: int = N_ITEMS, **settings: Any) -> CountingRecommender:
    return kind({**CONFIG, **settings}, SimpleNamespace(num=lambda field: n_items + 1))  # type: ignore[arg-type]


def fitted(
    kind: type[CountingRecommender], training: list[list[int]], n_items: int = N_ITEMS, **settings: Any
) -> CountingRecommender:
    model = new_model(kind, n_items, **settings)
    model.fit_sequences(sequences_of(training))
    return model


def batch(sessions: list[list[int]], width: int | None = None, junk: int = 0) -> dict[str, Tensor]:
    """RecBole's fields; padding holds ``junk``."""
    item_seq = torch.full((len(sessions), width or max(map(len, sessions))), junk, dtype=torch.int64)
    for row, session in enumerate(sessions):
        item_seq[row, : len(session)] = torch.tensor(session)
    return {
        "item_id_list": item_seq,
        "item_length": torch.tensor([len(session) for session in sessions]),
        "item_id": torch.tensor([1 + 3 * row % N_ITEMS for row in range(len(sessions))]),
    }
