"""Reading records: what is wrong is said with file and key."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.report.records import read_record, read_records
from recbole_tagnnpp.experiment.systems import find_system
from tests.conftest import REPOSITORY
from tests.unit.experiment.report.synthetic_records import edit, write_run

RECOMMENDED = find_system("TAGNNPP")


def test_reads_what_a_run_wrote(tmp_path: Path) -> None:
    path = write_run(tmp_path, RECOMMENDED, seed=7, refit=True)
    record = read_record(path)
    content = json.loads(path.read_text())
    assert (record.model, record.dataset, record.seed, record.refit) == ("TAGNNPP", "yoochoose1_64", 7, True)
    assert record.test_result == content["test_result"]
    assert record.known_sequences == 4000
    assert len(record.epochs) == len(record.refit_epochs) == content["config"]["epochs"] > 2
    assert record.epochs[2].valid_result == content["epochs"][2]["valid_result"]
    assert record.refit_epochs[0].valid_result == {}
    assert record.train_seconds == sum(e["train_seconds"] for e in content["epochs"] + content["refit_epochs"])
    assert record.name == f"yoochoose1_64/{path.stem}"


def test_reads_committed_records() -> None:
    """Also those of the first version, which have no row of Table III."""
    records = read_records(REPOSITORY / "results" / "runs")
    assert [record.name for record in records] == sorted(record.name for record in records)
    assert any(record.statistics is None for record in records)


def test_only_records_are_read_and_hidden_files_are_left_alone(tmp_path: Path) -> None:
    path = write_run(tmp_path, RECOMMENDED)
    (path.parent / ".half.json").write_text("{")
    (tmp_path / "notes.json").write_text("{")
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".ipynb_checkpoints" / "run.json").write_text("{")
    assert [record.path for record in read_records(tmp_path)] == [path]


@pytest.mark.parametrize("content", ["{", "", "[1]", '"text"', "null", '{"record_version": 2}', "[" * 100_000, "\udcff"])
def test_what_is_not_a_record(content: str, tmp_path: Path) -> None:
    path = tmp_path / "demo" / "run.json"
    path.parent.mkdir()
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(UserError, match=r"run\.json"):
        read_record(path)


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("model",), ..., "model must be"),
        (("model",), 3, "model must be the same as config.model, found 3"),
        (("model",), "SRGNN", "model must be the same as config.model, found 'SRGNN'"),
        (("dataset",), "demo", "dataset must be the name of its folder, 'yoochoose1_64', found 'demo'"),
        (("seed",), "2020", "seed must be the same as config.seed"),
        (("refit",), None, "refit must be"),
        (("preset",), 4, "preset must be a word"),
        (("metrics_in",), "fraction", "metrics_in must be 'percent'"),
        (("test_result",), None, "test_result must be an object of metrics, found None"),
        (("test_result",), [1], "test_result must be an object"),
        (("test_result", "hit@20"), "70", "test_result.hit@20 must be a number"),
        (("test_result", "hit@20"), True, "test_result.hit@20 must be a number"),
        (("test_result", "mrr@20"), 100.5, "test_result.mrr@20 must be a number from 0 to 100"),
        (("test_result", "mrr@20"), -0.5, "test_result.mrr@20 must be a number of at least 0"),
        (("test_result", "mrr@20"), math.nan, "test_result.mrr@20 must be a number"),
        (("test_result", "mrr@20"), math.inf, "test_result.mrr@20 must be a number"),
        (("best_epoch",), 1.5, "best_epoch must be a whole number"),
        (("best_epoch",), 99, "best_epoch must be one of the epochs that were evaluated, found 99"),
        (("epochs",), [], "best_epoch must be one of the epochs that were evaluated"),
        (("n_parameters",), ..., "n_parameters must be a whole number of at least 0, found nothing"),
        (("data",), 1, "data must be an object"),
        (("data", "checksum"), "", "data.checksum must be a word"),
        (("data", "test_sequences"), -1, "data.test_sequences must be a whole number"),
        (("data", "statistics"), [], "data.statistics must be an object"),
        (("data", "statistics", "clicks"), "many", "data.statistics.clicks must be a number"),
        (("epochs",), {}, "epochs must be a list of objects"),
        (("epochs",), [1], "epochs must be a list of objects"),
        (("epochs",), [{"epoch": 0}], "epochs[0].train_seconds must be a number of at least 0, found nothing"),
        (("config",), None, "config must be an object"),
        (("config", "seed"), ..., "seed must be the same as config.seed"),
    ],
)
def test_wrong_keys(keys: tuple[str, ...], value: Any, message: str, tmp_path: Path) -> None:
    path = write_run(tmp_path, RECOMMENDED)
    edit(path, *keys, value=value)
    with pytest.raises(UserError) as caught:
        read_record(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_the_best_epoch_was_evaluated(tmp_path: Path) -> None:
    path = write_run(tmp_path, RECOMMENDED)
    content = json.loads(path.read_text())
    content["epochs"][content["best_epoch"]]["valid_result"] = None
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="best_epoch must be one of the epochs that were evaluated"):
        read_record(path)


def test_missing_and_empty_folders(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        read_records(tmp_path / "gone")
    with pytest.raises(UserError, match="no run records"):
        read_records(tmp_path)
