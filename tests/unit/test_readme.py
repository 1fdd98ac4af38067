"""What README and docs say: its commands are understood, its figures are those of the records it names, its links exist."""

import json
import re
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import recbole_tagnnpp.experiment.grid.in_process  # noqa: F401  binds `run` before a test puts another in its place
from docs.insert_tables import BLOCK, with_tables
from recbole_tagnnpp.cli import COMMANDS, main
from recbole_tagnnpp.experiment.report.records import read_records
from recbole_tagnnpp.experiment.report.systems import find_row
from tests.conftest import REPOSITORY

README = (REPOSITORY / "README.md").read_text()
DOCS = [f"docs/{file.name}" for file in sorted((REPOSITORY / "docs").glob("*.md"))]
PAGES = [README, *((REPOSITORY / name).read_text() for name in DOCS)]


def commands_of(page: str) -> list[str]:
    """Commands of the code blocks, with their comments."""
    blocks = "\n".join(re.findall(r"```bash\n(.*?)```", page, flags=re.DOTALL)).replace("\\\n", "")
    return re.findall(r"^ *((?:python|torchrun) [^#\n]*recbole_tagnnpp.*)$", blocks, flags=re.MULTILINE)


COMMAND_LINES = [command for page in PAGES for command in commands_of(page)]
CHOICES = (REPOSITORY / "docs" / "search.md").read_text()
"""How settings were chosen: on validation data, so that its rows show no test figures."""
ROWS = [line for page in PAGES for line in page.splitlines() if line.startswith("|") and "results/runs/" in line]
REPORT = "".join(
    (REPOSITORY / f"results/report/{name}.md").read_text()
    for name in ("table_1", "table_2", "significance", "by_session_length")
)
RESULTS = (REPOSITORY / "docs" / "results.md").read_text()
DISCUSSION = RESULTS.split("## How the rows were run")[0]
SUMMARY = README[
    README.index("What they say") : README.index("`recommended`, `fast`, STAN and VS-KNN were chosen")
] + re.sub(r"(?m)^\|.*results/runs.*$", "", DISCUSSION)


@pytest.mark.parametrize("command", COMMAND_LINES)
def test_commands_are_understood(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every command is carried out up to the point where it would begin its work."""
    monkeypatch.chdir(REPOSITORY)
    (tmp_path / "mine.yaml").write_text("seed: 1\n")
    begun: list[str] = []

    def stand_in(name: str, result: object) -> None:
        monkeypatch.setattr(f"recbole_tagnnpp.{name}", lambda *_, **__: begun.append(name) or result)

    stand_in("experiment.run.run", {})
    stand_in("experiment.data_parallel.train_in_processes", None)
    stand_in("experiment.ray_train.train_on_ray", None)
    stand_in("experiment.grid.grid.run_grid", [])
    stand_in("experiment.search.search.search", {})
    stand_in("experiment.report.report.write_report", SimpleNamespace(n_records=1, n_others=1))
    stand_in("data.prepare.prepare", None)
    monkeypatch.setattr("recbole_tagnnpp.data.statistics.table_three", lambda _: "")
    monkeypatch.setattr(
        "recbole_tagnnpp.experiment.grid.plan.prepare_data", lambda _: SimpleNamespace(checksum="0", n_items=50)
    )
    words = [word.replace("mine.yaml", str(tmp_path / "mine.yaml")) for word in shlex.split(command, comments=True)]
    start = words.index("recbole_tagnnpp") + 1 if "-m" in words else words.index("run_recbole_tagnnpp.py")
    status = main(["train", *words[start + 1 :]] if words[start].endswith(".py") else words[start:])
    if words[start] == "recommend":
        assert "no such checkpoint" in capsys.readouterr().err
    else:
        assert status == 0 and len(begun) == 1, capsys.readouterr().err


def test_there_are_commands() -> None:
    text = "\n".join(COMMAND_LINES)
    assert all(f"recbole_tagnnpp {name} " in f"{text} " for name in set(COMMANDS) - {"report"})
    assert len(COMMAND_LINES) > 20


def test_commands_of_the_results_make_every_row_of_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    records = [record for record in read_records(REPOSITORY / "results/runs") if record.dataset != "demo"]
    checksums = {record.dataset: record.checksum for record in records}
    planned: set[str] = set()
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setattr(
        "recbole_tagnnpp.experiment.grid.plan.prepare_data",
        lambda config: SimpleNamespace(checksum=checksums[config["dataset"]], n_items=50),
    )
    monkeypatch.setattr(
        "recbole_tagnnpp.experiment.grid.grid.run_grid",
        lambda runs, **_: planned.update(f"{run.dataset}/{run.record.stem}" for run in runs) or [],
    )
    for command in commands_of(RESULTS):
        assert main(shlex.split(command, comments=True)[3:]) == 0
    of_tables = {record.name for record in records if find_row(record)[0] is not None}
    assert len(of_tables) > 90
    assert of_tables <= planned


@pytest.mark.parametrize("row", ROWS)
def test_figures_are_those_of_the_record(row: str) -> None:
    record = json.loads((REPOSITORY / re.search(r"\((?:\.\./)?(results/runs/[^)]+)\)", row).group(1)).read_text())
    figures = re.findall(r"(\d+\.\d\d) / (\d+\.\d\d)", row)
    parts = ("valid_result",) if row in CHOICES else ("valid_result", "test_result")
    expected = [tuple(f"{record[part][m]:.2f}" for m in ("hit@20", "mrr@20")) for part in parts]
    assert figures == expected
    assert record["dataset"] in row


@pytest.mark.parametrize("figure", re.findall(r"\d+\.\d\d", SUMMARY))
def test_the_summary_speaks_of_figures_in_the_report(figure: str) -> None:
    assert re.search(rf"\b{re.escape(figure)}\b", REPORT)


def best_result(trial: dict[str, Any]) -> dict[str, float]:
    return max((epoch["valid_result"] for epoch in trial["history"]), key=lambda result: result["mrr@20"])


def test_figures_of_the_searches_are_those_of_their_records() -> None:
    """Those of the trials of the searches and of the runs that the page names."""
    text = CHOICES.split("## How the shipped preset was found")[1].split("\n## ")[0]
    recorded: set[str] = set()
    for link in re.findall(r"\]\(\.\./(results/[^)]+)\)", text):
        file = REPOSITORY / link
        if file.suffix == ".md":
            file = file.with_name("search.json")
        content = json.loads(file.read_text())
        results = [content["valid_result"]] if "valid_result" in content else map(best_result, content["trials"])
        recorded |= {f"{result[metric]:.2f}" for result in results for metric in ("hit@20", "mrr@20")}
    figures = re.findall(r"\b\d\d\.\d\d\b", text)
    assert len(figures) >= 12
    assert set(figures) <= recorded


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "dataset/README.md", *DOCS])
def test_links_lead_to_files(name: str) -> None:
    file = REPOSITORY / name
    for target in re.findall(r"\]\(([^)#]+)\)", file.read_text()):
        if "://" not in target:
            assert (file.parent / target).exists(), target


def test_tables_are_those_of_the_report() -> None:
    assert BLOCK.search(README)
    for page in PAGES:
        assert with_tables(page) == page, "run `make report`"


@pytest.mark.parametrize("page", PAGES)
def test_code_blocks_begin_and_end_on_lines_of_their_own(page: str) -> None:
    fences = re.findall(r"^ *```\w*$", page, flags=re.MULTILINE)
    assert len(fences) == page.count("```")
    assert len(fences) % 2 == 0
