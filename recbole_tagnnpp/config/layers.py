"""Settings from all their sources, merged into one mapping; reads files only, so that mistakes show before torch loads."""

import copy
import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from recbole_tagnnpp.config.fixed_keys import FIXED
from recbole_tagnnpp.config.models import OUR_MODELS, check_model_name, recbole_property_file
from recbole_tagnnpp.config.properties import (
    find_property_file,
    find_property_files,
    known_names,
    recbole_property_folder,
)
from recbole_tagnnpp.config.spelling import with_one_spelling, with_real_numbers
from recbole_tagnnpp.config.value_checks import check_values
from recbole_tagnnpp.config.yaml_files import read_yaml
from recbole_tagnnpp.dataset_names import check_dataset_name
from recbole_tagnnpp.errors import UserError, suggestion
from recbole_tagnnpp.files import user_path

CHOICES = {"model", "dataset", "preset"}
"""Keys that choose property files."""
EXAMPLE = "example"
"""The property file of no dataset, to be copied."""
FOLDERS = ("data_path", "checkpoint_dir", "results_path")
"""Keys that name a folder, in which ``~`` is the home folder."""
RECBOLE_DEFAULTS = ("overall.yaml", "dataset/sample.yaml", "quick_start_config/sequential.yaml")


@dataclass
class Layers:
    """Merged settings of a run.

    Attributes:
        model, dataset: names.
        internal: settings of property files and preset.
        files, dictionary, command_line: settings of the caller.
        final: all of them by priority, checked.
        origin: where a key was set last, as the start of a message: ``"a.yaml: "``, ``"--"``; RecBole's are missing. Rules
            of the preparation count singly, as ``preparation.<rule>``.
        recbole_defaults: what RecBole sets for every sequential model.
        model_defaults: what the model's own property file sets.
    """

    model: str = ""
    dataset: str = ""
    internal: dict[str, Any] = field(default_factory=dict)
    files: dict[str, Any] = field(default_factory=dict)
    dictionary: dict[str, Any] = field(default_factory=dict)
    command_line: dict[str, Any] = field(default_factory=dict)
    final: dict[str, Any] = field(default_factory=dict)
    origin: dict[str, str] = field(default_factory=dict)
    recbole_defaults: dict[str, Any] = field(default_factory=dict)
    model_defaults: dict[str, Any] = field(default_factory=dict)

    def origin_of_rule(self, rule: str) -> str:
        """Where a rule of the preparation was set last, or nothing."""
        return self.origin.get(f"preparation.{rule}", "")

    @property
    def given(self) -> dict[str, Any]:
        """What the caller has set, by priority."""
        return _merged(self.files, self.dictionary, self.command_line)


def merge_layers(
    model: str | type | None,
    dataset: str | None,
    config_files: Sequence[str | Path] = (),
    dictionary: Mapping[str, Any] | None = None,
    command_line: Mapping[str, Any] | None = None,
    other_arguments: Collection[str] = (),
    own_properties: bool = True,
) -> Layers:
    """Read the property files that belong to a run, lay the caller's settings over them, and check the result.

    Args:
        model: name, or a class of the caller; the command line outranks it, other sources do not.
        dataset: name, likewise.
        config_files: YAML files, later ones win.
        dictionary: outranks files.
        command_line: outranks everything.
        other_arguments: of the command, which are no keys; a misspelt one is told from a misspelt key.
        own_properties: read ``./properties`` too; else the shipped files alone.

    Raises:
        UserError: an unknown model, key or preset, a missing or malformed file, a value that is not allowed.
    """
    layers = Layers(dictionary=copy.deepcopy(dict(dictionary or {})), command_line=dict(command_line or {}))
    caller_origin: dict[str, str] = {}
    for file in config_files:
        content = read_yaml(Path(file))
        caller_origin.update(_origins(content, f"{file}: "))
        _lay_over(layers.files, content)
    caller_origin.update(_origins(layers.dictionary, ""))
    caller_origin.update(_origins(layers.command_line, "--"))
    caller = layers.given

    layers.dataset = _dataset_name(layers.command_line.get("dataset", dataset or caller.get("dataset")))
    layers.model = _model_name(layers.command_line.get("model", model or caller.get("model")))
    known = _read_property_files(layers, own_properties)
    _read_preset(layers, caller, known)
    _refuse_unknown(caller, known | CHOICES, caller_origin, other_arguments)
    layers.origin.update(caller_origin)

    final = _merged(layers.internal, layers.files, layers.dictionary, layers.command_line)
    final.update(model=layers.model, dataset=layers.dataset, preset=layers.internal["preset"])
    if isinstance(final["topk"], int) and not isinstance(final["topk"], bool):
        final["topk"] = [final["topk"]]
    for key in FOLDERS:
        if isinstance(final[key], str) and final[key].startswith("~"):
            final[key] = str(user_path(final[key]))
    for key, rule in FIXED.items():
        if key not in layers.origin or rule.accepts(final[key]):  # RecBole's own defaults differ
            final[key] = copy.deepcopy(rule.value)
    check_values(final, layers.recbole_defaults, layers.model_defaults, lambda key: layers.origin.get(key, ""))
    layers.final = with_one_spelling(with_real_numbers(final, layers.model_defaults))
    return layers


def _origins(settings: Mapping[str, Any], where: str) -> dict[str, str]:
    """``where`` for every key, and for every rule of the preparation."""
    rules = settings.get("preparation")
    keys = [*settings, *(f"preparation.{rule}" for rule in (rules if isinstance(rules, Mapping) else ()))]
    return dict.fromkeys(keys, where)


def _merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for layer in layers:
        _lay_over(settings, layer)
    return settings


def _lay_over(settings: dict[str, Any], layer: Mapping[str, Any]) -> None:
    """Put a layer over settings; single rules of ``preparation`` leave the other rules as they are."""
    for key, value in layer.items():
        below = settings.get(key)
        if key == "preparation" and isinstance(below, dict) and isinstance(value, dict):
            value = {**below, **value}
        settings[key] = value


def _dataset_name(name: Any) -> str:
    if name is None or name == "":
        known = ", ".join(name for name in known_names("dataset") if name != EXAMPLE)
        raise UserError(f"no dataset given: --dataset=NAME, one of {known} or your own")
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)  # --dataset=2015
    return check_dataset_name(name)


def _model_name(model: Any) -> str:
    if model is None:
        raise UserError("no model given: --model=NAME, for example TAGNNPP or SRGNN")
    if isinstance(model, type):
        return model.__name__
    check_model_name(str(model))
    return str(model)


def _read_property_files(layers: Layers, own: bool) -> set[str]:
    """Fill ``internal`` from property files, lowest first; returns the keys that these files declare.

    RecBole's files and the shipped ones declare keys; what ``./properties`` lays over them is checked like any input.
    """
    recbole = recbole_property_folder()
    for name in RECBOLE_DEFAULTS:
        layers.recbole_defaults.update(read_yaml(recbole / name))
    layers.internal.update(layers.recbole_defaults)
    known = {*layers.internal, "preset", "preparation"}

    def add(files: Iterable[Path], declares: bool) -> None:
        for file in files:
            content = read_yaml(file)
            where = "" if file.is_relative_to(recbole) else f"{file}: "
            if declares:
                known.update(content)
            _refuse_unknown(content, known - {"model", "dataset"}, dict.fromkeys(content, where))
            if where:
                layers.origin.update(_origins(content, where))
            _lay_over(layers.internal, content)

    overall = find_property_files("", "overall", own)
    add(overall[:1], declares=True)
    add(overall[1:], declares=False)
    theirs = recbole_property_file(layers.model)
    of_model = [*([theirs] if theirs else []), *find_property_files("model", layers.model, own)]
    if of_model:
        layers.model_defaults.update({k: v for k, v in read_yaml(of_model[0]).items() if k not in CHOICES})
    add(of_model[:1], declares=True)
    add(of_model[1:], declares=False)
    add(find_property_files("dataset", layers.dataset, own)[-1:], declares=False)
    return known


def _read_preset(layers: Layers, caller: Mapping[str, Any], known: set[str]) -> None:
    """Lay ``preset/<model>/<preset>.yaml`` and ``<preset>.<dataset>.yaml`` beside it over the property files."""
    preset = caller.get("preset", layers.internal.get("preset"))
    layers.internal["preset"] = preset
    if preset is None:
        return
    folder = f"preset/{layers.model}"
    names = sorted({name.split(".")[0] for name in known_names(folder)})
    file = find_property_file(folder, str(preset)) if str(preset) in names else None
    if file is None:
        there_are = f"there are {', '.join(names)}, and ~ for none" if names else f"{layers.model} has none"
        raise UserError(f"preset={preset}: no such preset of {layers.model}; {there_are}")
    for_dataset = find_property_file(folder, f"{preset}.{layers.dataset}")
    for source in (file, for_dataset):
        if source is None:
            continue
        content = read_yaml(source)
        _refuse_unknown(content, known - CHOICES, dict.fromkeys(content, f"{source}: "))
        layers.origin.update(_origins(content, f"{source}: "))
        _lay_over(layers.internal, content)


@cache
def _preparation_rules() -> frozenset[str]:
    """Names of the rules by which datasets are prepared, of which the shipped example has all."""
    return frozenset(read_yaml(find_property_files("dataset", EXAMPLE, own=False)[0])["preparation"])


def _refuse_unknown(
    settings: Mapping[str, Any], known: set[str], origin: Mapping[str, str], other_arguments: Collection[str] = ()
) -> None:
    rules = _preparation_rules()
    for key, value in settings.items():
        if key == "preparation" and isinstance(value, Mapping):
            _refuse_unknown_rule(value, rules, origin[key])
        if key in known:
            continue
        if key == "config_files":
            raise UserError(f"{origin[key]}config_files: allowed on the command line only")
        if key in rules:
            raise UserError(f"{origin[key]}{key}: a rule of the preparation; write preparation={{{key}: ...}}")
        if others := _models_with(key):
            raise UserError(f"{origin[key]}{key}: unknown key here; a key of {', '.join(others)}")
        near = difflib.get_close_matches(key, known | rules | {"config_files", *other_arguments}, n=1, cutoff=0.6)
        meant = f"preparation={{{near[0]}: ...}}" if near and near[0] in rules else near[0] if near else ""
        hint = f"did you mean {meant}?" if near else "see properties/overall.yaml and properties/model/"
        raise UserError(f"{origin[key]}{key}: unknown key; {hint}")


def _models_with(key: str) -> list[str]:
    """Our models whose property file declares a key."""
    files = [file for model in OUR_MODELS for file in find_property_files("model", model, own=False)]
    return [file.stem for file in files if key in read_yaml(file)]


def _refuse_unknown_rule(preparation: Mapping[str, Any], rules: Collection[str], origin: str) -> None:
    for rule in preparation:
        if rule not in rules:
            raise UserError(f"{origin}preparation: {rule}: unknown rule; {suggestion(str(rule), sorted(rules))}")
