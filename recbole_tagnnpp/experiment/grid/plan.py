"""Which runs a grid consists of, and which of them are there already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.data.manifest import Manifest
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.before_training import check_before_training
from recbole_tagnnpp.experiment.run import prepare_data
from recbole_tagnnpp.experiment.run_place import place_of_run
from recbole_tagnnpp.experiment.systems import System
from recbole_tagnnpp.training.distributed.environment import check_processes


@dataclass(frozen=True)
class PlannedRun:
    """One run of a grid.

    Attributes:
        system: row of the table.
        dataset, seed: of the run.
        config: plain settings; ``SessionConfig(config_dict=...)`` of them is the run's configuration.
        record: where its record lies, or will.
    """

    system: System
    dataset: str
    seed: int
    config: dict[str, Any]
    record: Path

    @property
    def is_recorded(self) -> bool:
        """Whether the run was finished before."""
        return self.record.is_file()

    def __str__(self) -> str:
        return f"{self.system.title} on {self.dataset}, seed {self.seed}"


def plan_grid(
    systems: Mapping[str, Sequence[System]],
    seeds: Sequence[int],
    settings: Mapping[str, Any],
    files: Sequence[str] = (),
) -> list[PlannedRun]:
    """All combinations, dataset by dataset, checked before anything is trained; datasets are prepared if necessary.

    Args:
        systems: dataset to the rows that are run on it.
        seeds: of weights and order.
        settings: of every run, over its preset; what makes a row of Table II comes on top of them.
        files: YAML files of settings of every run, below both.

    Raises:
        UserError: a setting does not fit a system, a dataset is missing, results would find no place, or two systems are
            the same experiment, unless the settings make it so: then the row of Table II is left out.
    """
    manifests: dict[str, Manifest] = {}
    planned: dict[Path, PlannedRun] = {}
    for dataset, rows in systems.items():
        for seed in seeds:
            for system in rows:
                changes = {"preset": system.preset, **settings, **system.changes, "seed": seed}
                try:
                    config = SessionConfig(system.model, dataset, files, changes)
                    check_processes(config["nproc"])
                except UserError as problem:
                    raise UserError(f"{system.title}: {problem}") from problem
                if dataset not in manifests:
                    manifests[dataset] = prepare_data(config)
                place = place_of_run(config, manifests[dataset])
                record = place.record
                if record in planned:
                    if system.changes:
                        continue
                    raise UserError(f"{planned[record].system.title} and {system.title} are the same experiment; name one")
                if not record.is_file():
                    check_before_training(config, manifests[dataset], place)
                planned[record] = PlannedRun(system, dataset, seed, config.to_plain_dict(), record)
    return list(planned.values())
