"""Run records as the report reads them: checked, and never repaired in silence."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recbole_tagnnpp.errors import UserError, is_unicode
from recbole_tagnnpp.experiment.record import read_json_record


@dataclass(frozen=True)
class Epoch:
    """One epoch of a run.

    Attributes:
        epoch: from 0.
        train_seconds: of training alone.
        valid_result: metric to percent; empty where the epoch was not evaluated.
    """

    epoch: int
    train_seconds: float
    valid_result: dict[str, float]


@dataclass(frozen=True)
class RunRecord:
    """What the report needs of one record; names and units are those of the file (metrics in percent).

    Attributes:
        name: ``<dataset>/<file name>``, the same wherever the results lie.
        path: the file.
        checksum: of the prepared data.
        known_sequences, test_sequences: training and validation together; test.
        statistics: row of Table III, ``None`` in records of earlier versions.
        epochs: of the selection; refit_epochs: of the second training, on training + validation.
        config: all settings.
        machine: processor, threads, device.
    """

    name: str
    path: Path
    model: str
    dataset: str
    preset: str | None
    seed: int
    refit: bool
    started: str
    best_epoch: int
    valid_result: dict[str, float]
    test_result: dict[str, float]
    n_parameters: int
    checksum: str
    known_sequences: int
    test_sequences: int
    statistics: dict[str, float] | None
    epochs: list[Epoch]
    refit_epochs: list[Epoch]
    config: dict[str, Any]
    machine: dict[str, Any]

    @property
    def train_seconds(self) -> float:
        """Seconds of training: every epoch of the selection, and of the second training where there was one."""
        return math.fsum(epoch.train_seconds for epoch in [*self.epochs, *self.refit_epochs])


def read_records(results: Path) -> list[RunRecord]:
    """Every ``<dataset>/<run>.json`` under a folder, sorted by name.

    Raises:
        UserError: the folder is missing, holds no record, or holds a file that is not one.
    """
    if not results.is_dir():
        raise UserError(f"{results}: no such folder; runs write their records there, or name another with --results=FOLDER")
    files = sorted(results.glob("[!.]*/[!.]*.json"))
    if not files:
        raise UserError(f"{results}: no run records (DATASET/RUN.json) in this folder; train a model first")
    return [read_record(file) for file in files]


def read_record(file: Path) -> RunRecord:
    """Read and check one record.

    Raises:
        UserError: not JSON, a key is missing or of another type, or the file lies in another dataset's folder.
    """
    return _RecordReader(file, read_json_record(file)).record()


def checked_content(file: Path) -> dict[str, Any]:
    """Read and check one record, as :func:`read_record`; returns all that the file says.

    Raises:
        UserError: as :func:`read_record`.
    """
    content = read_json_record(file)
    _RecordReader(file, content).record()
    return content


@dataclass(frozen=True)
class _RecordReader:
    """Takes values out of a record and says which key of which file is wrong."""

    file: Path
    content: Mapping[str, Any]
    prefix: str = ""

    def refuse(self, key: str, allowed: str) -> UserError:
        found = repr(self.content[key])[:80] if key in self.content else "nothing"
        return UserError(f"{self.file}: {self.prefix}{key} must be {allowed}, found {found}")

    def text(self, key: str) -> str:
        value = self.content.get(key)
        if not isinstance(value, str) or not value or not is_unicode(value):
            raise self.refuse(key, "a word")
        return value

    def number(self, key: str, minimum: float = 0.0) -> float:
        value: Any = self.content.get(key)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not minimum <= value < math.inf:
            raise self.refuse(key, f"a number of at least {minimum:g}")
        return value

    def integer(self, key: str) -> int:
        value = self.content.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.refuse(key, "a whole number of at least 0")
        return value

    def boolean(self, key: str) -> bool:
        value = self.content.get(key)
        if not isinstance(value, bool):
            raise self.refuse(key, "true or false")
        return value

    def mapping(self, key: str) -> "_RecordReader":
        value = self.content.get(key)
        if not isinstance(value, dict):
            raise self.refuse(key, "an object")
        return _RecordReader(self.file, value, f"{self.prefix}{key}.")

    def percents(self, key: str) -> dict[str, float]:
        """Metric to percent; nothing where there was no evaluation."""
        if self.content.get(key) is None:
            return {}
        inner = self.mapping(key)
        for name in inner.content:
            if inner.number(name) > 100.0 and name.startswith(("hit@", "mrr@")):
                raise inner.refuse(name, "a number from 0 to 100 (percent)")
        return dict(inner.content)

    def epochs(self, key: str) -> list[Epoch]:
        value = self.content.get(key)
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            raise self.refuse(key, "a list of objects")
        readers = [_RecordReader(self.file, entry, f"{self.prefix}{key}[{n}].") for n, entry in enumerate(value)]
        return [Epoch(r.integer("epoch"), r.number("train_seconds"), r.percents("valid_result")) for r in readers]

    def record(self) -> RunRecord:
        if self.text("metrics_in") != "percent":
            raise self.refuse("metrics_in", "'percent'")
        if self.text("dataset") != self.file.parent.name:
            raise self.refuse("dataset", f"the name of its folder, {self.file.parent.name!r}")
        preset = None if self.content.get("preset") is None else self.text("preset")
        data, settings = self.mapping("data"), self.mapping("config")
        config = dict(settings.content)
        said = config | {"refit": True} if config.get("refit") == "all" else config  # the tested model is that of True
        for key in ("model", "dataset", "seed", "refit"):
            if key not in said or said[key] != self.content.get(key):
                raise self.refuse(key, f"the same as config.{key}")
        if not self.percents("test_result"):
            raise self.refuse("test_result", "an object of metrics")
        best, epochs = self.integer("best_epoch"), self.epochs("epochs")
        if not any(entry.epoch == best and entry.valid_result for entry in epochs):
            raise self.refuse("best_epoch", "one of the epochs that were evaluated")
        statistics = data.content.get("statistics")
        if statistics is not None:
            reader = data.mapping("statistics")
            statistics = {key: reader.number(key) for key in reader.content}
        return RunRecord(
            name=f"{self.text('dataset')}/{self.file.stem}",
            path=self.file,
            model=self.text("model"),
            dataset=self.text("dataset"),
            preset=preset,
            seed=self.integer("seed"),
            refit=self.boolean("refit"),
            started=self.text("started"),
            best_epoch=best,
            valid_result=self.percents("valid_result"),
            test_result=self.percents("test_result"),
            n_parameters=self.integer("n_parameters"),
            checksum=data.text("checksum"),
            known_sequences=data.integer("training_sequences") + data.integer("validation_sequences"),
            test_sequences=data.integer("test_sequences"),
            statistics=statistics,
            epochs=epochs,
            refit_epochs=self.epochs("refit_epochs"),
            config=config,
            machine=dict(self.mapping("machine").content),
        )
