"""FGNN for one session, node by node and head by head, in plain loops and float64.

Takes weights out of a model by name and shares no code with it.
"""

from itertools import pairwise

import torch
from torch import Tensor


def naive_weighted_edges(session: list[int]) -> dict[tuple[int, int], int]:
    """(item, next item) -> how often; every item has an edge to itself."""
    edges: dict[tuple[int, int], int] = {}
    for here, there in pairwise(session):
        edges[here, there] = edges.get((here, there), 0) + 1
    for item in session:
        if (item, item) not in edges:
            edges[item, item] = 1
    return edges


def naive_wgat(states: dict[int, Tensor], edges: dict[tuple[int, int], int], w: dict[str, Tensor], slope: float) -> dict:
    """One layer: item -> new state."""
    size = len(next(iter(states.values())))
    n_heads = len(w["attention_weight"])
    new = {}
    for item in states:
        sources = [source for source, target in edges if target == item]
        total = torch.zeros(size, dtype=torch.float64)
        for head in range(n_heads):
            matrix = w["projection.weight"][head * size : (head + 1) * size]
            vector = torch.cat(
                [w["attention_target"][head], w["attention_source"][head], w["attention_weight"][head : head + 1]]
            )
            exponentials = []
            for source in sources:
                count = torch.tensor([float(edges[source, item])], dtype=torch.float64)
                score = vector @ torch.cat([matrix @ states[item], matrix @ states[source], count])
                exponentials.append(torch.exp(score if score > 0 else slope * score))
            for source, exponential in zip(sources, exponentials, strict=True):
                total = total + exponential / sum(exponentials) * (matrix @ states[source])
        mean = total / n_heads
        new[item] = torch.where(mean > 0, mean, torch.exp(mean) - 1)
    return new


def naive_recurrent_readout(states: list[Tensor], w: dict[str, Tensor], steps: int) -> Tensor:
    """[2 D]: the GRU with its gates written out, then attention, a few times."""
    size = len(states[0])
    query, seen = torch.zeros(size, dtype=torch.float64), torch.zeros(2 * size, dtype=torch.float64)
    for _ in range(steps):
        from_seen = (w["weight_ih"] @ seen + w["bias_ih"]).chunk(3)
        from_query = (w["weight_hh"] @ query + w["bias_hh"]).chunk(3)
        reset = 1 / (1 + torch.exp(-(from_seen[0] + from_query[0])))
        keep = 1 / (1 + torch.exp(-(from_seen[1] + from_query[1])))
        query = keep * query + (1 - keep) * torch.tanh(from_seen[2] + reset * from_query[2])
        exponentials = [torch.exp(state @ query) for state in states]
        weighted = sum(e / sum(exponentials) * state for e, state in zip(exponentials, states, strict=True))
        seen = torch.cat([query, weighted])
    return seen


def naive_fgnn_scores(session: list[int], weights: dict[str, Tensor], config: dict) -> Tensor:
    """Scores of items 1, 2, ... for one session."""
    session = session[-config["MAX_ITEM_LIST_LENGTH"] :]
    table = weights["item_embedding.weight"]
    edges = naive_weighted_edges(session)
    states = {item: table[item] for item in session}
    for layer in range(config["n_layers"]):
        prefix = f"attention_layers.{layer}."
        part = {name.removeprefix(prefix): w for name, w in weights.items() if name.startswith(prefix)}
        states = naive_wgat(states, edges, part, config["negative_slope"])
    prefix = "readout.gru_cell."
    part = {name.removeprefix(prefix): w for name, w in weights.items() if name.startswith(prefix)}
    vector = weights["output.weight"] @ naive_recurrent_readout(list(states.values()), part, config["n_readout_steps"])
    return torch.stack([vector @ table[item] for item in range(1, len(table))])
