"""A model as a checkpoint holds it, ready to score; the sessions that it was trained on are not needed."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

import recbole_tagnnpp.recbole_compat  # noqa: F401  isort: skip
from recbole.model.abstract_recommender import AbstractRecommender

from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.data.manifest import check_files, load_manifest, manifest_path
from recbole_tagnnpp.data.rules import PreparationRules, complete
from recbole_tagnnpp.data.session_dataset import LoadedSessions, SessionDataset
from recbole_tagnnpp.data.session_sequences import SessionSequences, training_checksum
from recbole_tagnnpp.errors import UserError, is_unicode
from recbole_tagnnpp.training.checkpoint import load_checkpoint, load_weights
from recbole_tagnnpp.training.model_building import build_model


@dataclass(frozen=True)
class TrainedModel:
    """A model with its weights, in evaluation mode.

    Attributes:
        model: on the device of the configuration.
        config: what it was trained with, but without candidate sampling and for one process.
        dataset: its items, without sequences.
    """

    model: AbstractRecommender
    config: SessionConfig
    dataset: SessionDataset


def load_trained_model(path: Path, use_gpu: bool = True) -> TrainedModel:
    """Build the model of a checkpoint and put its weights into it.

    Args:
        path: a ``model.pth`` (or ``best.pth``, ``last.pth``) of a run.
        use_gpu: where there is one.

    Raises:
        UserError: the checkpoint is missing, damaged, of another kind or version; the model reads its training sessions
            while it scores (DGTN) and they are not in ``data_path``, have other items or are others.
    """
    checkpoint = load_checkpoint(path)
    tokens = checkpoint["item_tokens"]
    if (
        not tokens
        or not all(isinstance(token, str) and is_unicode(token) for token in tokens)
        or len(set(tokens)) < len(tokens)
    ):
        raise UserError(f"{path}: key 'item_tokens' must be a list of different item names")
    if not all(isinstance(key, str) for key in checkpoint["config"]):
        raise UserError(f"{path}: key 'config' must have words as its keys")
    settings = {**checkpoint["config"], "preset": None, "nproc": 1, "use_gpu": use_gpu}
    settings.pop("gpu_id", None)  # of the machine that trained it; the environment of this process is not ours to change
    if "training_candidates" in settings:
        settings["training_candidates"] = None  # a sampler would want to count the training sessions
    try:
        config = SessionConfig(config_dict=settings, own_properties=False)  # the checkpoint has all of them
        if config["preparation"] is not None:
            PreparationRules.from_mapping(config["preparation"], "preparation")
    except UserError as problem:
        raise UserError(f"{path}: its configuration is not one of this version: {problem}") from problem
    if getattr(config.model_class, "reads_training_sessions", False):
        dataset = SessionDataset(config)
        _check_sessions(path, config, dataset.folder)
        if config["refit"]:
            test = [dataset.test_sequences()] if config["refit"] == "all" else []
            dataset = dataset.learning_from(dataset.validation, *test)
        if dataset.item_tokens != tokens:
            raise UserError(f"{path}: its items are not those of {dataset.folder}, or are numbered otherwise")
        learnt_from = checkpoint["training"].get("sequences_checksum")  # which older checkpoints do not have
        if learnt_from not in (None, training_checksum(dataset.training, None if config["refit"] else dataset.validation)):
            raise UserError(f"{path}: was trained on other sessions than those that are in {dataset.folder} now")
    else:
        dataset = SessionDataset(config, _no_sequences(tokens))
    model = build_model(config, dataset)
    load_weights(model, checkpoint, path)
    model.eval()
    return TrainedModel(model, config, dataset)


def _check_sessions(path: Path, config: SessionConfig, folder: Path) -> None:
    """Ask whether the prepared sessions are whole, and prepared by the rules of those that a model was trained on.

    Raises:
        UserError: they are not.
    """
    manifest = load_manifest(manifest_path(folder, config["dataset"]))
    check_files(folder, manifest)
    theirs, ours = complete(config["preparation"]), complete(manifest.rules)
    for key, value in theirs.items():
        if ours[key] != value:
            raise UserError(
                f"{path}: was trained on sessions prepared with {key}={value!r}, {folder} has {key}={ours[key]!r}"
            )


def _no_sequences(item_tokens: list[str]) -> LoadedSessions:
    nothing = SessionSequences.without_targets(np.zeros(0, dtype=np.int64), np.zeros(1, dtype=np.int64))
    return LoadedSessions(pa.array(item_tokens, pa.string()), nothing, nothing)
