"""What the table of a grid says of a run before and after it has ended."""

import io
import json
from pathlib import Path

from rich.console import Console

from recbole_tagnnpp.experiment.grid.plan import PlannedRun
from recbole_tagnnpp.experiment.grid.progress import RunProgress, State, progress_table
from recbole_tagnnpp.experiment.systems import find_system
from tests.unit.experiment.report.synthetic_records import write_run

SYSTEM = find_system("SRGNN")


def line_of(run: RunProgress) -> str:
    output = io.StringIO()
    Console(file=output, width=200).print(progress_table([run]))
    return next(line for line in output.getvalue().splitlines() if "yoochoose1_64" in line)


def test_a_finished_run_shows_its_best_epoch_a_running_one_its_latest(tmp_path: Path) -> None:
    path = write_run(tmp_path, SYSTEM)
    record = json.loads(path.read_text())
    run = RunProgress(PlannedRun(SYSTEM, "yoochoose1_64", 2020, record["config"], path))
    assert "MRR" not in line_of(run)
    run.state = State.RUNNING
    run.note_epoch(2, 0.01234)
    assert "MRR@20 1.23 " in line_of(run) and "3 of 10" in line_of(run)
    best, test = record["valid_result"]["mrr@20"], record["test_result"]
    for state in (State.FINISHED, State.FOUND):
        run.state = state
        assert f"MRR@20 {best:.2f} " in line_of(run) and "1.23" not in line_of(run)
        assert f"{test['hit@20']:.2f} / {test['mrr@20']:.2f}" in line_of(run)
