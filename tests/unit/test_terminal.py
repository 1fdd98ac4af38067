"""What commands print: names letter by letter, wide lines in logs, and readers that leave early."""

import subprocess
import sys
from pathlib import Path

import pytest
from rich.table import Table

from recbole_tagnnpp.data.manifest import Manifest
from recbole_tagnnpp.data.statistics import ROWS, table_three
from recbole_tagnnpp.experiment.search.display import SearchDisplay
from recbole_tagnnpp.experiment.search.trial_records import FAILED, TrialRecord
from recbole_tagnnpp.recommendation.output import print_recommendations
from recbole_tagnnpp.recommendation.recommender import Recommendation
from recbole_tagnnpp.terminal import PlainConsole, data_output
from tests.conftest import REPOSITORY

STRANGE = ["[/b]", "[bold]a[/bold]", ":bomb:", "[item_embedding]", "x" * 60 + "y" * 60]


def test_names_are_shown_letter_by_letter(capsys: pytest.CaptureFixture[str]) -> None:
    print_recommendations([Recommendation(item, 1.0) for item in STRANGE])
    printed = capsys.readouterr().out
    assert all(item in printed for item in STRANGE[:-1])
    assert "x" * 60 in printed.replace("│", "") and printed.count("x") == printed.count("y") == 60
    PlainConsole().print(Table("[/a]", title="[/2024]"))
    assert "[/2024]" in capsys.readouterr().out


def test_tables_of_a_preparation_and_of_a_search_do_too(capsys: pytest.CaptureFixture[str]) -> None:
    counts = {"valid_sequences": 3, "raw_clicks": 1234}
    manifest = Manifest(1, "d", "log[/old].inter", {}, {}, counts, dict.fromkeys(ROWS, 7.0), {})
    PlainConsole().print(table_three(manifest))
    printed = capsys.readouterr().out
    assert "log[/old].inter" in printed
    assert "1,234" in printed
    display = SearchDisplay("[/t]", 1, "MRR@20", True)
    trial = TrialRecord("k", {}, FAILED, problem="agc_exclude=[/x]: names no parameter")
    display.remember([trial])
    display.records["k"] = trial
    display.console.print(display.table())
    printed = capsys.readouterr().err
    assert "[/t]" in printed and "agc_exclude=[/x]" in printed


def test_a_log_has_wider_lines_than_the_80_columns_of_rich(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    PlainConsole().print("x" * 110)
    assert "x" * 110 in capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", "70")
    assert PlainConsole().width == 70


@pytest.mark.parametrize(
    "body",
    [
        "console = PlainConsole(); [console.print('line') for _ in range(20_000)]",
        "[say('line') for _ in range(20_000)]",
        "with data_output() as handle: handle.writelines('line\\n' for _ in range(20_000))",
    ],
)
def test_work_goes_on_when_nobody_reads_any_more(body: str) -> None:
    code = f"import sys; from recbole_tagnnpp.terminal import *\n{body}\nsys.stderr.write('worked')"
    command = f'{sys.executable} -c "$0" | head -n 1; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", command, code], cwd=REPOSITORY, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "line\n", "worked")


def test_data_is_utf8_whatever_the_terminal_has() -> None:
    code = "from recbole_tagnnpp.terminal import *\nwith data_output() as handle: handle.write('日本\\n')\nsay('日本')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, env={"PYTHONIOENCODING": "ascii", "PATH": "/bin"}
    )
    assert done.stdout.decode() == "日本\n日本\n"


def test_what_a_terminal_cannot_show_is_escaped() -> None:
    code = "from recbole_tagnnpp.terminal import *\nescape_what_cannot_be_shown(); PlainConsole().print('日本'); say('日')"
    environment = {"PYTHONIOENCODING": "ascii", "PATH": "/bin"}
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, env=environment)
    assert (done.stdout, done.stderr) == ("\\u65e5\\u672c\n\\u65e5\n", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["report", "--help"]])
def test_a_full_disk_behind_standard_output_gets_one_line(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "recbole_tagnnpp", *arguments]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, cwd=REPOSITORY, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (2, "error: standard output: No space left on device\n")


def test_a_problem_of_a_file_is_not_blamed_on_standard_output(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), data_output():
        (tmp_path / "missing").read_text()


def test_data_for_a_standard_output_that_is_closed_is_refused() -> None:
    code = "from recbole_tagnnpp.terminal import *\nwith data_output() as handle: handle.write('a')"
    done = subprocess.run(
        ["bash", "-c", f'{sys.executable} -c "$0" >&-', code], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert "UserError: standard output: closed" in done.stderr
