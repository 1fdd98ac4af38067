"""The systems of the tables: which model, in which setting, is which row."""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from recbole_tagnnpp.config.layers import merge_layers
from recbole_tagnnpp.config.properties import known_names
from recbole_tagnnpp.config.same_experiment import IRRELEVANT_FOR_RESULTS
from recbole_tagnnpp.errors import UserError


@dataclass(frozen=True)
class System:
    """One row of a table.

    Attributes:
        title: as tables print it.
        model: name of the model.
        preset: of its settings, ``None`` for the model's property file alone.
        changes: further settings.
    """

    title: str
    model: str
    preset: str | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)


FREE = IRRELEVANT_FOR_RESULTS | {
    "model", "dataset", "preset", "seed", "refit", "use_gpu", "eval_batch_size", "target_attention_backend",
    "target_attention_precision",
}  # fmt: skip
"""Keys that a system leaves open: seeds are averaged, the rest is the machine's. Precision is the rounding of products,
which some machines do in bfloat16 or TF32; docs/performance.md measures its effect, and tables name the runs."""


def tagnnpp(preset: str) -> System:
    """TAGNN++ in one preset."""
    return System("TAGNN++ (paper preset)" if preset == "paper" else f"TAGNN++ ({preset})", "TAGNNPP", preset)


AS_IN_PAPER, RECOMMENDED = tagnnpp("paper").title, tagnnpp("recommended").title
TABLE_ONE = (
    System("Pop", "Pop"),
    System("Session-Pop", "SessionPop"),
    System("Item-KNN", "ItemKNN"),
    System("VS-KNN", "VSKNN"),
    System("STAN", "STAN"),
    System("GRU4Rec", "GRU4Rec", "baseline"),
    System("NARM", "NARM", "baseline"),
    System("RepeatNet", "RepeatNet", "baseline"),
    System("CSRM", "CSRM"),
    System("SR-GNN", "SRGNN", "baseline"),
    System("GC-SAN", "GCSAN", "baseline"),
    System("TAGNN", "TAGNN"),
    System("LESSR", "LESSR"),
    System("FGNN", "FGNN"),
    System("DGTN", "DGTN"),
    tagnnpp("paper"),
    tagnnpp("recommended"),
)
"""Rows of Table I: the simple ones first, then in the paper's order."""

_PARTS: dict[str, dict[str, Any]] = {
    "AGC": {"agc_lambda": None},
    "GNN": {"use_gnn": False},
    "PE": {"use_position_embedding": False},
    "Transformer": {"use_transformer": False},
}
_CORNERS: dict[str, dict[str, Any]] = {
    "Transformer only": {**_PARTS["AGC"], **_PARTS["GNN"]},
    "GNN only": {**_PARTS["AGC"], **_PARTS["PE"], **_PARTS["Transformer"]},
}
_CHOICES: dict[str, dict[str, Any]] = {
    "- normalisation": {"normalize_embeddings": False},
    "- label smoothing": {"label_smoothing": 0.0},
    "- AGC off the item table": {"agc_exclude": []},
    "- cosine schedule": {"learning_rate_schedule": "constant"},
    "- dropout of item vectors": {"embedding_dropout_prob": 0.0},
    "+ dropout of item vectors": {"embedding_dropout_prob": 0.2},
    "scale 16, not 12": {"normalization_scale": 16.0},
    "+ second Transformer layer": {"n_layers": 2},
    "+ skip around the Transformer": {"transformer_skip": True},
    "+ warm-up of 2,000 steps": {"warmup_steps": 2000},
    "positions from the start": {"position_order": "from_start"},
}
"""What our presets choose and the paper's do not have, and what they decided against."""
OF_OTHERS = ("paper", "released_code")
"""Presets of TAGNN++ that are not our choice."""


def ablations(preset: str, dataset: str) -> tuple[System, ...]:
    """Rows of Table II: TAGNN++ in one preset, without each of its parts, with other choices, and its corners.

    What the preset says of this dataset anyway is no row.

    Raises:
        UserError: no such preset, or there are no settings for the dataset.
    """
    changes = {f"- {part}": change for part, change in _PARTS.items()}
    changes |= {} if preset in OF_OTHERS else _CHOICES
    changes |= _CORNERS
    whole = _settings("TAGNNPP", dataset, preset)[0]
    if whole["embedding_dropout_prob"]:  # taking it away is the row, not giving another amount
        changes.pop("+ dropout of item vectors", None)
    changes = {title: change for title, change in changes.items() if not change.items() <= whole.items()}
    return (tagnnpp(preset), *(System(title, "TAGNNPP", preset, change) for title, change in changes.items()))


def find_system(text: str) -> System:
    """A system by what the user calls it: ``SRGNN``, ``TAGNNPP:paper``, or a title of Table I.

    A model alone stands for its row of Table I (TAGNN++ for the recommended one), any other model for its own defaults.

    Raises:
        UserError: no such model or preset.
    """
    for system in reversed(TABLE_ONE):  # the recommended preset before the paper's
        if text in (system.title, system.model) or text == f"{system.model}:{system.preset}":
            return system
    model, colon, preset = text.partition(":")
    if not colon:
        default = merge_layers(model, "demo").final["preset"]
        return System(model, model, default)
    merge_layers(model, "demo")  # an unknown model shows first
    presets = sorted({name.split(".")[0] for name in known_names(f"preset/{model}")})
    if preset not in presets:
        allowed = f"there are {', '.join(presets)}" if presets else f"{model} has none"
        raise UserError(f"models={text}: no such preset of {model}; {allowed}")
    return tagnnpp(preset) if model == "TAGNNPP" else System(f"{model} ({preset})", model, preset)


def differences(system: System, config: Mapping[str, Any]) -> dict[str, str]:
    """Key to words like ``epochs=1 (not 8)``, for everything that a system decides and a run has otherwise.

    A key that is younger than the record had the model's default then, whatever the preset says now.

    Args:
        system: of the same model.
        config: settings of the run, as its record keeps them.

    Raises:
        UserError: the system's settings do not make a configuration (any more).
    """
    changes = tuple(sorted((key, json.dumps(value)) for key, value in system.changes.items()))
    expected, defaults = _settings(system.model, str(config["dataset"]), system.preset, changes)
    found = {}
    for key in sorted((expected.keys() | config.keys()) - FREE):
        run_value = config.get(key, defaults.get(key))
        if run_value != expected.get(key):
            found[key] = f"{key}={_words(run_value)} (not {_words(expected.get(key))})"
    return found


@functools.cache
def _settings(
    model: str, dataset: str, preset: str | None, changes: tuple[tuple[str, str], ...] = ()
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings of a system, and those without its preset, as a record would keep them."""
    decided = {"preset": preset, **{key: json.loads(value) for key, value in changes}}
    expected = merge_layers(model, dataset, dictionary=decided).final
    defaults = merge_layers(model, dataset, dictionary={"preset": None}).final
    return json.loads(json.dumps(expected)), json.loads(json.dumps(defaults))


def _words(value: Any) -> str:
    return "~" if value is None else str(value)
