"""Batches of sequences."""

import math
from collections.abc import Iterator
from itertools import islice

import numpy as np
from recbole.data.interaction import Interaction

from recbole_tagnnpp.data.session_dataset import SessionDataset
from recbole_tagnnpp.data.session_sequences import IntArray, SessionSequences


class SessionLoader:
    """Iterates over sequences in batches.

    The order of an epoch is a function of seed and epoch alone, so that an interrupted run continues as it would
    have gone on.

    Args:
        dataset: turns sequences into RecBole's fields.
        sequences: which sequences.
        batch_size: sequences per batch; the last batch may be smaller.
        shuffle: another order every epoch (training), or the file's order (evaluation).
        seed: of the shuffling.
        pad_to_longest: cut the padding of a batch to its longest prefix; without it every batch is
            ``MAX_ITEM_LIST_LENGTH`` wide, as RecBole's models are used to.
    """

    def __init__(
        self,
        dataset: SessionDataset,
        sequences: SessionSequences,
        batch_size: int,
        shuffle: bool,
        seed: int,
        pad_to_longest: bool,
    ) -> None:
        self.dataset = dataset
        self.sequences = sequences
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.epoch = 0
        self._width = None if pad_to_longest else dataset.max_item_list_len

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next iteration."""
        self.epoch = epoch

    def __len__(self) -> int:
        return math.ceil(len(self.sequences) / self.batch_size)

    def __iter__(self) -> Iterator[Interaction]:
        for index in self._batches():
            yield self._interaction(index)

    def pieces(self, piece: int, n_pieces: int) -> Iterator[Interaction | None]:
        """One piece of every batch, for one of several processes that train together.

        A batch is cut into consecutive pieces whose sizes differ by one at most; those of a last batch of fewer
        sequences than pieces are empty, which is told by ``None``.
        """
        for index in self._batches():
            own = np.array_split(index, n_pieces)[piece]
            yield self._interaction(own) if len(own) else None

    def every(self, n: int, first: int) -> Iterator[Interaction]:
        """Whole batches: number ``first``, and every n-th after it."""
        for index in islice(self._batches(), first, None, n):
            yield self._interaction(index)

    def _batches(self) -> Iterator[IntArray]:
        """Numbers of the sequences of each batch."""
        order = np.arange(len(self.sequences))
        if self.shuffle:
            order = np.random.Generator(np.random.PCG64([self.seed, self.epoch])).permutation(order)
        for start in range(0, len(order), self.batch_size):
            yield order[start : start + self.batch_size]

    def _interaction(self, index: IntArray) -> Interaction:
        return self.dataset.interaction(self.sequences, index, self._width)
