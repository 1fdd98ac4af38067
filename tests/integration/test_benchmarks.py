"""The benchmarks run, on demo sessions, and write what the documents read."""

import json
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import bench, profile_training
from benchmarks.batches import BenchmarkData, load_benchmark_data
from benchmarks.bench import compare_systems, compare_with_products
from benchmarks.report import write_report
from benchmarks.systems import RECBOLE_MODELS
from docs.insert_tables import section
from recbole_tagnnpp.experiment.environment import describe_machine

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> BenchmarkData:
    return load_benchmark_data(None, tmp_path_factory.mktemp("dataset"))


def test_every_system_is_measured_in_every_round(data: BenchmarkData, tmp_path: Path) -> None:
    times = compare_systems(data, 7, 2, CPU)
    assert {"TAGNNPP", "naive", *RECBOLE_MODELS} <= set(times)
    assert all(len(seconds) == 2 and min(seconds) > 0 for seconds in times.values())
    products, steps = compare_with_products(data, 7, 2, CPU)
    assert len(steps) == 2
    record = {
        "data": data.origin, "items": data.dataset.item_num - 1, "batch_size": 7, "embedding_size": 100,
        "step_seconds": times, "product_seconds": products, "best_product_layout": next(iter(products)),
        "product_step_seconds": steps, "peak_megabytes": {"TAGNNPP B=7": 1.0}, "growth_seconds": {"items": {10: 0.1}},
        "machine": describe_machine(CPU),
    }  # fmt: skip
    write_report(record, tmp_path, "cpu")
    assert "| TAGNN++ |" in section(tmp_path / "cpu.md", "Training step")
    assert "| TAGNNPP B=7 | 1 |" in section(tmp_path / "cpu.md", "Peak memory")
    assert json.loads((tmp_path / "cpu.json").read_text())["step_seconds"] == times
    assert (tmp_path / "cpu.png").read_bytes().startswith(b"\x89PNG")


def test_a_benchmark_that_is_stopped_keeps_what_it_has_measured(
    data: BenchmarkData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    times = {name: [0.02, 0.03] for name in ("TAGNNPP", "naive", "SRGNN")}
    monkeypatch.setattr(bench, "load_benchmark_data", lambda source, data_path: data)
    monkeypatch.setattr(bench, "compare_systems", lambda *arguments: times)
    monkeypatch.setattr(bench, "compare_with_products", stop)
    monkeypatch.setattr(sys, "argv", ["bench", f"--output={tmp_path}"])
    with pytest.raises(KeyboardInterrupt):
        bench.main()
    record = json.loads((tmp_path / "cpu.json").read_text())
    assert record["step_seconds"] == times
    assert record["figures"]["step_vs_srgnn"] == 1.0
    assert "| SRGNN | 25.0 | 1.00 |" in section(tmp_path / "cpu.md", "Training step")


def test_the_parts_of_a_step_are_the_step(data: BenchmarkData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_training, "WARM_UP_STEPS", 1)
    parts = profile_training.profile_steps(data, 3, "float32")
    assert set(parts) == {
        "batch of sequences", "graphs and encoder, forward", "normalised item table",
        "target attention, loss and gradients", "encoder and item table, backward", "AGC", "Adam", "rest",
    }  # fmt: skip
    assert all(milliseconds > 0 for milliseconds in parts.values())
    evaluation = profile_training.profile_evaluation(data, 1)
    assert set(evaluation) == {"batch of sequences", "graphs and encoder", "scores of all items, best 20", "rest"}


def test_time_inside_a_measured_call_is_taken_off_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 1.0, 4.0, 10.0])
    monkeypatch.setattr(profile_training.time, "perf_counter", lambda: next(now))
    clock = profile_training.Clock()
    with clock.measure("outer"), clock.measure("inner"):
        pass
    assert clock.seconds == {"inner": 3.0, "outer": 7.0}
