"""Which record is a run of which system, and what it differs in where it is a run of none."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.report.records import RunRecord
from recbole_tagnnpp.experiment.systems import TABLE_ONE, System, ablations, differences, tagnnpp

ABLATED_PRESETS = ("paper", "recommended")
"""Presets that Table II has a section of wherever the paper has figures; others follow where they were ablated."""
SCORES = ("hit@20", "mrr@20")
"""The metrics of all tables, in RecBole's names."""


@dataclass(frozen=True)
class OtherRun:
    """A run that belongs to no row.

    Attributes:
        record: of the run.
        reason: what keeps it from its nearest row, in words.
    """

    record: RunRecord
    reason: str


@dataclass(frozen=True)
class SystemRuns:
    """The runs of one system on the same data, one for each seed.

    Attributes:
        system: row.
        refit: whether the tested models were retrained on training + validation.
        records: sorted by seed, never empty.
    """

    system: System
    refit: bool
    records: tuple[RunRecord, ...]


@dataclass(frozen=True)
class DataRuns:
    """All systems on one dataset as it was prepared once; comparisons stay inside.

    Attributes:
        dataset: name.
        checksum: of the prepared data, ``None`` where no run belongs to a row.
        systems: the runs.
        is_only: whether the dataset has no runs on otherwise prepared data.
    """

    dataset: str
    checksum: str | None
    systems: tuple[SystemRuns, ...]
    is_only: bool = True

    def of(self, system: System) -> list[SystemRuns]:
        """Runs of a system: none, or those without and those with refit."""
        return [runs for runs in self.systems if runs.system == system]


def place_records(records: Sequence[RunRecord]) -> tuple[list[DataRuns], list[OtherRun]]:
    """Put every record to its dataset, data checksum, system and refit, or among the other runs.

    Of two records of one system, data and seed (of two machines, say) the one counts whose process was started first (the
    last one, of a run that was interrupted); test results have no part in the choice.

    Args:
        records: any order.

    Returns:
        Datasets sorted by name and checksum, other runs in the order of the records.
    """
    placed: dict[tuple[str, str], dict[tuple[str, bool], list[RunRecord]]] = {}
    system_of: dict[str, System] = {}
    others = []
    for record in sorted(records, key=lambda record: (record.started, record.name)):
        system, reason = find_row(record)
        if system is not None:
            runs = placed.setdefault((record.dataset, record.checksum), {})
            key = (json.dumps([system.title, system.model, system.preset]), record.refit)
            same = runs.setdefault(key, [])
            system_of[key[0]] = system
            if record.seed not in {other.seed for other in same}:
                same.append(record)
                continue
            first = next(other for other in same if other.seed == record.seed)
            reason = f"{_row_name(system)}: repeats {first.name}"
        others.append(OtherRun(record, reason))

    datasets = []
    for name in {record.dataset for record in records}:
        checksums = sorted(checksum for dataset, checksum in placed if dataset == name)
        for checksum in checksums:
            systems = tuple(
                SystemRuns(system_of[key], refit, tuple(sorted(runs, key=lambda record: record.seed)))
                for (key, refit), runs in sorted(placed[name, checksum].items())
            )
            datasets.append(DataRuns(name, checksum, systems, is_only=is_prepared_once(name, records)))
        if not checksums:
            datasets.append(DataRuns(name, None, ()))
    order = {record.name: index for index, record in enumerate(records)}
    return (
        sorted(datasets, key=lambda data: (data.dataset, data.checksum or "")),
        sorted(others, key=lambda other: order[other.record.name]),
    )


def is_prepared_once(dataset: str, records: Sequence[RunRecord]) -> bool:
    """Whether all runs on a dataset are on the same preparation of it."""
    return len({record.checksum for record in records if record.dataset == dataset}) == 1


def find_row(record: RunRecord) -> tuple[System | None, str]:
    """The system that a record is a run of, or ``None`` and why it is not a run of the nearest one."""
    lacking = [metric for metric in SCORES if metric not in record.test_result]
    if lacking:
        return None, f"has no {' and '.join(lacking)}"
    nearest: tuple[System, dict[str, str]] | None = None
    problem = f"model {record.model} has no row"
    for system in candidates(record.model, record.preset, record.dataset):
        try:
            found = differences(system, record.config)
        except UserError as refusal:
            problem = str(refusal)
            continue
        if not found:
            return system, ""
        if nearest is None or len(found) < len(nearest[1]):
            nearest = (system, found)
    if nearest is None:
        return None, problem
    words = list(nearest[1].values())
    more = f" and {len(words) - 4} more" if len(words) > 4 else ""
    return None, f"{_row_name(nearest[0])}, but {', '.join(words[:4])}{more}"


def candidates(model: str, preset: str | None, dataset: str) -> list[System]:
    """Rows that a run of a model can belong to: those of Tables I and II, and one of its own for any other preset.

    A model that Table I does not have has a row for each preset and one for its defaults.
    """
    of_table = [system for system in TABLE_ONE if system.model == model]
    if model == "TAGNNPP":
        presets = dict.fromkeys([*ABLATED_PRESETS, *([preset] if preset else [])])
        of_table += [system for name in presets for system in _ablations(name, dataset) if system not in TABLE_ONE]
    known = {system.preset for system in of_table}
    if not of_table or (preset is not None and preset not in known):
        name = of_table[0].title.split(" (")[0] if of_table else model
        of_table.append(System(name if preset is None else f"{name} ({preset})", model, preset))
    return of_table


def _ablations(preset: str, dataset: str) -> tuple[System, ...]:
    try:
        return ablations(preset, dataset)
    except UserError:  # a preset or dataset that is gone; asking for its differences says so
        return (tagnnpp(preset),)


def _row_name(system: System) -> str:
    """Title of a row, with that of the whole model where the row leaves out a part of it."""
    if not system.changes:
        return system.title
    whole = tagnnpp(system.preset or "").title
    return f"{whole} {system.title}" if system.title.startswith(("- ", "+ ")) else f"{whole}, {system.title}"
