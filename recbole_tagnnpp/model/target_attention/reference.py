"""Target attention in plain PyTorch: any device, any floating dtype, autograd.

Sessions of one length n form a group, so their rows stack to [m, n, D] without padding and the softmax over the
positions is a dense one.  A group is cut into chunks whose score blocks hold at most ``BLOCK_ELEMENTS`` values; a
chunk is recomputed in the backward pass, so no more than one chunk of [rows, I] values ever exists.

Shapes: B sessions, P real positions of all sessions, D embedding size, I items, m sessions of a chunk, n positions.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

# Values of one [m, n, I] block: 16 MB in float32.  A chunk holds a handful of such blocks at a time.
BLOCK_ELEMENTS = 4 * 1024 * 1024


def target_attention_loss(
    keys: Tensor,
    values: Tensor,
    session: Tensor,
    lengths: Tensor,
    items: Tensor,
    targets: Tensor,
    *,
    label_smoothing: float = 0.0,
    precision: str = "float32",
) -> Tensor:
    """Mean cross-entropy over the items; arguments as in :func:`dispatch.target_attention_loss`."""
    total = torch.zeros((), dtype=accumulation_dtype(session), device=session.device)
    for members, rows in equal_length_chunks(lengths, items.shape[0], session.device):
        total = total + checkpoint(
            _summed_cross_entropy,
            keys[rows],
            values[rows],
            session[members],
            items,
            targets[members],
            label_smoothing,
            precision,
            use_reentrant=False,
            preserve_rng_state=False,
        )
    return total / session.shape[0]


def target_attention_scores(keys: Tensor, values: Tensor, session: Tensor, lengths: Tensor, items: Tensor) -> Tensor:
    """Scores [B, I]; differentiable."""
    blocks, order = [], []
    for members, rows in equal_length_chunks(lengths, items.shape[0], session.device):
        blocks.append(_scores(keys[rows], values[rows], session[members], items, "float32"))
        order.append(members)
    return torch.cat(blocks)[torch.argsort(torch.cat(order))]


def target_attention_topk(
    keys: Tensor,
    values: Tensor,
    session: Tensor,
    lengths: Tensor,
    items: Tensor,
    k: int,
) -> tuple[Tensor, Tensor]:
    """The k best items of each session, best first; of equal scores the lower item index comes first."""
    best = torch.empty((session.shape[0], k), dtype=accumulation_dtype(session), device=session.device)
    chosen = torch.empty((session.shape[0], k), dtype=torch.int64, device=session.device)
    with torch.no_grad():
        for members, rows in equal_length_chunks(lengths, items.shape[0], session.device):
            scores = _scores(keys[rows], values[rows], session[members], items, "float32")
            best[members], chosen[members] = stable_topk(scores, k)
    return best, chosen


def target_attention_pairs(keys: Tensor, values: Tensor, session: Tensor, lengths: Tensor, pair_items: Tensor) -> Tensor:
    """Score [B] of one item per session, given by its embedding [B, D]; differentiable."""
    owner = torch.repeat_interleave(
        torch.arange(len(lengths), device=session.device), lengths.to(session.device), output_size=keys.shape[0]
    )  # [P]: the session of each position
    candidate = pair_items[owner]  # [P, D]
    logits = (keys * candidate).sum(-1)  # [P]
    peak = torch.full_like(logits[:1].expand(len(lengths)), -torch.inf).scatter_reduce(0, owner, logits.detach(), "amax")
    weights = torch.exp(logits - peak[owner])
    zeros = torch.zeros(len(lengths), dtype=weights.dtype, device=weights.device)
    norm = zeros.index_add(0, owner, weights)
    attended = zeros.index_add(0, owner, weights * (values * candidate).sum(-1))
    return (session * pair_items).sum(-1) + attended / norm


def equal_length_chunks(lengths: Tensor, n_items: int, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    """Cut a ragged batch into chunks of sessions that have the same length.

    Yields:
        sessions [m] and the rows [m, n] of their positions in the packed tensors, both int64 on ``device``.
    """
    host_lengths = lengths.detach().to("cpu", torch.int64)
    first_row = torch.cumsum(host_lengths, 0) - host_lengths
    for length in torch.unique(host_lengths).tolist():
        members = torch.nonzero(host_lengths == length).squeeze(1)
        size = max(1, BLOCK_ELEMENTS // (length * n_items))
        for chunk in members.split(size):
            rows = first_row[chunk, None] + torch.arange(length)
            yield chunk.to(device), rows.to(device)


def stable_topk(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """torch.topk along the last dimension of [m, I], with equal scores ordered by their index."""
    best, chosen = torch.topk(scores, min(k + 1, scores.shape[1]), dim=1)
    # torch.topk is free to take any of the items that tie with the k-th; those rows are sorted in full
    tied = (best[:, k - 1 : k] == best[:, k:]).flatten()  # [m], or nothing where k is all there is
    best, chosen = best[:, :k], chosen[:, :k]
    if bool(tied.any()):
        full, order = torch.sort(scores[tied], dim=1, descending=True, stable=True)
        best[tied], chosen[tied] = full[:, :k], order[:, :k]
    chosen, by_index = torch.sort(chosen, dim=1)
    best, by_score = torch.sort(best.gather(1, by_index), dim=1, descending=True, stable=True)
    return best, chosen.gather(1, by_score)


def accumulation_dtype(tensor: Tensor) -> torch.dtype:
    """Scores, softmax and loss are float64 for float64 input and float32 for everything below."""
    return torch.float64 if tensor.dtype == torch.float64 else torch.float32


def _scores(keys: Tensor, values: Tensor, session: Tensor, items: Tensor, precision: str) -> Tensor:
    """Scores [m, I] of sessions of one length: keys and values [m, n, D], session [m, D]."""
    attention = torch.softmax(_product(keys, items, precision), dim=1)  # [m, n, I]
    attended = (attention * _product(values, items, precision)).sum(dim=1)  # [m, I]
    return _product(session, items, precision) + attended


def _summed_cross_entropy(
    keys: Tensor,
    values: Tensor,
    session: Tensor,
    items: Tensor,
    targets: Tensor,
    label_smoothing: float,
    precision: str,
) -> Tensor:
    scores = _scores(keys, values, session, items, precision)
    log_norm = torch.logsumexp(scores, dim=1)  # [m]
    loss = log_norm - (1.0 - label_smoothing) * scores.gather(1, targets[:, None]).squeeze(1)
    if label_smoothing > 0.0:
        loss = loss - label_smoothing * scores.mean(dim=1)
    return loss.sum()


def _product(rows: Tensor, items: Tensor, precision: str) -> Tensor:
    """rows [..., D] times items [I, D] transposed, in the dtype that sums are kept in."""
    dtype = accumulation_dtype(rows)
    with torch.autocast(rows.device.type, enabled=False):
        if precision == "bfloat16":
            product = rows.to(torch.bfloat16) @ items.to(torch.bfloat16).T
            return product.to(dtype)
        return rows.to(dtype) @ items.to(dtype).T
