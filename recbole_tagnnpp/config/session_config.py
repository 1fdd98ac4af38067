"""The configuration of a run: RecBole's Config over our property files, strict about keys and values."""

import copy
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

import recbole_tagnnpp.recbole_compat  # noqa: F401  isort: skip
from recbole.config import Config
from recbole.utils import ModelType

from recbole_tagnnpp.config.layers import merge_layers
from recbole_tagnnpp.config.models import find_model
from recbole_tagnnpp.config.yaml_files import PlainLoader
from recbole_tagnnpp.errors import UserError


class SessionConfig(Config):
    """Settings of one run.

    Priority, highest first: command line, dictionary, config files, preset, dataset properties, model properties, our
    ``properties/overall.yaml``, RecBole's defaults.  Unlike RecBole's class it refuses unknown keys and values out of
    range, reads no ``sys.argv``, evaluates no text, and neither changes global YAML loaders nor ``CUDA_VISIBLE_DEVICES``
    that the user has set.

    Args:
        model: name or class, which only the command line outranks; default the key ``model``.
        dataset: name, likewise; default the key ``dataset``.
        config_file_list: YAML files, later ones win.
        config_dict: settings as a dictionary.
        command_line: settings of the command line, see ``config.command_line.parse_arguments``.
        own_properties: read ``./properties`` too; else the shipped property files alone.

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
        own_properties: bool = True,
    ) -> None:
        self._layers = merge_layers(
            model, dataset, config_file_list or (), config_dict, command_line, own_properties=own_properties
        )
        super().__init__(model, dataset)

    # --- what RecBole's constructor calls, in its order -----------------------------------------------------------

    def compatibility_settings(self) -> None:
        """Nothing: recbole_compat has set the numpy aliases."""

    def _build_yaml_loader(self) -> type:
        return PlainLoader

    def _load_config_files(self, file_list: Any) -> dict[str, Any]:
        return self._layers.files

    def _load_variable_config_dict(self, config_dict: Any) -> dict[str, Any]:
        return self._layers.dictionary

    def _load_cmd_line(self) -> dict[str, Any]:
        return self._layers.command_line

    def _get_model_and_dataset(self, model: str | type | None, dataset: str | None) -> tuple[str, type, str]:
        name = self._layers.model
        model_class = model if isinstance(model, type) and model.__name__ == name else find_model(name)
        return name, model_class, self._layers.dataset

    def _load_internal_config_dict(self, model: str, model_class: Any, dataset: str) -> None:
        if getattr(model_class, "type", None) != ModelType.SEQUENTIAL:
            raise UserError(f"model={model}: not a sequential model; only those run here")
        self.internal_config_dict = {**self._layers.internal, "MODEL_TYPE": model_class.type}

    def _get_final_config_dict(self) -> dict[str, Any]:
        return {**copy.deepcopy(self._layers.final), "MODEL_TYPE": self.internal_config_dict["MODEL_TYPE"]}

    def _init_device(self) -> None:
        settings = self.final_config_dict
        if settings["use_gpu"] and settings["nproc"] > 1:
            settings.update(single_spec=True, local_rank=0, device=self._device_of_own())
            return
        if settings["use_gpu"] and "gpu_id" in self._layers.origin:
            os.environ.setdefault("CUDA_VISIBLE_DEVICES", str(settings["gpu_id"]))
        on_gpu = settings["use_gpu"] and torch.cuda.is_available()
        settings.update(single_spec=True, local_rank=0, device=torch.device("cuda" if on_gpu else "cpu"))

    def _device_of_own(self) -> torch.device:
        """The GPU of this process, of as many processes as the environment variables of torchrun say."""
        if "gpu_id" in self._layers.origin:
            raise UserError("gpu_id: is for one process; for several set CUDA_VISIBLE_DEVICES=0,1,...")
        if not torch.cuda.is_available():
            return torch.device("cpu")
        local_rank, n_gpus = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
        if local_rank >= n_gpus:
            raise UserError(
                f"nproc={self.final_config_dict['nproc']}: a process has no GPU of its own, there are {n_gpus} on this "
                "machine; fewer processes, or use_gpu=False"
            )
        return torch.device("cuda", local_rank)

    # --- ours -----------------------------------------------------------------------------------------------------

    def origin_of_rule(self, rule: str) -> str:
        """Where a rule of the preparation was set last, as the start of a message: ``"a.yaml: "``, ``"--"`` or nothing."""
        return self._layers.origin_of_rule(rule)

    def take_preparation(self, rules: Mapping[str, Any]) -> None:
        """Say which rules the data was prepared by, where the settings have none."""
        for settings in (self._layers.final, self.final_config_dict):
            settings["preparation"] = dict(rules)

    def to_plain_dict(self) -> dict[str, Any]:
        """The settings as plain values; ``SessionConfig(config_dict=...)`` of it is the same configuration."""
        return _plain(self._layers.final)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise TypeError(f"a setting must be a plain value, found {type(value).__name__}")
