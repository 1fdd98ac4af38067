"""TAGNN++ for one session, click by click, as model.md describes it, in plain loops and float64.

Takes weights out of a model by name and shares no code with it.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor


def naive_graph(session: list[int]) -> tuple[list[int], list[int], Tensor, Tensor]:
    """Nodes (items), alias of each click, dense adjacency_in and adjacency_out."""
    nodes = sorted(set(session))
    alias = [nodes.index(item) for item in session]
    edges = set()
    for here, there in pairwise(alias):
        edges.add((here, there))
    n = len(nodes)
    adjacency_in, adjacency_out = torch.zeros(n, n, dtype=torch.float64), torch.zeros(n, n, dtype=torch.float64)
    for u, v in edges:
        adjacency_out[u, v] = 1 / sum(1 for a, _ in edges if a == u)
        adjacency_in[v, u] = 1 / sum(1 for _, b in edges if b == v)
    return nodes, alias, adjacency_in, adjacency_out


def naive_gated_gnn(
    states: Tensor, adjacency_in: Tensor, adjacency_out: Tensor, weights: dict[str, Tensor], steps: int
) -> Tensor:
    """Messages and GRU cell with its three gates written out."""
    w = weights
    for _ in range(steps):
        heard_in = adjacency_in @ (states @ w["incoming.weight"].T + w["incoming.bias"]) + w["incoming_bias"]
        heard_out = adjacency_out @ (states @ w["outgoing.weight"].T + w["outgoing.bias"]) + w["outgoing_bias"]
        message = torch.cat([heard_in, heard_out], dim=1)
        from_message = (message @ w["gru_cell.weight_ih"].T + w["gru_cell.bias_ih"]).chunk(3, dim=1)
        from_state = (states @ w["gru_cell.weight_hh"].T + w["gru_cell.bias_hh"]).chunk(3, dim=1)
        reset = 1 / (1 + torch.exp(-(from_message[0] + from_state[0])))
        keep = 1 / (1 + torch.exp(-(from_message[1] + from_state[1])))
        candidate = torch.tanh(from_message[2] + reset * from_state[2])
        states = keep * states + (1 - keep) * candidate
    return states


def naive_layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Of one vector."""
    mean = x.sum() / len(x)
    variance = ((x - mean) ** 2).sum() / len(x)
    return (x - mean) / torch.sqrt(variance + eps) * weight + bias


def naive_activation(x: Tensor, name: str) -> Tensor:
    """ReLU, or GELU by its definition through the normal distribution."""
    if name == "relu":
        return torch.where(x > 0, x, torch.zeros_like(x))
    return x * (1 + torch.erf(x / math.sqrt(2))) / 2


def naive_transformer_layer(
    states: Tensor, weights: dict[str, Tensor], heads: int, eps: float, activation: str = "relu"
) -> Tensor:
    """Post-norm layer without dropout, one head and one position at a time."""
    w = weights
    length, size = states.shape
    width = size // heads
    query, key, value = (states @ w["query_key_value.weight"].T + w["query_key_value.bias"]).split(size, dim=1)
    rows = []
    for position in range(length):
        parts = []
        for head in range(heads):
            part = slice(head * width, (head + 1) * width)
            scores = torch.stack([query[position, part] @ key[other, part] / math.sqrt(width) for other in range(length)])
            attention = torch.exp(scores) / torch.exp(scores).sum()
            parts.append(sum(attention[other] * value[other, part] for other in range(length)))
        attended = w["attention_output.weight"] @ torch.cat(parts) + w["attention_output.bias"]
        x = naive_layer_norm(states[position] + attended, w["attention_norm.weight"], w["attention_norm.bias"], eps)
        inner = naive_activation(w["feed_forward.0.weight"] @ x + w["feed_forward.0.bias"], activation)
        fed = w["feed_forward.2.weight"] @ inner + w["feed_forward.2.bias"]
        rows.append(naive_layer_norm(x + fed, w["feed_forward_norm.weight"], w["feed_forward_norm.bias"], eps))
    return torch.stack(rows)


def naive_readout(states: Tensor, weights: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """s_local and s_global."""
    local = states[-1]
    total = torch.zeros_like(local)
    for state in states:
        gate = weights["query.weight"] @ local + weights["query.bias"] + weights["key.weight"] @ state
        total = total + (weights["weight.weight"][0] @ (1 / (1 + torch.exp(-gate)))) * state
    return local, total


def inside(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Weights of a part of the model, without its name."""
    return {name.removeprefix(prefix + "."): w for name, w in weights.items() if name.startswith(prefix + ".")}


def naive_session_scores(session: list[int], weights: dict[str, Tensor], config: dict) -> Tensor:
    """Scores of items 1, 2, ... for one session, one candidate at a time."""
    normalized = config["normalize_embeddings"]

    def unit(x: Tensor) -> Tensor:
        return x / torch.sqrt((x**2).sum()) if normalized else x

    session = session[-config["MAX_ITEM_LIST_LENGTH"] :]
    table = weights["item_embedding.weight"]
    if config["use_gnn"]:
        nodes, alias, adjacency_in, adjacency_out = naive_graph(session)
        states = torch.stack([unit(table[item]) for item in nodes])
        states = naive_gated_gnn(states, adjacency_in, adjacency_out, inside(weights, "gated_gnn"), config["n_gnn_steps"])
        states = torch.stack([states[node] for node in alias])
    else:
        states = torch.stack([unit(table[item]) for item in session])
    before = states
    if config["use_position_embedding"]:
        vectors = weights["position_embedding.embedding.weight"]
        places = range(len(session)) if config["position_order"] == "from_start" else range(len(session) - 1, -1, -1)
        states = states + torch.stack([vectors[place] for place in places])
    if config["use_transformer"]:
        for layer in range(config["n_layers"]):
            part = inside(weights, f"transformer.layers.{layer}")
            states = naive_transformer_layer(
                states, part, config["n_heads"], config["layer_norm_eps"], config["hidden_act"]
            )
        if config["transformer_skip"]:
            weight = weights["transformer_skip.weight"]
            states = torch.stack([b + weight * s for b, s in zip(before, states, strict=True)])
    local, whole = naive_readout(states, inside(weights, "readout"))
    hybrid = weights["session_hybrid.weight"] @ torch.cat([local, whole])
    scale = config["normalization_scale"] if normalized else 1.0
    scores = []
    for item in range(1, len(table)):
        candidate = unit(table[item])
        attention = torch.stack([candidate @ (weights["target_key.weight"] @ state) for state in states]).softmax(0)
        target = sum(a * scale * unit(weights["target_value.weight"] @ s) for a, s in zip(attention, states, strict=True))
        scores.append((scale * unit(hybrid) + target) @ candidate)
    return torch.stack(scores)
