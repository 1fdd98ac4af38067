"""LESSR for a list of sessions, one session, node and edge at a time, in float64.

Takes weights out of a model by name and shares no code with it.  Sessions are walked through together, layer by layer,
because batch normalisation looks at the nodes of all of them while it trains.
"""

import torch
from torch import Tensor

from tests.reference.naive_model import inside


def naive_sigmoid(x: Tensor) -> Tensor:
    """Written out."""
    return 1 / (1 + torch.exp(-x))


def naive_gru(inputs: list[Tensor], weights: dict[str, Tensor], size: int) -> list[Tensor]:
    """States of a GRU that starts at zero, one behind each input."""
    state, states = torch.zeros(size, dtype=torch.float64), []
    for x in inputs:
        from_input = (weights["weight_ih_l0"] @ x + weights["bias_ih_l0"]).chunk(3)
        from_state = (weights["weight_hh_l0"] @ state + weights["bias_hh_l0"]).chunk(3)
        reset = naive_sigmoid(from_input[0] + from_state[0])
        keep = naive_sigmoid(from_input[1] + from_state[1])
        candidate = torch.tanh(from_input[2] + reset * from_state[2])
        state = keep * state + (1 - keep) * candidate
        states.append(state)
    return states


def naive_attention(scores: list[Tensor], values: list[Tensor]) -> Tensor:
    """Values weighed by the softmax of scores."""
    total = sum(torch.exp(score) for score in scores)
    return sum(torch.exp(score) / total * value for score, value in zip(scores, values, strict=True))


def naive_prelu(x: Tensor, weights: dict[str, Tensor]) -> Tensor:
    """Negative features times their own slope."""
    return torch.where(x > 0, x, weights["activation.weight"] * x)


def naive_batch_norm(groups: list[list[Tensor]], weights: dict[str, Tensor], training: bool) -> list[list[Tensor]]:
    """Over the vectors of all groups together."""
    vectors = [vector for group in groups for vector in group]
    mean, variance = weights["batch_norm.running_mean"], weights["batch_norm.running_var"]
    if training and len(vectors) > 1:
        mean = sum(vectors) / len(vectors)
        variance = sum((vector - mean) ** 2 for vector in vectors) / len(vectors)
    scale, shift = weights["batch_norm.weight"], weights["batch_norm.bias"]
    return [[(vector - mean) / torch.sqrt(variance + 1e-5) * scale + shift for vector in group] for group in groups]


def naive_eopa(sessions: list[list[int]], states: list[list[Tensor]], weights: dict[str, Tensor], training: bool) -> list:
    """``sessions`` hold node numbers here."""
    new = []
    for session, nodes in zip(sessions, naive_batch_norm(states, weights, training), strict=True):
        rows = []
        for node, state in enumerate(nodes):
            row = weights["self_weight.weight"] @ state
            before = [nodes[session[place - 1]] for place in range(1, len(session)) if session[place] == node]
            if before:
                row = (
                    row + weights["neighbor_weight.weight"] @ naive_gru(before, inside(weights, "gru.gru"), len(state))[-1]
                )
            rows.append(naive_prelu(row, weights))
        new.append(rows)
    return new


def naive_sgat(sessions: list[list[int]], states: list[list[Tensor]], weights: dict[str, Tensor], training: bool) -> list:
    """``sessions`` hold node numbers here."""
    new = []
    for session, nodes in zip(sessions, naive_batch_norm(states, weights, training), strict=True):
        rows = []
        for node, state in enumerate(nodes):
            last_place = max(place for place in range(len(session)) if session[place] == node)
            heard = set(session[: last_place + 1])  # whoever is clicked before some click of the node, and the node
            scores, values = [], []
            for other in heard:
                hidden = weights["query.weight"] @ nodes[other] + weights["query.bias"] + weights["key.weight"] @ state
                scores.append(weights["weight.weight"][0] @ naive_sigmoid(hidden))
                values.append(weights["value.weight"] @ nodes[other])
            rows.append(naive_prelu(naive_attention(scores, values), weights))
        new.append(rows)
    return new


def naive_readout(
    sessions: list[list[int]], states: list[list[Tensor]], weights: dict[str, Tensor], training: bool
) -> list:
    """``sessions`` hold node numbers here."""
    vectors = []
    for session, nodes in zip(sessions, naive_batch_norm(states, weights, training), strict=True):
        query = weights["query.weight"] @ nodes[session[-1]] + weights["query.bias"]
        scores = [weights["weight.weight"][0] @ naive_sigmoid(weights["key.weight"] @ node + query) for node in nodes]
        vectors.append(naive_prelu(weights["output.weight"] @ naive_attention(scores, nodes), weights))
    return vectors


def naive_lessr_scores(sessions: list[list[int]], weights: dict[str, Tensor], config: dict, training: bool) -> Tensor:
    """[B, I - 1] scores of items 1, 2, ...; ``weights`` are parameters and buffers."""
    longest = config["embedding_max_norm"]

    def vector(item: int) -> Tensor:
        row = weights["item_embedding.weight"][item]
        length = float(torch.sqrt((row.detach() ** 2).sum()))
        return row if longest is None or length <= longest else row * longest / length

    sessions = [session[-config["MAX_ITEM_LIST_LENGTH"] :] for session in sessions]
    items = [list(dict.fromkeys(session)) for session in sessions]  # nodes in the order of their first click
    nodes_of = [[known.index(item) for item in session] for session, known in zip(sessions, items, strict=True)]
    states = [[vector(item) for item in known] for known in items]
    for layer in range(config["n_layers"]):
        compute = naive_eopa if layer % 2 == 0 else naive_sgat
        new = compute(nodes_of, states, inside(weights, f"layers.{layer}"), training)
        states = [
            [torch.cat(pair) for pair in zip(fresh, old, strict=True)] for fresh, old in zip(new, states, strict=True)
        ]
    readouts = naive_readout(nodes_of, states, inside(weights, "readout"), training)
    joined = [
        torch.cat([nodes[session[-1]], read]) for nodes, session, read in zip(states, nodes_of, readouts, strict=True)
    ]
    (joined,) = naive_batch_norm([joined], weights, training)
    vectors = [weights["session_weight.weight"] @ row for row in joined]
    everything = [vector(item) for item in range(1, len(weights["item_embedding.weight"]))]
    return torch.stack([torch.stack([session @ item for item in everything]) for session in vectors])
