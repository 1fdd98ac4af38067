"""What figures show, and that drawing is repeatable."""

import dataclasses
import re
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pytest

from recbole_tagnnpp.config.layers import merge_layers
from recbole_tagnnpp.experiment.report.figure_data import MARK, FigureData
from recbole_tagnnpp.experiment.report.plots import COLOURS, MARKERS, _look, draw
from recbole_tagnnpp.experiment.report.report import make_report
from recbole_tagnnpp.experiment.systems import RECOMMENDED, TABLE_ONE, find_system
from tests.unit.experiment.report.synthetic_records import edit, make_facts, write_run

EPOCHS = merge_layers("TAGNNPP", "yoochoose1_64").final["epochs"]


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FigureData]:
    results = tmp_path_factory.mktemp("results")
    facts = make_facts(80)
    for name, skill in (("TAGNNPP", 0.9), ("SRGNN", 0.7), ("Pop", -3.0), ("GRU4Rec", 0.1)):
        for seed in (1, 2) if name == "TAGNNPP" else (1,):
            write_run(results, find_system(name), skill, seed=seed, facts=facts)
    return {figure.kind: figure for figure in make_report(results).figures}


def texts(svg: bytes) -> list[str]:
    root = ElementTree.fromstring(svg)
    return ["".join(element.itertext()).strip() for element in root.iter() if element.tag.endswith("}text")]


def test_there_is_every_kind(figures: dict[str, FigureData]) -> None:
    assert list(figures) == ["scatter", "learning_curves", "training_time", "by_session_length", "by_popularity"]
    assert figures["scatter"].name == "scatter-yoochoose1_64"


def test_scatter_has_one_paper_point_a_model_and_one_measured_point_a_row(figures: dict[str, FigureData]) -> None:
    rows = figures["scatter"].rows
    assert ("GRU4Rec", "paper", 60.64, 22.89) in rows
    assert sum(row[1] == "paper" and row[2:] == (71.91, 31.57) for row in rows) == 1
    assert sorted(row[0] for row in rows if row[1] == "measured") == ["GRU4Rec", "Pop", "SR-GNN", RECOMMENDED]
    assert (RECOMMENDED, "paper", 71.91, 31.57) in rows  # the measured row of the model, not the paper preset without runs


def test_systems_look_the_same_for_all_datasets(tmp_path: Path, figures: dict[str, FigureData]) -> None:
    for name in ("STAN", "TAGNNPP:fast", "TAGNNPP"):
        write_run(tmp_path, find_system(name), dataset="diginetica")
    elsewhere = {figure.kind: figure for figure in make_report(tmp_path).figures}["scatter"]
    for system in TABLE_ONE:
        assert _look(elsewhere, system.title) == _look(figures["scatter"], system.title)
        assert _look(elsewhere, f"{system.title}, refit") == _look(figures["scatter"], f"{system.title}, refit")
    assert "TAGNN++ (fast)" in elsewhere.order
    assert (RECOMMENDED, "paper", 51.86, 17.93) in elsewhere.rows  # and not the variant before it


def test_learning_curves_show_every_setting_once(tmp_path: Path) -> None:
    write_run(tmp_path, find_system("TAGNNPP"))
    write_run(tmp_path, find_system("TAGNNPP"), refit=True)  # the same selection again
    write_run(tmp_path, find_system("SRGNN"), refit=True)
    write_run(tmp_path, find_system("STAN"))  # one epoch is no curve
    curves = {figure.kind: figure for figure in make_report(tmp_path).figures}["learning_curves"]
    assert {row[0] for row in curves.rows} == {RECOMMENDED, "SR-GNN, refit"}


def test_scatter_where_nothing_is_strong_in_both_scores(figures: dict[str, FigureData]) -> None:
    rows = [("GRU4Rec", "measured", 45.0, 11.0), ("Pop", "measured", 29.0, 18.0)]
    svg = draw(dataclasses.replace(figures["scatter"], rows=rows))
    assert {"GRU4Rec", "Pop"} <= set(texts(svg))
    assert "the strongest" not in texts(svg)
    assert "the strongest" in texts(draw(figures["scatter"]))


def test_learning_curves_have_every_epoch_of_every_seed(figures: dict[str, FigureData]) -> None:
    points = [(row[0], row[1], row[2]) for row in figures["learning_curves"].rows]
    assert [point for point in points if point[0] == RECOMMENDED] == [
        (RECOMMENDED, seed, n) for seed in (1, 2) for n in range(1, EPOCHS + 1)
    ]


def test_training_time_is_the_mean_of_seeds_in_minutes(figures: dict[str, FigureData]) -> None:
    (row,) = [row for row in figures["training_time"].rows if row[0] == RECOMMENDED]
    seconds = [EPOCHS * (60.0 * 1.9 + seed) for seed in (1, 2)]
    assert row[1] == pytest.approx(sum(seconds) / 2 / 60, rel=0.005)
    assert row[3] == "Some CPU, 1 thread"


def test_training_times_of_two_machines_are_not_mixed(tmp_path: Path) -> None:
    facts, gpu = make_facts(80), {"gpu": "Some GPU", "device": "cuda", "torch_threads": 1}
    paths = [write_run(tmp_path, find_system("TAGNNPP"), 0.9, seed=seed, facts=facts) for seed in (1, 2, 3)]
    for path in paths[1:]:
        edit(path, "machine", value=gpu)
    write_run(tmp_path, find_system("SRGNN"), 0.7, facts=facts)
    figure = {figure.kind: figure for figure in make_report(tmp_path).figures}["training_time"]
    ours = {row[3]: row[1] for row in figure.rows if row[0] == RECOMMENDED}
    assert ours == {
        "Some CPU, 1 thread": pytest.approx(EPOCHS * (60.0 * 1.9 + 1) / 60, rel=0.005),
        "Some GPU": pytest.approx(EPOCHS * (60.0 * 1.9 + 2.5) / 60, rel=0.005),
    }
    assert any("1 thread; hollow: Some GPU)" in text for text in texts(draw(figure)))


def test_numbers_are_rounded(figures: dict[str, FigureData]) -> None:
    for figure in figures.values():
        for row in figure.rows:
            for value in row:
                if isinstance(value, float):
                    assert len(repr(value).partition(".")[2]) <= 3, (figure.kind, value)


@pytest.mark.parametrize("kind", ["scatter", "learning_curves", "training_time", "by_session_length", "by_popularity"])
def test_drawings(kind: str, figures: dict[str, FigureData], monkeypatch: pytest.MonkeyPatch) -> None:
    figure = figures[kind]
    svg = draw(figure)
    shown = texts(svg)
    assert figure.title in shown
    assert all(any(row[0] in text for text in shown) for row in figure.rows)
    assert (MARK + figure.digest).encode() in svg
    assert not re.search(rb"20\d\d-\d\d-\d\d|Matplotlib v|/work/|/home/|/tmp/", svg)
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 30.0)  # somebody's matplotlibrc
    monkeypatch.setitem(matplotlib.rcParams, "axes.facecolor", "red")
    assert draw(figure) == svg
    assert matplotlib.rcParams["font.size"] == 30.0


def test_weak_systems_do_not_press_the_rest_together(figures: dict[str, FigureData]) -> None:
    assert "the strongest" in texts(draw(figures["scatter"]))
    assert any(text.startswith("below the axis: Pop") for text in texts(draw(figures["training_time"])))


def test_systems_differ_in_colour_and_marker() -> None:
    looks = {(COLOURS[n % len(COLOURS)], MARKERS[n % len(MARKERS)]) for n in range(100)}
    assert len(looks) == 100
    assert len({MARKERS[n % len(MARKERS)] for n in range(13)}) == 13  # without colour, too


def test_digest_follows_the_data(figures: dict[str, FigureData]) -> None:
    scatter = figures["scatter"]
    moved = FigureData(**{**vars(scatter), "rows": (("GRU4Rec", "paper", 60.64, 22.88), *scatter.rows[1:])})
    assert moved.digest != scatter.digest
