"""The models that are measured beside each other."""

from typing import Any

import torch
from recbole.utils import init_seed

from benchmarks.naive_scorer import NaiveTAGNNPP
from recbole_tagnnpp.config.models import find_model
from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.data.session_dataset import SessionDataset
from recbole_tagnnpp.model.target_attention.products import bfloat16_is_fast
from recbole_tagnnpp.recbole_compat import import_sequential_model
from recbole_tagnnpp.training.trainer import SessionTrainer

EMBEDDING_SIZE = 100
RECBOLE_MODELS = ("SRGNN", "GCSAN", "NARM", "GRU4Rec")
SIZE_KEYS: dict[str, dict[str, Any]] = {
    "GCSAN": {"hidden_size": EMBEDDING_SIZE},
    "GRU4Rec": {"embedding_size": EMBEDDING_SIZE, "hidden_size": EMBEDDING_SIZE},
    "NARM": {"embedding_size": EMBEDDING_SIZE, "hidden_size": EMBEDDING_SIZE},
}
"""Keys that give every model the same embedding size; the others take ``embedding_size`` alone."""
BFLOAT16 = "TAGNNPP bfloat16"
"""TAGNN++ with bfloat16 products."""


def compared_systems(device: torch.device) -> list[str]:
    """What is measured side by side here."""
    return ["TAGNNPP", *([BFLOAT16] if multiplies_bfloat16(device) else []), "naive", *RECBOLE_MODELS]


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether the hardware does so itself."""
    return torch.cuda.is_bf16_supported(including_emulation=False) if device.type == "cuda" else bfloat16_is_fast()


def build_trainer(
    model: str, dataset: SessionDataset, device: torch.device, n_items: int | None = None, **changes: Any
) -> SessionTrainer:
    """A trainer with a fresh model; its ``train_step`` is what is measured.

    Args:
        model: one of :func:`compared_systems`.
        dataset: tells the number of items, unless ``n_items`` does.
        device: where to.
        n_items: another number of items, for the growth curves.
        changes: configuration keys.
    """
    name = "TAGNNPP" if model in ("naive", BFLOAT16) else model
    if model == BFLOAT16:
        changes["target_attention_precision"] = "bfloat16"
    sizes = SIZE_KEYS.get(name, {"embedding_size": EMBEDDING_SIZE})
    config = SessionConfig(
        name,
        dataset.dataset_name,
        config_dict={"use_gpu": device.type == "cuda", "learning_rate": 0.001, **sizes, **changes},
    )
    init_seed(1, True)
    model_class = NaiveTAGNNPP if model == "naive" else _model_class(name)
    source = dataset if n_items is None else _ItemCount(n_items + 1)
    trainer = SessionTrainer(config, model_class(config, source).to(device))
    trainer.model.train()
    return trainer


def _model_class(name: str) -> type:
    """Of RecBole's models RecBole's own class, also where the package has a faster one of the same name."""
    return getattr(import_sequential_model(name.lower()), name) if name in RECBOLE_MODELS else find_model(name)


class _ItemCount:
    """Stands in for a dataset where a model asks for nothing but the number of items."""

    def __init__(self, n_items: int) -> None:
        self._n_items = n_items

    def num(self, field: str) -> int:
        """Number of values of any field."""
        return self._n_items
