"""Result files of a search."""

import csv
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from recbole_tagnnpp.config.layers import merge_layers
from recbole_tagnnpp.config.yaml_files import read_yaml
from recbole_tagnnpp.experiment.search.display import SearchDisplay
from recbole_tagnnpp.experiment.search.report import (
    print_outcome,
    trial_rows,
    write_best,
    write_parallel_coordinates,
    write_tables,
)
from recbole_tagnnpp.experiment.search.space import SearchSpace, read_space
from recbole_tagnnpp.experiment.search.trial_records import TrialRecord, ranked
from tests.unit.experiment.search.test_trial_records import record as record_of


@pytest.fixture
def space(tmp_path: Path) -> SearchSpace:
    (tmp_path / "hyper.test").write_text(
        "learning_rate loguniform -8,-3\nagc_lambda choice [0.01, None]\nn_layers randint 1,9\n"
    )
    return read_space(tmp_path / "hyper.test")


@pytest.fixture
def records() -> list[TrialRecord]:
    found = [record_of(f"key{n}", float(n), 10.0 + n) for n in range(7)]
    for n, entry in enumerate(found):
        entry.setting = {"learning_rate": 0.0004 * 3.0**n, "agc_lambda": None if n % 2 else 0.01, "n_layers": n + 1}
    found[2].status, found[2].problem = "failed", "training loss is nan | in epoch 1"
    found[3].interruptions = ["its process died"]
    found[4].history = []
    found[4].status, found[4].problem = "failed", "MemoryError"
    return ranked(found, bigger=True)


def test_best_is_a_configuration_file(tmp_path: Path) -> None:
    settings = {"model": "TAGNNPP", "dataset": "demo", "preset": None, "learning_rate": 1e-05, "agc_lambda": None}
    write_best(tmp_path / "best.yaml", settings, "a comment")
    assert read_yaml(tmp_path / "best.yaml") == settings
    final = merge_layers(None, None, [tmp_path / "best.yaml"]).final
    assert {key: final[key] for key in settings} == settings


def test_tables_hold_every_trial(tmp_path: Path, space: SearchSpace, records: list[TrialRecord]) -> None:
    rows = trial_rows(records, space, bigger=True)
    write_tables(tmp_path, rows)
    with (tmp_path / "trials.csv").open() as handle:
        read = list(csv.DictReader(handle))
    assert [row["trial"] for row in read] == ["key6", "key5", "key3", "key1", "key0", "key2", "key4"]
    assert [row["rank"] for row in read] == ["1", "2", "3", "4", "5", "", ""]
    assert (read[0]["mrr@20"], read[0]["best_epoch"], read[0]["seconds"], read[0]["n_layers"]) == ("16.0", "2", "5.0", "7")
    assert (read[2]["restarts"], read[2]["problem"]) == ("1", "its process died")
    assert read[5]["problem"] == "training loss is nan | in epoch 1"
    lines = (tmp_path / "trials.md").read_text().splitlines()
    assert len(lines) == 9
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1


def test_plot_has_a_line_for_every_trial_that_counts(
    tmp_path: Path, space: SearchSpace, records: list[TrialRecord]
) -> None:
    write_parallel_coordinates(tmp_path / "plot.svg", records, space, "MRR@20", bigger=True)
    root = ElementTree.parse(tmp_path / "plot.svg").getroot()
    lines = [element for element in root.iter() if element.get("id", "").startswith("line2d_")]
    n_axes = len(space.parameters) + 1
    assert len(lines) == 5 + n_axes + n_axes  # trials, upright axes, their ticks
    first = (tmp_path / "plot.svg").read_bytes()
    write_parallel_coordinates(tmp_path / "plot.svg", records, space, "MRR@20", bigger=True)
    assert (tmp_path / "plot.svg").read_bytes() == first


def test_one_trial_is_enough_for_a_plot(tmp_path: Path, space: SearchSpace, records: list[TrialRecord]) -> None:
    write_parallel_coordinates(tmp_path / "plot.svg", records[:1], space, "MRR@20", bigger=True)
    assert (tmp_path / "plot.svg").stat().st_size > 1000


def test_outcome_names_what_failed(records: list[TrialRecord]) -> None:
    console = Console(record=True, width=70, force_terminal=False)
    print_outcome(records, "MRR@20", True, "key0", Path("results/search/demo/x"), console)
    text = console.export_text()
    assert "failed: trial key2: training loss is nan | in epoch 1" in text
    assert "failed: trial key4: MemoryError" in text
    assert "restarted 1 times: trial key3: its process died" in text
    assert "key0 (untuned)" in text
    assert "best setting: learning_rate=0.2916 agc_lambda=0.01 n_layers=7" in text
    assert "results/search/demo/x" in text


def test_progress_in_a_log_and_in_a_terminal(records: list[TrialRecord]) -> None:
    console = Console(record=True, width=200, force_terminal=False)
    with SearchDisplay("title", 9, "MRR@20", True, console=console) as display:
        display.remember(records[:1])
        running = record_of("key5", 1.0, status="running")
        display.update(running)
        running.status = "stopped"
        display.update(running)
        display.update(running)
        display.update(records[-1])
    lines = console.export_text().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("trial key5 stopped, MRR@20 1.00 in epoch 1")
    assert lines[0].endswith("[2 of 9 done, best MRR@20 16.00]")
    assert lines[1].startswith("trial key4 failed: MemoryError")
    assert lines[1].endswith("[2 of 9 done, 1 failed, best MRR@20 16.00]")

    terminal = Console(record=True, width=120, force_terminal=True, file=open("/dev/null", "w"))  # noqa: SIM115
    with SearchDisplay("title", 9, "MRR@20", True, console=terminal) as display:
        display.update(record_of("key5", 1.0, status="running"))
        terminal.print(display.table())
    assert "running" in terminal.export_text()
