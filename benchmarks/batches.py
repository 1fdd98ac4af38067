"""The batches that every system of a benchmark is measured on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from recbole.data.interaction import Interaction

from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.data.locate import ensure_prepared
from recbole_tagnnpp.data.prepare import prepare
from recbole_tagnnpp.data.rules import PreparationRules
from recbole_tagnnpp.data.session_dataset import SessionDataset
from recbole_tagnnpp.data.session_loader import SessionLoader


@dataclass(frozen=True)
class BenchmarkData:
    """A dataset for building models, and where its batches come from."""

    dataset: SessionDataset
    origin: str

    def batches(self, batch_size: int, count: int, padded: bool) -> list[Interaction]:
        """The first batches of epoch 0, ``padded`` to MAX_ITEM_LIST_LENGTH or cut to their longest session; on the host,
        as the trainer gets them."""
        loader = SessionLoader(self.dataset, self.dataset.training, batch_size, True, seed=1, pad_to_longest=not padded)
        found: list[Interaction] = []
        while len(found) < count:
            for batch in loader:
                if len(found) == count:
                    break
                if len(batch) == batch_size or len(loader) == 1:
                    found.append(batch)
            loader.set_epoch(loader.epoch + 1)
        return found


def load_benchmark_data(source: Path | None, data_path: Path) -> BenchmarkData:
    """Real Diginetica sessions where they are prepared or can be, else the demo sessions.

    Args:
        source: raw or SR-GNN-processed Diginetica, prepared on first use.
        data_path: where prepared datasets are.
    """
    prepared = (data_path / "diginetica" / "diginetica.manifest.json").is_file()
    if prepared or (source is not None and source.exists()):
        config = SessionConfig("TAGNNPP", "diginetica", config_dict={"data_path": str(data_path)})
        rules = PreparationRules.from_mapping(config["preparation"], where="diginetica")
        if source is not None and not prepared:
            prepare("diginetica", source, data_path, rules)
        return BenchmarkData(SessionDataset(config), "Diginetica")
    config = SessionConfig("TAGNNPP", "demo", config_dict={"data_path": str(data_path)})
    ensure_prepared("demo", data_path, PreparationRules.from_mapping(config["preparation"], where="demo"))
    return BenchmarkData(SessionDataset(config), "demo sessions (no Diginetica found)")


def random_batch(n_items: int, batch_size: int, length: int | None, seed: int) -> tuple[Interaction, np.ndarray]:
    """Random sessions for the growth curves: all of one length, or of Diginetica-like lengths (geometric, mean 4)."""
    generator = np.random.default_rng(seed)
    lengths = (
        np.full(batch_size, length) if length else np.minimum(generator.geometric(1 / 4.1, size=batch_size), 50)
    ).astype(np.int64)
    items = generator.integers(1, n_items + 1, size=(batch_size, lengths.max()))
    items[np.arange(lengths.max()) >= lengths[:, None]] = 0
    fields = {
        "item_id_list": torch.from_numpy(items),
        "item_length": torch.from_numpy(lengths),
        "item_id": torch.from_numpy(generator.integers(1, n_items + 1, size=batch_size)),
    }
    return Interaction(fields), lengths
