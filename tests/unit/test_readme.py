"""What README and docs say: its commands are understood, its figures are those of the records it names, its links exist."""

import json
import re
import shlex
from pathlib import Path

import pytest

from docs.insert_tables import BLOCK, with_tables
from recbole_tagnnpp.cli import COMMANDS
from recbole_tagnnpp.config.command_line import parse_arguments
from recbole_tagnnpp.config.session_config import SessionConfig
from tests.conftest import REPOSITORY

README = (REPOSITORY / "README.md").read_text()
BLOCKS = "\n".join(re.findall(r"```bash\n(.*?)```", README, flags=re.DOTALL))
TRAIN = re.findall(r"^python run_recbole_tagnnpp\.py (.*?)(?:  +#.*)?$", BLOCKS, flags=re.MULTILINE)
MODULE = re.findall(r"python -m recbole_tagnnpp (\w+)", README)
DOCS = [f"docs/{file.name}" for file in sorted((REPOSITORY / "docs").glob("*.md"))]
PAGES = [README, *((REPOSITORY / name).read_text() for name in DOCS)]
ROWS = [line for page in PAGES for line in page.splitlines() if line.startswith("|") and "results/runs/" in line]
TABLE_ONE = (REPOSITORY / "results" / "report" / "table_1.md").read_text()
SUMMARY = next(paragraph for paragraph in README.split("\n\n") if paragraph.startswith("What they say"))


@pytest.mark.parametrize("command", TRAIN)
def test_train_commands_make_a_configuration(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("seed: 1\n")
    arguments = parse_arguments(shlex.split(command))
    files = str(arguments.pop("config_files", "")).split()
    SessionConfig(arguments.pop("model", "TAGNNPP"), None, files, command_line=arguments)


def test_there_are_commands_and_they_exist() -> None:
    assert len(TRAIN) >= 4
    assert MODULE and set(MODULE) <= set(COMMANDS) | {"COMMAND"}


@pytest.mark.parametrize("row", ROWS)
def test_figures_are_those_of_the_record(row: str) -> None:
    record = json.loads((REPOSITORY / re.search(r"\((?:\.\./)?(results/runs/[^)]+)\)", row).group(1)).read_text())
    figures = re.findall(r"(\d+\.\d\d) / (\d+\.\d\d)", row)
    expected = [tuple(f"{record[part][m]:.2f}" for m in ("hit@20", "mrr@20")) for part in ("valid_result", "test_result")]
    assert figures == expected
    assert record["dataset"] in row


@pytest.mark.parametrize("figure", re.findall(r"\d+\.\d\d", SUMMARY))
def test_the_summary_speaks_of_figures_in_the_table(figure: str) -> None:
    assert re.search(rf"\b{re.escape(figure)}\b", TABLE_ONE)


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
