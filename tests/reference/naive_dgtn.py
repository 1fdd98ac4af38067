"""DGTN for one session: neighbours by looking at every training session, channels in plain loops, float64.

Takes weights out of a model by name and shares no code with it.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor


def naive_similarity(session: set[int], other: set[int], similarity: str) -> float:
    common = len(session & other)
    if similarity == "cosine":
        return common / math.sqrt(len(session) * len(other))
    if similarity == "jaccard":
        return common / len(session | other)
    return common


def naive_neighbours(
    session: list[int],
    training: dict[int, list[int]],
    before: int | None,
    n_neighbors: int,
    sample_size: int | None,
    similarity: str,
) -> list[int]:
    """Numbers of the most similar earlier training sessions, most similar and then most recent first."""
    own = set(session)
    candidates = [
        number
        for number in sorted(training, reverse=True)
        if own & set(training[number]) and (before is None or number < before)
    ][:sample_size]
    candidates.sort(key=lambda number: (-naive_similarity(own, set(training[number]), similarity), -number))
    return candidates[:n_neighbors]


def naive_channel(
    states: dict[int, Tensor], edges: set[frozenset[int]], senders: set[int], n_layers: int
) -> dict[int, Tensor]:
    """Item -> state; only ``senders`` send along the edges, everyone keeps a part of its own."""
    heard = {i: [j for j in states if j != i and j in senders and frozenset((i, j)) in edges] for i in states}
    for _ in range(n_layers):
        new = {}
        for i, state in states.items():
            new[i] = state / (len(heard[i]) + 1)
            for j in heard[i]:
                new[i] = new[i] + states[j] / math.sqrt((len(heard[i]) + 1) * (len(heard[j]) + 1))
        states = new
    return states


def naive_dgtn_scores(
    session: list[int],
    weights: dict[str, Tensor],
    config: dict,
    training: dict[int, list[int]],
    before: int | None = None,
) -> Tensor:
    """Scores of items 1, 2, ... for one session."""
    session = session[-config["MAX_ITEM_LIST_LENGTH"] :]
    table = weights["item_embedding.weight"]
    neighbours = naive_neighbours(
        session, training, before, config["n_neighbors"], config["sample_size"], config["neighbor_similarity"]
    )
    theirs = {item for number in neighbours for item in training[number]}
    edges = {
        frozenset(pair)
        for clicks in [session, *(training[number] for number in neighbours)]
        for pair in pairwise(clicks)
        if pair[0] != pair[1]
    }
    start = {item: table[item] for item in {*session, *theirs}}
    intra = naive_channel(start, edges, set(session), config["n_layers"])
    inter = naive_channel(start, edges, theirs, config["n_layers"])
    fused = {}
    for item in set(session):
        if config["channel_fusion"] == "max":
            fused[item] = torch.where(intra[item] > inter[item], intra[item], inter[item])
            continue
        values = []
        for dimension in range(table.shape[1]):
            total = weights["fusion.convolution.1.bias"][0]
            for kernel in range(config["n_fusion_filters"]):
                a, b = weights["fusion.convolution.0.weight"][kernel]
                response = a * intra[item][dimension] + b * inter[item][dimension]
                response = response + weights["fusion.convolution.0.bias"][kernel]
                total = total + weights["fusion.convolution.1.weight"][0, kernel] * response
            values.append(total)
        fused[item] = torch.stack(values)
    local = fused[session[-1]]
    whole = torch.zeros_like(local)
    for item in session:
        gate = (
            weights["readout.query.weight"] @ local
            + weights["readout.query.bias"]
            + weights["readout.key.weight"] @ fused[item]
        )
        whole = whole + (weights["readout.weight.weight"][0] @ (1 / (1 + torch.exp(-gate)))) * fused[item]
    vector = weights["session_hybrid.weight"] @ torch.cat([local, whole])
    return torch.stack([vector @ table[item] for item in range(1, len(table))])
