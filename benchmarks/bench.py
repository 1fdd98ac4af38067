"""``make bench``: TAGNN++ beside a naive scorer and RecBole's models, on the same batches, in one process.

Every round runs every system once on the same batch; a ratio is the median over rounds of the ratios within a round,
so that a noisy machine slows both sides alike.  Writes a JSON record, a Markdown table and a plot to ``--output``, after
each part of the work.
"""

import argparse
import statistics
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

import recbole_tagnnpp.recbole_compat  # noqa: F401
from benchmarks.batches import BenchmarkData, load_benchmark_data, random_batch
from benchmarks.matrix_products import product_layouts
from benchmarks.measure import seconds
from benchmarks.memory_of_step import measure_in_subprocess
from benchmarks.report import write_report
from benchmarks.systems import BFLOAT16, EMBEDDING_SIZE, build_trainer, compared_systems
from recbole_tagnnpp.experiment.environment import describe_machine, describe_versions

WARM_UP_ROUNDS = 2
GROWTH_ITEMS = (10_000, 30_000, 100_000, 300_000, 1_000_000)
GROWTH_LENGTHS = (1, 5, 10, 20, 50)
GROWTH_BATCH_SIZES = (1, 10, 100, 500)
GROWTH_REPEATS = 3


def compare_systems(data: BenchmarkData, batch_size: int, rounds: int, device: torch.device) -> dict[str, list[float]]:
    """Seconds of every system's full training step in every round, warm-up left out."""
    trainers = {name: build_trainer(name, data.dataset, device) for name in compared_systems(device)}
    times: dict[str, list[float]] = {name: [] for name in trainers}
    total = rounds + WARM_UP_ROUNDS
    short, padded = (data.batches(batch_size, total, padded) for padded in (False, True))
    for number in range(total):
        for name, trainer in trainers.items():
            batch = (short if getattr(trainer.model, "pads_to_longest", False) else padded)[number]
            times[name].append(seconds(lambda trainer=trainer, batch=batch: trainer.train_step(batch), device))
        print(f"round {number + 1}/{total}: " + ", ".join(f"{n} {t[-1]:.3f} s" for n, t in times.items()), flush=True)
    return {name: values[WARM_UP_ROUNDS:] for name, values in times.items()}


def compare_with_products(
    data: BenchmarkData, batch_size: int, rounds: int, device: torch.device
) -> tuple[dict[str, list[float]], list[float]]:
    """Seconds of the bare matrix products in each layout, and of the full step, on batches of the same rows."""
    trainer = build_trainer("TAGNNPP", data.dataset, device)
    batches = data.batches(batch_size, rounds + WARM_UP_ROUNDS, False)
    products: dict[str, list[float]] = {}
    steps: list[float] = []
    for batch in batches:
        rows = 2 * int(batch["item_length"].sum()) - len(batch)
        steps.append(seconds(lambda batch=batch: trainer.train_step(batch), device))
        for name, work in product_layouts(rows, data.dataset.item_num - 1, EMBEDDING_SIZE, device):
            work()
            products.setdefault(name, []).append(seconds(work, device))
    return {n: t[WARM_UP_ROUNDS:] for n, t in products.items() if len(t) == len(batches)}, steps[WARM_UP_ROUNDS:]


def growth(data: BenchmarkData, device: torch.device) -> dict[str, dict[int, float]]:
    """Median seconds of a step, growing one of items, session length and batch size at a time."""

    def median_step(n_items: int, batch_size: int, length: int | None) -> float:
        trainer = build_trainer("TAGNNPP", data.dataset, device, n_items=n_items)
        batch, _ = random_batch(n_items, batch_size, length, seed=2)
        trainer.train_step(batch)
        return statistics.median(seconds(lambda: trainer.train_step(batch), device) for _ in range(GROWTH_REPEATS))

    items = data.dataset.item_num - 1
    return {
        "items": {n: median_step(n, 100, None) for n in GROWTH_ITEMS},
        "session_length": {n: median_step(items, 100, n) for n in GROWTH_LENGTHS},
        "batch_size": {n: median_step(items, n, None) for n in GROWTH_BATCH_SIZES},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--source", type=Path, default=Path("../shared/data/diginetica"), help="Diginetica sessions")
    parser.add_argument("--data_path", type=Path, default=Path("dataset"), help="prepared datasets")
    parser.add_argument("--output", type=Path, default=Path("results/bench"), help="folder of record, table and plot")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--batch_size", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=None, help="default: all cores")
    parser.add_argument("--quick", action="store_true", help="leave out the growth curves")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)

    data = load_benchmark_data(arguments.source, arguments.data_path)
    record: dict[str, Any] = {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": data.origin,
        "items": data.dataset.item_num - 1,
        "batch_size": arguments.batch_size,
        "embedding_size": EMBEDDING_SIZE,
        "machine": describe_machine(device),
        "versions": describe_versions(),
    }
    for part in _parts(data, arguments, device):
        record |= part
        record["figures"] = _figures(record)
        write_report(record, arguments.output, device.type)  # a run that is stopped keeps what it has measured
    print(
        "speedup_vs_naive={speedup_vs_naive:.1f} step_vs_srgnn={step_vs_srgnn:.2f} over_products={over_products:.2f} "
        "peak_mb={peak_mb:.0f} seconds_per_sequence={seconds_per_sequence:.5f}".format(**record["figures"])
    )


def _parts(data: BenchmarkData, arguments: argparse.Namespace, device: torch.device) -> Iterator[dict[str, Any]]:
    """What a record holds, one measurement after the other."""
    batch_size, rounds = arguments.batch_size, arguments.rounds
    yield {"step_seconds": compare_systems(data, batch_size, rounds, device)}
    product_seconds, product_step_seconds = compare_with_products(data, batch_size, rounds, device)
    best_layout = min(product_seconds, key=lambda name: statistics.median(product_seconds[name]))
    yield {
        "product_seconds": product_seconds,
        "best_product_layout": best_layout,
        "product_step_seconds": product_step_seconds,
    }
    if not arguments.quick:
        yield {"growth_seconds": growth(data, device)}
    # last: memory can be measured beside other work
    measured = [("TAGNNPP", 100), ("TAGNNPP", 400), ("naive", 20), ("SRGNN", 100)]
    yield {
        "peak_megabytes": {
            f"{name} B={size}": measure_in_subprocess(name, size, arguments.source, arguments.data_path, device)
            for name, size in measured
        }
    }


def _figures(record: dict[str, Any]) -> dict[str, float]:
    """The few numbers that sum up what has been measured so far."""
    times = record["step_seconds"]
    ours = times["TAGNNPP"]
    figures = {
        "speedup_vs_naive": _ratio(times["naive"], ours),
        "step_vs_srgnn": _ratio(ours, times["SRGNN"]),
        "seconds_per_sequence": statistics.median(ours) / record["batch_size"],
    }
    if BFLOAT16 in times:
        figures["bfloat16_seconds_per_sequence"] = statistics.median(times[BFLOAT16]) / record["batch_size"]
    if "product_seconds" in record:
        products = record["product_seconds"][record["best_product_layout"]]
        figures["over_products"] = _ratio(record["product_step_seconds"], products)
    if "peak_megabytes" in record:
        figures["peak_mb"] = record["peak_megabytes"]["TAGNNPP B=100"]
    return figures


def _ratio(numerator: list[float], denominator: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(numerator, denominator, strict=True))


if __name__ == "__main__":
    main()
