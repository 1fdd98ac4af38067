"""``python -m benchmarks.profile_training``: where the time of a training step, of evaluation and of start-up goes.

Adds the clock to the steps of training and evaluation from outside, so that what is measured is what runs.  Writes a JSON
record and a Markdown table to ``--output``.
"""

import argparse
import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import torch

import recbole_tagnnpp.recbole_compat  # noqa: F401
from benchmarks.batches import BenchmarkData, load_benchmark_data
from benchmarks.systems import build_trainer, multiplies_bfloat16
from recbole_tagnnpp.data.session_loader import SessionLoader
from recbole_tagnnpp.experiment.environment import describe_machine, describe_versions
from recbole_tagnnpp.files import atomic_write
from recbole_tagnnpp.model import target_attentive_recommender as model_module

WARM_UP_STEPS = 5


class Clock:
    """Seconds by what they were spent on; what runs inside a measured call is taken off it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inner = [0.0]

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Add the time of a block to ``name``."""
        started = time.perf_counter()
        self._inner.append(0.0)
        try:
            yield
        finally:
            passed = time.perf_counter() - started
            self.seconds[name] += passed - self._inner.pop()
            self._inner[-1] += passed

    @contextmanager
    def on(self, parts: Sequence[tuple[Any, str, str]]) -> Iterator[None]:
        """Measure methods and functions while a block runs: owner, name of the attribute, what it is called here."""
        with ExitStack() as stack:
            for owner, attribute, name in parts:
                measured = self._around(name, getattr(owner, attribute))
                stack.enter_context(mock.patch.object(owner, attribute, measured))
            yield

    def _around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def measured(*arguments: Any, **keywords: Any) -> Any:
            with self.measure(name):
                return function(*arguments, **keywords)

        return measured


def profile_steps(data: BenchmarkData, steps: int, precision: str) -> dict[str, float]:
    """Milliseconds of the parts of a training step of 100 sequences, mean over ``steps`` steps."""
    trainer = build_trainer("TAGNNPP", data.dataset, torch.device("cpu"), target_attention_precision=precision)
    assert trainer.adaptive_clipping is not None
    loader = SessionLoader(data.dataset, data.dataset.training, 100, True, seed=1, pad_to_longest=True)
    clock, model = Clock(), trainer.model
    parts = [
        (model, "forward", "graphs and encoder, forward"),
        (model_module, "target_attention_loss", "target attention, loss and gradients"),
        (model, "candidate_embeddings", "normalised item table"),
        (torch.Tensor, "backward", "encoder and item table, backward"),
        (trainer.adaptive_clipping, "clip_gradients_", "AGC"),
        (trainer.optimizer, "step", "Adam"),
    ]
    batches = iter(loader)
    for _ in range(WARM_UP_STEPS):
        trainer.train_step(next(batches))
    with clock.on(parts):
        for _ in range(steps):
            with clock.measure("batch of sequences"):
                batch = next(batches)
            with clock.measure("rest"):
                trainer.train_step(batch)
    return {name: 1e3 * seconds / steps for name, seconds in clock.seconds.items()}


def profile_evaluation(data: BenchmarkData, batches: int) -> dict[str, float]:
    """Milliseconds of the parts of ranking all items for 1,000 sequences."""
    trainer = build_trainer("TAGNNPP", data.dataset, torch.device("cpu"))
    size = trainer.config["eval_batch_size"]
    loader = SessionLoader(data.dataset, data.dataset.validation, size, False, seed=1, pad_to_longest=True)
    clock, model = Clock(), trainer.model
    model.eval()
    parts = [
        (model, "forward", "graphs and encoder"),
        (model_module, "target_attention_topk", "scores of all items, best 20"),
    ]
    iterator = iter(loader)
    with torch.no_grad():
        model.top_items(next(iterator), 20)
        with clock.on(parts):
            for _ in range(batches):
                with clock.measure("batch of sequences"):
                    batch = next(iterator)
                with clock.measure("rest"):
                    model.top_items(batch, 20)
    return {name: 1e3 * seconds / (batches * size) * 1000 for name, seconds in clock.seconds.items()}


def profile_start(data_path: Path) -> dict[str, float]:
    """Seconds until training can start, each in a fresh process."""

    def fresh(code: str) -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.perf_counter() - started

    imports = "import recbole_tagnnpp.experiment.run"
    load = (
        f"{imports}\nfrom pathlib import Path\nfrom benchmarks.batches import load_benchmark_data\n"
        f"load_benchmark_data(None, Path({str(data_path)!r}))"
    )
    fresh(imports)  # byte code and files are cached from the second time
    imported = fresh(imports)
    return {"imports (torch, RecBole)": imported, "prepared dataset": max(0.0, fresh(load) - imported)}


def markdown(record: dict[str, Any]) -> str:
    """Sections for docs/performance.md."""
    lines = [
        f"{record['data']}; {record['machine']['processor']}, {record['machine']['torch_threads']} threads.",
    ]
    for title, key, unit in (
        ("Parts of a step", "step_milliseconds", "ms a step of 100 sequences"),
        ("Parts of evaluation", "evaluation_milliseconds", "ms for 1,000 sequences"),
    ):
        precisions = list(record[key])
        lines += ["", f"## {title}", "", f"| {unit} | " + " | ".join(precisions) + " |"]
        lines.append("|---|" + "---|" * len(precisions))
        for part in sorted(record[key]["float32"], key=lambda name: -record[key]["float32"][name]):
            lines.append(f"| {part} | " + " | ".join(f"{record[key][p][part]:.1f}" for p in precisions) + " |")
        lines.append("| sum | " + " | ".join(f"{sum(record[key][p].values()):.1f}" for p in precisions) + " |")
    lines += ["", "## Start", "", "| before the first step | seconds |", "|---|---|"]
    lines += [f"| {part} | {seconds:.1f} |" for part, seconds in record["start_seconds"].items()]
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--source", type=Path, default=Path("../shared/data/diginetica"), help="Diginetica sessions")
    parser.add_argument("--data_path", type=Path, default=Path("dataset"), help="prepared datasets")
    parser.add_argument("--output", type=Path, default=Path("results/bench"), help="folder of record and table")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--threads", type=int, default=None, help="default: all cores")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    data = load_benchmark_data(arguments.source, arguments.data_path)
    precisions = ["float32", *(["bfloat16"] if multiplies_bfloat16(torch.device("cpu")) else [])]
    record = {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": data.origin,
        "step_milliseconds": {p: profile_steps(data, arguments.steps, p) for p in precisions},
        "evaluation_milliseconds": {"float32": profile_evaluation(data, 10)},
        "start_seconds": profile_start(arguments.data_path),
        "machine": describe_machine(torch.device("cpu")),
        "versions": describe_versions(),
    }
    with atomic_write(arguments.output / "profile.json") as handle:
        json.dump(record, handle, indent=1)
        handle.write("\n")
    with atomic_write(arguments.output / "profile.md") as handle:
        handle.write(markdown(record))
    print(markdown(record))


if __name__ == "__main__":
    main()
