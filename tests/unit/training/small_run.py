"""A dataset of a few dozen sequences in memory, and trainers on it."""

from pathlib import Path
from typing import Any

from recbole.utils import init_seed

from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.data.prepare import prepare
from recbole_tagnnpp.data.rules import PreparationRules
from recbole_tagnnpp.data.session_dataset import SessionDataset
from recbole_tagnnpp.data.session_loader import SessionLoader
from recbole_tagnnpp.training.trainer import SessionTrainer
from tests.integration.tiny_dataset import settings, write_tiny_log


def tiny_config(root: Path, model: str = "TAGNNPP", **changes: Any) -> SessionConfig:
    """Configuration of a prepared tiny dataset under ``root``, which is made on first use."""
    if not (root / "dataset" / "tiny").is_dir():
        rules = write_tiny_log(root / "dataset", n_sessions=90)
        config = SessionConfig(model, "tiny", [rules])
        prepare(
            "tiny",
            root / "dataset" / "tiny" / "tiny.inter",
            root / "dataset",
            PreparationRules.from_mapping(config["preparation"], "tiny"),
            show_progress=False,
        )
    return SessionConfig(model, "tiny", [root / "dataset" / "tiny.yaml"], settings(root, model, **changes))


def tiny_trainer(root: Path, folder: str = "run", model: str = "TAGNNPP", **changes: Any) -> SessionTrainer:
    """A trainer with a freshly seeded model."""
    config = tiny_config(root, model, **changes)
    dataset = SessionDataset(config)
    init_seed(config["seed"], True)
    model_class = config.model_class
    trainer = SessionTrainer(config, model_class(config, dataset), root / folder, dataset.item_tokens)
    trainer.dataset = dataset  # type: ignore[attr-defined]
    return trainer


def loader(trainer: SessionTrainer, part: str = "training", shuffle: bool = True, batch_size: int = 32) -> SessionLoader:
    """Batches of the training or validation sequences."""
    dataset = trainer.dataset  # type: ignore[attr-defined]
    return SessionLoader(dataset, getattr(dataset, part), batch_size, shuffle, seed=1, pad_to_longest=True)
