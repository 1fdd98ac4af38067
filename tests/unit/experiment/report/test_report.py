"""Writing and checking a report."""

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.report.html_page import without_drawings
from recbole_tagnnpp.experiment.report.report import PAGE, check_report, write_report
from recbole_tagnnpp.experiment.systems import RECOMMENDED, ablations, find_system
from tests.unit.experiment.report.synthetic_records import write_run


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``runs`` and their ``report``."""
    folder = tmp_path_factory.mktemp("written")
    for seed in (1, 2):
        write_run(folder / "runs", find_system("TAGNNPP"), 0.9, seed=seed)
    write_run(folder / "runs", find_system("SRGNN"), 0.5)
    write_run(folder / "runs", ablations("recommended", "yoochoose1_64")[2], 0.4)
    write_run(folder / "runs", find_system("STAN"), 0.2, dataset="demo", with_ranks=False)
    write_run(folder / "runs", find_system("TAGNNPP"), 0.2, dataset="demo", epochs=1)
    write_report(folder / "runs", folder / "report")
    return folder


@pytest.fixture
def copied(written: Path, tmp_path: Path) -> Path:
    """The same in a folder that a test may change."""
    return Path(shutil.copytree(written, tmp_path / "copied"))


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_writes_all_files(written: Path) -> None:
    names = set(contents(written / "report"))
    for label in ("table_1", "table_2", "table_3", "significance", "by_session_length", "by_popularity"):
        assert {f"{label}.md", f"{label}.tex", f"{label}.csv"} <= names
    for kind in ("scatter", "learning_curves", "training_time", "by_session_length", "by_popularity"):
        assert {f"{kind}-yoochoose1_64.{ending}" for ending in ("svg", "csv")} <= names
        has_figure = kind in ("scatter", "training_time")  # on demo sessions no run has kept ranks, or has two epochs
        assert ({f"{kind}-demo.svg", f"{kind}-demo.csv"} <= names) == has_figure
    assert {"other_runs.md", PAGE} <= names
    assert check_report(written / "runs", written / "report") == []


def test_the_same_bytes_again_and_in_another_folder(written: Path, copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copied)
    shutil.rmtree("report")
    write_report(Path("runs"), Path("elsewhere/deep"))
    assert contents(Path("elsewhere/deep")) == contents(written / "report")


def test_no_paths_and_no_dates(written: Path) -> None:
    for name, content in contents(written / "report").items():
        assert str(written).encode() not in content, name
        assert not re.search(rb"2026|/tmp/", content), name


def test_check_names_what_differs_and_writes_nothing(copied: Path) -> None:
    report = copied / "report"
    (report / "table_2.tex").write_text("edited")
    (report / "by_popularity.csv").unlink()
    (report / "scatter-demo.svg").write_text("<svg>other data</svg>")
    (report / PAGE).write_text((report / PAGE).read_text().replace("Item-KNN", "Item-KNM"))
    before = contents(report)
    assert check_report(copied / "runs", report) == ["by_popularity.csv", PAGE, "scatter-demo.svg", "table_2.tex"]
    assert contents(report) == before


def test_check_notices_a_new_record(copied: Path) -> None:
    write_run(copied / "runs", find_system("GRU4Rec"), 0.1)
    different = check_report(copied / "runs", copied / "report")
    assert {"table_1.md", "table_1.csv", "table_1.tex", PAGE, "scatter-yoochoose1_64.svg"} <= set(different)
    assert "scatter-demo.svg" not in different


def test_check_lets_another_matplotlib_draw_otherwise(copied: Path) -> None:
    report = copied / "report"
    svg = report / "scatter-demo.svg"
    svg.write_text(svg.read_text().replace("stroke-width: 0.8", "stroke-width: 0.9"))
    page = report / PAGE
    page.write_text(page.read_text().replace("stroke-width: 0.8", "stroke-width: 0.9"))
    assert check_report(copied / "runs", report) == []


def test_drawings_of_records_that_are_gone_are_noticed_and_removed_but_nothing_else(copied: Path) -> None:
    report = copied / "report"
    shutil.rmtree(copied / "runs" / "demo")
    (report / "my-own.svg").write_text("<svg/>")
    (report / "notes.txt").write_text("mine")
    assert {"scatter-demo.svg", "scatter-demo.csv"} <= set(check_report(copied / "runs", report))
    write_report(copied / "runs", report)
    names = set(contents(report))
    assert not {name for name in names if "demo" in name}
    assert {"my-own.svg", "notes.txt", "scatter-yoochoose1_64.svg"} <= names
    assert check_report(copied / "runs", report) == []


def test_check_without_a_report(written: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        check_report(written / "runs", tmp_path / "gone")


def test_nothing_is_written_when_a_record_is_broken(copied: Path) -> None:
    before = contents(copied / "report")
    next((copied / "runs" / "demo").glob("*.json")).write_text("{}")
    with pytest.raises(UserError, match="record_version"):
        write_report(copied / "runs", copied / "report")
    assert contents(copied / "report") == before


class Page(HTMLParser):
    """Collects ids, links and sources; every element but the empty ones is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list) -> None:
        if tag not in ("meta", "br", "img", "link", "hr", "input"):
            self.open.append(tag)
        self.handle_startendtag(tag, attrs)

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in ("href", "src", "xlink:href"):
                self.targets.append(value)
            self.targets += re.findall(r"url\(([^)]*)\)", value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_stands_alone(written: Path) -> None:
    text = (written / "report" / PAGE).read_text()
    page = Page()
    page.feed(text)
    assert page.open == []
    assert not page.tags & {"script", "img", "link", "iframe"}
    assert len(page.ids) == len(set(page.ids))
    assert all(target.startswith("#") and target[1:] in page.ids for target in page.targets)
    assert len(page.targets) > 20
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in text
    assert text.count("<svg ") == text.count('role="img"') == len(list((written / "report").glob("*.svg")))
    assert RECOMMENDED in without_drawings(text)
    assert "<svg" not in without_drawings(text)
