"""A GRU over sequences of different lengths, without padding."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence


class RaggedGRU(nn.Module):
    """One-layer GRU that starts at zero; step t computes only the sequences that are longer than t.

    Args:
        input_size: width of a row.
        hidden_size: width of a state, H.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.gru = nn.GRU(input_size, hidden_size)

    def forward(self, rows: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Run over all sequences at once.

        Args:
            rows: [P, input_size], one sequence behind the other, each oldest row first.
            lengths: [S] int64, rows of each sequence; a sequence may be empty.

        Returns:
            States behind every row [P, H], and the last state of every sequence [S, H], zeros for an empty one.
        """
        n_sequences = lengths.shape[0]
        if rows.shape[0] == 0:
            return rows.new_zeros(0, self.gru.hidden_size), rows.new_zeros(n_sequences, self.gru.hidden_size)
        longest_first = torch.argsort(lengths, descending=True, stable=True)  # [S]
        rank = torch.argsort(longest_first)
        sequence = torch.repeat_interleave(lengths)  # [P]
        step = torch.arange(rows.shape[0], device=rows.device) - (lengths.cumsum(0) - lengths)[sequence]
        step_by_step = torch.argsort(step * n_sequences + rank[sequence])  # the order that PackedSequence is in
        batch_sizes = torch.bincount(step).cpu()  # torch wants them there
        states, last = self.gru(PackedSequence(rows[step_by_step], batch_sizes))
        not_empty = longest_first[: last.shape[1]]
        all_last = last.new_zeros(n_sequences, last.shape[2]).index_copy(0, not_empty, last[0])
        return states.data[torch.argsort(step_by_step)], all_last
