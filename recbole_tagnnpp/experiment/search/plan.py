"""The arguments of a search, all checked before torch is imported."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recbole_tagnnpp.config.layers import Layers, merge_layers
from recbole_tagnnpp.config.properties import property_folders
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.search.algorithms import check_changeable
from recbole_tagnnpp.experiment.search.options import RULES, SearchOptions
from recbole_tagnnpp.experiment.search.settings import values_of_keys
from recbole_tagnnpp.experiment.search.space import SearchSpace, read_space
from recbole_tagnnpp.experiment.search.space_check import check_space
from recbole_tagnnpp.training.distributed.environment import check_processes

if TYPE_CHECKING:
    from recbole_tagnnpp.config.session_config import SessionConfig


@dataclass(frozen=True)
class SearchPlan:
    """A search that is ready to run.

    Attributes:
        options: its own arguments.
        space: searched keys.
        layers: the configuration around them.
        files, command_line: where that came from.
    """

    options: SearchOptions
    space: SearchSpace
    layers: Layers
    files: tuple[str, ...]
    command_line: dict[str, Any]

    def config(self) -> "SessionConfig":
        """The configuration without a search."""
        from recbole_tagnnpp.config.session_config import SessionConfig

        return SessionConfig(self.layers.model, None, self.files, command_line=self.command_line)


def plan_search(model: str, files: Sequence[str], settings: dict[str, Any]) -> SearchPlan:
    """Take the arguments of ``tune`` apart and check them all.

    Args:
        model: name.
        files: configuration files.
        settings: the command line, both the search's own arguments and keys of the configuration.

    Raises:
        UserError: an argument, the configuration or the space is wrong.
    """
    settings = dict(settings)
    options = SearchOptions.take_from(settings, default_params_file=find_space(model))
    layers = merge_layers(model, None, files, command_line=settings, other_arguments=RULES)
    check_processes(layers.final["nproc"])
    space = read_space(options.params_file)
    check_space(space, layers)
    if options.schedule != "none" and "epochs" in space.parameters:
        raise UserError(
            f"{space.where('epochs')}epochs: cannot be searched with scheduler={options.schedule}, which ends trials by "
            "their number of epochs; --scheduler=none does not"
        )
    if options.algorithm == "exhaustive":
        values_of_keys(space)
    if options.schedule == "pbt":
        check_changeable(space)
    return SearchPlan(options, space, layers, tuple(files), settings)


def find_space(model: str) -> Path | None:
    """``properties/search/<model>.test`` in the first folder that has it."""
    files = [folder / "search" / f"{model}.test" for folder in property_folders()]
    return next((file for file in files if file.is_file()), None)
