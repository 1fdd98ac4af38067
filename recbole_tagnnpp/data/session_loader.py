"""Batches of sequences."""

import math
from collections.abc import Iterator

import numpy as np
from recbole.data.interaction import Interaction

from recbole_tagnnpp.data.session_dataset import SessionDataset
from recbole_tagnnpp.data.session_sequences import SessionSequences


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
        order = np.arange(len(self.sequences))
        if self.shuffle:
            order = np.random.Generator(np.random.PCG64([self.seed, self.epoch])).permutation(order)
        for start in range(0, len(order), self.batch_size):
            yield self.dataset.interaction(self.sequences, order[start : start + self.batch_size], self._width)
