"""``python -m recbole_tagnnpp report`` as users call it."""

from pathlib import Path

import pytest

from recbole_tagnnpp.cli import main
from recbole_tagnnpp.experiment.systems import find_system
from tests.unit.experiment.report.synthetic_records import write_run


@pytest.fixture(autouse=True)
def with_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_run(Path("results/runs"), find_system("TAGNNPP"), 0.5)
    write_run(Path("results/runs"), find_system("SRGNN"), 0.4)


def test_report_then_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--check"]) == 2  # there is none
    assert "results/report: no such folder" in capsys.readouterr().err
    assert main(["report"]) == 0
    assert "open results/report/report.html" in capsys.readouterr().out
    assert "| TAGNN++ (recommended) | 1 | no |" in Path("results/report/table_1.md").read_text()
    assert main(["report", "--check"]) == 0

    write_run(Path("results/runs"), find_system("TAGNNPP"), 0.5, seed=7)
    capsys.readouterr()
    assert main(["report", "--check"]) == 1
    assert "table_1.md" in capsys.readouterr().err
    assert "| TAGNN++ (recommended) | 1 | no |" in Path("results/report/table_1.md").read_text()
    assert main(["report", "--results=results/runs", "--output=docs/tables"]) == 0
    assert "| TAGNN++ (recommended) | 2 | no |" in Path("docs/tables/table_1.md").read_text()
    assert main(["report", "--output=docs/tables", "--check=True"]) == 0


def test_a_report_of_own_records_leaves_the_shipped_one_alone(capsys: pytest.CaptureFixture[str]) -> None:
    write_run(Path("mine"), find_system("TAGNNPP"), 0.5)
    assert main(["report", "--results=mine"]) == 0
    assert "open mine/report/report.html" in capsys.readouterr().out
    assert not Path("results/report").exists()
    assert main(["report", "--results=mine", "--check"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--results=gone"], "gone: no such folder"),
        (["--results=results"], "results: no run records"),
        (["--result=x"], "--result: unknown argument of report; there are --results, --output, --check"),
        (["--check=7"], "--check=7: allowed is True or False"),
        (["--output="], "argument '--output=': has nothing behind the ="),
        (["--results"], "argument '--results': has no value"),
    ],
)
def test_mistakes_give_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert message in line
    assert not Path("results/report").exists()
