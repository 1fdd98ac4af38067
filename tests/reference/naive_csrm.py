"""CSRM for one session, click by click and neighbour by neighbour, in float64.

Takes weights out of a model by name and shares no code with it.
"""

import math

import torch
from torch import Tensor

from tests.reference.naive_lessr import naive_attention, naive_gru, naive_sigmoid
from tests.reference.naive_model import inside


def naive_inner_memory(vectors: list[Tensor], weights: dict[str, Tensor], size: int) -> tuple[Tensor, Tensor]:
    """c^l and c^g."""
    whole = naive_gru(vectors, inside(weights, "global_gru.gru"), size)[-1]
    states = naive_gru(vectors, inside(weights, "local_gru.gru"), size)
    scores = []
    for state in states:
        hidden = weights["query.weight"] @ states[-1] + weights["key.weight"] @ state
        scores.append(weights["weight.weight"][0] @ naive_sigmoid(hidden))
    return naive_attention(scores, states), whole


def naive_outer_memory(local: Tensor, memory: list[Tensor], n_neighbors: int) -> Tensor:
    """c^o: the whole memory is sorted by similarity."""
    if not memory:
        return local
    cosines = [(local @ slot) / (torch.sqrt(local @ local) * torch.sqrt(slot @ slot)) for slot in memory]
    nearest = sorted(range(len(memory)), key=lambda p: float(cosines[p].detach()), reverse=True)[:n_neighbors]
    return naive_attention([cosines[p] for p in nearest], [memory[p] for p in nearest])


def naive_standardized(x: Tensor) -> Tensor:
    """Mean 0 and variance 1."""
    mean = x.sum() / len(x)
    return (x - mean) / torch.sqrt(((x - mean) ** 2).sum() / len(x) + 1e-10)


def naive_csrm_scores(
    session: list[int], weights: dict[str, Tensor], config: dict, memory: list[Tensor]
) -> tuple[Tensor, Tensor]:
    """Scores of items 1, 2, ... and c^l, which the memory would keep.

    Args:
        session: clicks.
        weights: parameters.
        config: of the model.
        memory: sessions kept before.
    """
    table, size = weights["item_embedding.weight"], config["hidden_size"]
    vectors = [table[item] for item in session[-config["MAX_ITEM_LIST_LENGTH"] :]]
    kept, whole = naive_inner_memory(vectors, inside(weights, "inner_memory"), size)
    outer, local = naive_outer_memory(kept, memory, config["n_neighbors"]), kept
    if config["standardize_representations"]:
        local, whole, outer = naive_standardized(local), naive_standardized(whole), naive_standardized(outer)
    of_local, of_whole, of_outer = weights["gate.weight"][0].split(size)
    gate = 1 / (1 + math.e ** -(of_local @ local + of_whole @ whole + of_outer @ outer))
    mixed = torch.cat([gate * local + (1 - gate) * outer, gate * whole + (1 - gate) * outer])
    decoded = weights["decoder.weight"] @ mixed
    return torch.stack([table[item] @ decoded for item in range(1, len(table))]), kept
