"""Prepared sessions behind RecBole's dataset contract."""

import functools
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

import recbole_tagnnpp.recbole_compat  # noqa: F401  isort: skip
from recbole.config import Config
from recbole.data.dataset import SequentialDataset
from recbole.data.interaction import Interaction
from recbole.utils import FeatureSource, FeatureType

from recbole_tagnnpp.data.rules import PreparationRules
from recbole_tagnnpp.data.session_sequences import SessionSequences, read_item_vocabulary, read_sequences


@dataclass(frozen=True)
class LoadedSessions:
    """What :class:`SessionDataset` reads before the test: arrays that many trials of a search can share.

    Attributes:
        vocabulary: tokens of items 1, 2, ..., an Arrow array of strings.
        training, validation: sequences.
    """

    vocabulary: pa.Array
    training: SessionSequences
    validation: SessionSequences


class SessionDataset(SequentialDataset):
    """Training, validation and test sequences of a prepared dataset.

    RecBole's own loading is replaced because it unpickles caches, splits and parses with Python loops, and opens the
    test file before training.  Here items are numbered by ``<dataset>.item``, and ``<dataset>.test.inter`` is read by
    :meth:`test_sequences` only (``check_files`` compares its checksum).  What models ask of a dataset (``num``,
    ``field2id_token``, ``item_num``, ``item_counter``, ``get_item_feature``, ``len``, ``[]``) refers to the training
    sequences.

    Args:
        config: with ``dataset``, ``data_path`` (RecBole's final one, folder of the dataset) and field names.
        loaded: sessions in memory; then no file is opened, and there is no test.

    Raises:
        UserError: a file is missing or malformed.
    """

    def __init__(self, config: Config, loaded: LoadedSessions | None = None) -> None:
        self._loaded = loaded
        super().__init__(config)

    def _from_scratch(self) -> None:
        self._get_preset()
        self._get_field_from_config()
        self.folder = Path(self.dataset_path)
        self.user_feat = self.item_feat = None
        rules = PreparationRules.from_mapping(self.config["preparation"] or {}, "preparation")
        self.longest_prefix = min(self.max_item_list_len, rules.max_prefix_length)  # no model has learnt from longer ones
        if self._loaded is None:
            self._vocabulary = read_item_vocabulary(self.folder / f"{self.dataset_name}.item")
            self.training, self.validation = self._read("train"), self._read("valid")
        else:
            self._vocabulary, self.training = self._loaded.vocabulary, self._loaded.training
            self.validation = self._loaded.validation
        item_tokens = np.array(["[PAD]", *self._vocabulary.to_pylist()])
        self.item_list_field = self.iid_field + self.config["LIST_SUFFIX"]
        n_sessions = self.training.session_numbers.max(initial=0)
        session_tokens = np.arange(n_sessions + 1).astype(f"U{max(len(str(n_sessions)), len('[PAD]'))}")
        session_tokens[0] = "[PAD]"
        for field, kind, tokens, length in (
            (self.uid_field, FeatureType.TOKEN, session_tokens, 1),
            (self.iid_field, FeatureType.TOKEN, item_tokens, 1),
            (self.item_list_field, FeatureType.TOKEN_SEQ, item_tokens, self.max_item_list_len),
        ):
            self.set_field_property(field, kind, FeatureSource.INTERACTION, length)
            self.field2id_token[field] = tokens
        item_numbers = dict(zip(item_tokens, range(len(item_tokens)), strict=True))
        self.field2token_id[self.iid_field] = self.field2token_id[self.item_list_field] = item_numbers
        self.set_field_property(self.item_list_length_field, FeatureType.TOKEN, FeatureSource.INTERACTION, 1)

    def _benchmark_presets(self) -> None:
        """Nothing: the fields that RecBole derives from benchmark files are set in :meth:`_from_scratch`."""

    def _read(self, split: str) -> SessionSequences:
        return read_sequences(self.folder / f"{self.dataset_name}.{split}.inter", self._vocabulary)

    @property
    def item_tokens(self) -> list[str]:
        """Tokens of items 1, 2, ..., as users know them."""
        return self._vocabulary.to_pylist()

    def load(self) -> LoadedSessions:
        """Everything but the test, to hand to other processes."""
        return LoadedSessions(self._vocabulary, self.training, self.validation)

    def learning_from(self, *more: SessionSequences) -> "SessionDataset":
        """The same items, with other sequences behind those of training to learn from: what ``refit`` trains on."""
        training = functools.reduce(SessionSequences.followed_by, more, self.training)
        return SessionDataset(self.config, LoadedSessions(self._vocabulary, training, self.validation))

    def test_sequences(self) -> SessionSequences:
        """Open the test file and read it; nothing but the final evaluation of a run calls this.

        Raises:
            RuntimeError: the sessions were handed in, as they are in the trials of a search.
        """
        if self._loaded is not None:
            raise RuntimeError("trials of a search have no test")
        return self._read("test")

    @functools.cached_property
    def inter_feat(self) -> Interaction:
        """All training sequences in RecBole's padded form, made when a model asks for it."""
        return self[np.arange(len(self.training))]

    @property
    def item_counter(self) -> Counter:
        """Item number to how often it is the target of a training sequence."""
        numbers, counts = np.unique(self.training.target_items, return_counts=True)
        return Counter(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))

    def interaction(self, sequences: SessionSequences, index: np.ndarray, width: int | None) -> Interaction:
        """Some sequences as the fields that sequential models read.

        Args:
            sequences: where from.
            index: [B] int64, which.
            width: columns of the item list, ``None`` for the longest of the selection.
        """
        item_seq, item_seq_len = sequences.padded_prefixes(index, self.longest_prefix, width)
        columns = {
            self.uid_field: sequences.session_numbers[index],
            self.item_list_field: item_seq,
            self.item_list_length_field: item_seq_len,
            self.iid_field: sequences.target_items[index],
        }
        # RecBole would turn arrays into tensors row by row
        return Interaction({field: torch.from_numpy(column) for field, column in columns.items()})

    def __getitem__(self, index: np.ndarray, join: bool = True) -> Interaction:
        return self.interaction(self.training, np.atleast_1d(np.asarray(index)), self.max_item_list_len)

    def __len__(self) -> int:
        return len(self.training)

    def __str__(self) -> str:
        return f"{self.dataset_name}: {len(self)} training sequences, {self.item_num - 1} items"
