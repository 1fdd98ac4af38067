"""Checkpoints: plain values and tensors, written atomically, read without running code."""

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

import recbole_tagnnpp.recbole_compat  # noqa: F401  isort: skip
from recbole.model.abstract_recommender import AbstractRecommender

from recbole_tagnnpp.baselines.counting.recommender import CountingRecommender
from recbole_tagnnpp.config.same_experiment import differing_settings
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.files import atomic_write

FORMAT = "recbole-tagnnpp checkpoint"
FORMAT_VERSION = 1
KEYS = {
    "format": str,
    "format_version": int,
    "config": dict,
    "item_tokens": list,
    "state_dict": dict,
    "other_parameter": dict,
    "training": dict,
}


RESUMABLE_KEYS: dict[str, type | tuple[type, ...]] = {
    "epoch": int,
    "best_epoch": int,
    "history": list,
    "cur_step": int,
    "best_valid_score": (float, int),
    "best_valid_result": (dict, type(None)),
    "is_finished": bool,
    "optimizer": dict,
    "scaler": dict,
    "random_states": dict,
}
"""What ``training`` holds in a checkpoint that training can continue from."""


def save_checkpoint(
    path: Path,
    model: AbstractRecommender,
    config: dict[str, Any],
    item_tokens: list[str],
    training: dict[str, Any],
) -> None:
    """Write a checkpoint; a reader sees the old file or the whole new one.

    Args:
        path: where to.
        model: a RecBole model (its ``state_dict`` and ``other_parameter`` are kept).
        config: plain dictionary of the final configuration.
        item_tokens: tokens of items 1, 2, ...
        training: plain values, tensors and state dicts that training needs to go on.

    Raises:
        OSError: the file cannot be written; the old one stays.
    """
    checkpoint = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "config": config,
        "item_tokens": item_tokens,
        "state_dict": model.state_dict(),
        "other_parameter": model.other_parameter(),
        "training": training,
    }
    with atomic_write(path, "wb") as handle:
        try:
            torch.save(checkpoint, handle)
        except RuntimeError as problem:  # torch's zip writer hides why it could not write
            if isinstance(problem.__context__, OSError):
                raise OSError(problem.__context__.errno, problem.__context__.strerror, str(path)) from problem
            raise


def load_checkpoint(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read and check a checkpoint.

    Raises:
        UserError: the file is missing, damaged, not one of our checkpoints, or of another format version.
    """
    if not path.is_file():
        raise UserError(f"{path}: {'a folder; name the file in it' if path.is_dir() else 'no such checkpoint'}")
    try:
        _check_sums(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of a foreign pickle before it refuses it
            checkpoint = torch.load(path, map_location=device, weights_only=True)
    except pickle.UnpicklingError as problem:
        raise UserError(
            f"{path}: refused, not a plain checkpoint: it holds objects that would run code, or is no torch file"
        ) from problem
    except UserError:
        raise
    except PermissionError as problem:
        raise UserError(f"{path}: cannot be read ({problem.strerror})") from problem
    except Exception as problem:  # damaged bytes lead the unpickler into errors of any type
        # whose texts are long, and some advise to load without weights_only
        reason = getattr(problem, "strerror", None) or type(problem).__name__
        raise UserError(f"{path}: damaged, or not a checkpoint of this package ({reason})") from problem
    if not isinstance(checkpoint, dict) or checkpoint.get("format") != FORMAT:
        raise UserError(f"{path}: not a {FORMAT}; only files written by this package can be loaded")
    if checkpoint.get("format_version") != FORMAT_VERSION:
        raise UserError(f"{path}: format_version {checkpoint.get('format_version')!r}, this version reads {FORMAT_VERSION}")
    for key, kind in KEYS.items():
        if not isinstance(checkpoint.get(key), kind):
            raise UserError(f"{path}: key {key!r} must be a {kind.__name__}, found {type(checkpoint.get(key)).__name__}")
    return checkpoint


def _check_sums(path: Path) -> None:
    """Compare the file's parts with their checksums, which ``torch.load`` passes over: one wrong bit of a weight counts.

    Raises:
        UserError: a part differs.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise UserError(f"{path}: damaged: {damaged} differs from its checksum")


def check_settings(checkpoint: dict[str, Any], ours: Mapping[str, Any], path: Path) -> None:
    """Check that a checkpoint comes from the same experiment: weights of the same shapes may be of another one.

    Args:
        checkpoint: of the file at ``path``.
        ours: settings as plain values.

    Raises:
        UserError: settings that count for results differ; names them.
    """
    theirs = checkpoint["config"]
    keys = differing_settings(theirs, ours)
    if keys:
        shown = [f"{key}={theirs.get(key, 'nothing')} (here {ours.get(key, 'nothing')})" for key in keys[:3]]
        more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
        raise UserError(f"{path}: comes from a run with other settings: {', '.join(shown)}{more}")


def check_resumable(checkpoint: dict[str, Any], path: Path) -> None:
    """Check that training can continue from a checkpoint.

    Raises:
        UserError: it holds weights only, or a part of the training state is missing or of another type.
    """
    training = checkpoint["training"]
    if not isinstance(training.get("random_states_of_others", []), list):
        raise UserError(f"{path}: key 'training.random_states_of_others' is not a list, which it must be")
    if "optimizer" not in training:
        raise UserError(f"{path}: holds weights only; training continues from a last.pth")
    for key, kind in RESUMABLE_KEYS.items():
        if key not in training:
            raise UserError(f"{path}: key 'training.{key}' is missing")
        if not isinstance(training[key], kind):
            raise UserError(f"{path}: key 'training.{key}' is a {type(training[key]).__name__}, which it cannot be")


def load_weights(model: AbstractRecommender, checkpoint: dict[str, Any], path: Path) -> None:
    """Put the weights of a checkpoint into a model.

    Raises:
        UserError: names, shapes or types of the weights differ from the model's (names the first that does), one is not
            finite, or a counting model cannot have learnt such values.
    """
    theirs, ours = checkpoint["state_dict"], model.state_dict()
    is_counting = isinstance(model, CountingRecommender)  # sizes of what it learnt depend on the training sessions
    parameters = dict(model.named_parameters())
    for name in sorted(theirs.keys() | ours.keys(), key=str):
        if name not in theirs or name not in ours:
            where = "model" if name not in ours else "checkpoint"
            raise UserError(f"{path}: weight {name!r} is missing in the {where}; the configurations differ")
        if not isinstance(theirs[name], torch.Tensor):
            raise UserError(f"{path}: weight {name!r} must be a tensor, found {type(theirs[name]).__name__}")
        if not is_counting and theirs[name].shape != ours[name].shape:
            raise UserError(
                f"{path}: weight {name!r} has shape {tuple(theirs[name].shape)}, "
                f"the model needs {tuple(ours[name].shape)}; the configurations or the items differ"
            )
        if not is_counting and theirs[name].dtype != ours[name].dtype:
            raise UserError(f"{path}: weight {name!r} is of {theirs[name].dtype}, the model needs {ours[name].dtype}")
        if name in parameters and not bool(theirs[name].isfinite().all()):
            raise UserError(f"{path}: weight {name!r} holds values that are no finite numbers; the file is damaged")
    if is_counting:
        try:
            model.load_learnt(theirs)
        except ValueError as problem:
            raise UserError(f"{path}: {problem}") from problem
    else:
        model.load_state_dict(theirs)
    model.load_other_parameter(checkpoint["other_parameter"])
