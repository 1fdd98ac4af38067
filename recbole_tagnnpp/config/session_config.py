"""The configuration of a run: RecBole's Config over our property files, strict about keys and values."""

import copy
import difflib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

import recbole_tagnnpp.recbole_compat  # noqa: F401  isort: skip
from recbole.config import Config
from recbole.evaluator import metric_types
from recbole.utils import ModelType

from recbole_tagnnpp.config.models import find_model
from recbole_tagnnpp.config.properties import find_property_file, known_names, recbole_property_folder
from recbole_tagnnpp.config.schema import FIXED, check_values
from recbole_tagnnpp.config.yaml_files import PlainLoader, read_yaml
from recbole_tagnnpp.errors import UserError

DATASET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
ALWAYS_KNOWN = {"model", "dataset", "preset", "config_files", "preparation"}
PRESET_OWNER = "for_model"
"""Key of a preset file that names the model it belongs to."""


class SessionConfig(Config):
    """Settings of one run.

    Priority, highest first: command line, dictionary, config files, preset, dataset properties, model properties, our
    ``properties/overall.yaml``, RecBole's defaults.  Unlike RecBole's class it refuses unknown keys and values out of
    range, reads no ``sys.argv``, evaluates no text, and neither changes global YAML loaders nor ``CUDA_VISIBLE_DEVICES``
    that the user has set.

    Args:
        model: name or class; default the key ``model``.
        dataset: name; default the key ``dataset``.
        config_file_list: YAML files, later ones win.
        config_dict: settings as a dictionary.
        command_line: settings of the command line, see ``config.command_line.parse_arguments``.

    Raises:
        UserError: an unknown model, key or preset, a missing or malformed file, a value that is not allowed.
    """

    def __init__(
        self,
        model: str | type | None = None,
        dataset: str | None = None,
        config_file_list: Sequence[str | Path] | None = None,
        config_dict: Mapping[str, Any] | None = None,
        command_line: Mapping[str, Any] | None = None,
    ) -> None:
        self._command_line = dict(command_line or {})
        self._origin: dict[str, str] = {}
        super().__init__(model, dataset, list(config_file_list or []), dict(config_dict or {}))

    # --- what RecBole's constructor calls, in its order -----------------------------------------------------------

    def compatibility_settings(self) -> None:
        """Nothing: recbole_compat has set the numpy aliases."""

    def _build_yaml_loader(self) -> type:
        return PlainLoader

    def _load_config_files(self, file_list: list[str | Path]) -> dict[str, Any]:
        settings: dict[str, Any] = {}
        for file in file_list:
            settings.update(self._noted(read_yaml(Path(file)), f"{file}: "))
        return settings

    def _load_variable_config_dict(self, config_dict: dict[str, Any]) -> dict[str, Any]:
        return self._noted(copy.deepcopy(config_dict), "")

    def _load_cmd_line(self) -> dict[str, Any]:
        return self._noted(self._command_line, "--")

    def _get_model_and_dataset(self, model: str | type | None, dataset: str | None) -> tuple[str, type, str]:
        model = self.external_config_dict.get("model") if model is None else model
        dataset = self.external_config_dict.get("dataset") if dataset is None else dataset
        if not dataset:
            raise UserError(f"no dataset given: --dataset=NAME, one of {', '.join(known_names('dataset'))} or your own")
        if not isinstance(dataset, str) or not DATASET_NAME.fullmatch(dataset):
            raise UserError(f"dataset={dataset!r}: allowed are letters, digits, '_', '-' and '.'")
        if model is None:
            raise UserError("no model given: --model=NAME, for example TAGNNPP or SRGNN")
        if isinstance(model, type):
            return model.__name__, model, dataset
        model_class = find_model(str(model))
        return str(model), model_class, dataset

    def _load_internal_config_dict(self, model: str, model_class: Any, dataset: str) -> None:
        if model_class.type != ModelType.SEQUENTIAL:
            raise UserError(f"model={model}: not a sequential model; only those run here")
        recbole = recbole_property_folder()
        files = [
            recbole / "overall.yaml",
            recbole / "dataset" / "sample.yaml",
            recbole / "quick_start_config" / "sequential.yaml",
            recbole / "model" / f"{model}.yaml",
            find_property_file("", "overall"),
            find_property_file("model", model),
            find_property_file("dataset", dataset),
        ]
        settings: dict[str, Any] = {}
        for file in files:
            if file is not None and file.is_file():
                settings.update(read_yaml(file))
        known = set(settings) | set(self.external_parameter_names()) | ALWAYS_KNOWN
        settings.update(self._load_preset(model, dataset, settings, known))
        self._refuse_unknown(self.external_config_dict, known)
        self.internal_config_dict = {**settings, "MODEL_TYPE": model_class.type}

    def external_parameter_names(self) -> list[str]:
        """Keys that RecBole documents whether or not one of its property files has them."""
        return [name for names in self.parameters.values() for name in names]

    def _load_preset(self, model: str, dataset: str, settings: dict[str, Any], known: set[str]) -> dict[str, Any]:
        preset = self.external_config_dict.get("preset", settings.get("preset"))
        settings["preset"] = preset
        if preset is None:
            return {}
        names = sorted({name.split(".")[0] for name in known_names("preset")})
        file = find_property_file("preset", str(preset))
        if file is None or str(preset) not in names:
            raise UserError(f"preset={preset}: no such preset; there are {', '.join(names)}")
        loaded = read_yaml(file)
        owner = loaded.pop(PRESET_OWNER, model)
        if owner != model:
            raise UserError(f"preset={preset}: belongs to model {owner}, not to {model}")
        for_dataset = find_property_file("preset", f"{preset}.{dataset}")
        if for_dataset is not None:
            loaded.update(read_yaml(for_dataset))
        self._refuse_unknown(loaded, known, f"{file}: ")
        return loaded

    def _refuse_unknown(self, settings: dict[str, Any], known: set[str], where: str | None = None) -> None:
        for key in settings:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
                hint = f"did you mean {near[0]}?" if near else "see properties/overall.yaml and properties/model/"
                place = self._origin.get(key, "") if where is None else where
                raise UserError(f"{place}{key}: unknown key; {hint}")

    def _get_final_config_dict(self) -> dict[str, Any]:
        final = super()._get_final_config_dict()
        final.update(model=self.model, dataset=self.dataset)
        for key, (value, _) in FIXED.items():
            if self._origin.get(key) is None:  # RecBole's own defaults differ
                final[key] = copy.deepcopy(value)
        self._check_metrics(final)
        check_values(final, lambda key: self._origin.get(key, ""))
        self._settings = {key: value for key, value in final.items() if key != "MODEL_TYPE"}
        return final

    def _check_metrics(self, settings: dict[str, Any]) -> None:
        metrics = settings["metrics"]
        names = [metrics] if isinstance(metrics, str) else metrics
        if isinstance(settings["topk"], int) and not isinstance(settings["topk"], bool):
            settings["topk"] = [settings["topk"]]
        ranking = sorted(name for name, kind in metric_types.items() if kind.name == "RANKING")
        if not isinstance(names, list) or not names or any(str(n).lower() not in ranking for n in names):
            raise UserError(f"{self._origin.get('metrics', '')}metrics={metrics!r}: allowed are {', '.join(ranking)}")

    def _init_device(self) -> None:
        settings = self.final_config_dict
        if settings["use_gpu"] and "gpu_id" in self._origin:
            os.environ.setdefault("CUDA_VISIBLE_DEVICES", str(settings["gpu_id"]))
        on_gpu = settings["use_gpu"] and torch.cuda.is_available()
        settings.update(single_spec=True, local_rank=0, device=torch.device("cuda" if on_gpu else "cpu"))

    # --- ours -----------------------------------------------------------------------------------------------------

    def _noted(self, settings: dict[str, Any], origin: str) -> dict[str, Any]:
        """Remember where keys came from, for messages."""
        for key in settings:
            self._origin[key] = origin
        return settings

    def to_plain_dict(self) -> dict[str, Any]:
        """The settings as plain values; ``SessionConfig(config_dict=...)`` of it is the same configuration."""
        return _plain(self._settings)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise TypeError(f"a setting must be a plain value, found {type(value).__name__}")
