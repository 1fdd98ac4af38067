"""Which kind of source a path is, and reading it."""

from collections.abc import Callable
from pathlib import Path

from recbole_tagnnpp.data.clicks import to_sessions
from recbole_tagnnpp.data.protocol import filter_and_split
from recbole_tagnnpp.data.rules import PreparationRules
from recbole_tagnnpp.data.sessions import SplitSessions
from recbole_tagnnpp.data.sources import (
    click_csv,
    click_table,
    diginetica,
    recbole_benchmark,
    recbole_inter,
    srgnn_processed,
    yoochoose,
)
from recbole_tagnnpp.errors import UserError

SPLIT_ALREADY = ("srgnn_processed", "recbole_benchmark")
"""Formats of sessions that somebody has filtered and split; rules about that come too late for them."""
CLICK_TABLES: dict[str, Callable[[Path, PreparationRules], click_table.ClickTable]] = {
    "recbole_inter": recbole_inter.open_table,
    "click_csv": click_csv.open_table,
}
"""Formats of tables of clicks whose columns the rules name."""


def find_source(folder: Path, dataset: str) -> Path | None:
    """A raw source in a dataset's folder: a known file name, SR-GNN's pair of files, ``<dataset>.inter`` or ``.csv``."""
    for file in _single_files(folder, dataset):
        if file.is_file():
            return file
    return folder if srgnn_processed.matches(folder) else None


def sources_beside(source: Path, folder: Path, dataset: str) -> list[Path]:
    """Further raw sources in a dataset's folder, which :func:`find_source` passes over for the sake of one."""
    return [file for file in _single_files(folder, dataset) if file.is_file() and file != source]


def _single_files(folder: Path, dataset: str) -> list[Path]:
    """Names that a raw source of one file can have; the first that is there counts."""
    return [folder / name for name in (diginetica.FILE_NAME, yoochoose.FILE_NAME, f"{dataset}.inter", f"{dataset}.csv")]


def resolve_source(source: Path, dataset: str, source_format: str) -> tuple[str, Path]:
    """The format and the file of a source; of a format of several files, their folder.

    Args:
        source: a file or a folder that holds one.
        dataset: name, for ``<dataset>.inter`` or ``.csv`` in a folder.
        source_format: one of the rules' ``SOURCE_FORMATS``.

    Raises:
        UserError: nothing readable is there.
    """
    if not source.exists():
        raise UserError(f"{source}: no such file or folder")
    if source.is_dir() and source_format not in SPLIT_ALREADY:
        source = find_source(source, dataset) or source
    kind = detect_format(source) if source_format == "auto" else source_format
    if kind == "srgnn_processed" and not source.is_dir():
        source = source.parent
    if source.is_dir() and kind not in SPLIT_ALREADY:
        raise UserError(f"{source}: a folder; which file of it source_format={kind} shall read is not clear, name it")
    return kind, source


def files_of(kind: str, source: Path) -> list[Path]:
    """The files that are read of a resolved source."""
    if kind == "srgnn_processed":
        return [source / srgnn_processed.TRAINING_FILE, source / srgnn_processed.TEST_FILE]
    return recbole_benchmark.files(source) if kind == "recbole_benchmark" else [source]


def read_source(kind: str, source: Path, rules: PreparationRules, show_progress: bool) -> SplitSessions:
    """Read a resolved source, filter and split it unless it is split already.

    Args:
        kind, source: see :func:`resolve_source`.
        rules: of the preparation.
        show_progress: progress bar.

    Raises:
        UserError: it is malformed, or the rules leave nothing of it.
    """
    if rules.session_gap_minutes is not None and kind not in CLICK_TABLES:
        raise UserError(
            f"session_gap_minutes={rules.session_gap_minutes!r}: {source} is {kind}, which says where sessions end; it is "
            f"for {' and '.join(CLICK_TABLES)}"
        )
    if kind == "srgnn_processed":
        return srgnn_processed.read(source)
    if kind == "recbole_benchmark":
        return recbole_benchmark.read(source, show_progress)
    if kind == "diginetica_csv":
        return filter_and_split(diginetica.read(source, show_progress), rules, diginetica.DATE_UNIT_PER_DAY, str(source))
    if kind == "yoochoose_dat":
        return filter_and_split(yoochoose.read(source, show_progress), rules, yoochoose.DATE_UNIT_PER_DAY, str(source))
    clicks = CLICK_TABLES[kind](source, rules).read(show_progress)
    return filter_and_split(to_sessions(clicks, rules, str(source)), rules, click_table.DATE_UNIT_PER_DAY, str(source))


def detect_format(source: Path) -> str:
    """The ``source_format`` of a file or folder, by its name and first line.

    Raises:
        UserError: none fits.
    """
    if source.is_dir():
        for kind, module in (("srgnn_processed", srgnn_processed), ("recbole_benchmark", recbole_benchmark)):
            if module.matches(source):
                return kind
        raise UserError(
            f"{source}: holds no source; known are {diginetica.FILE_NAME}, {yoochoose.FILE_NAME}, "
            f"{srgnn_processed.TRAINING_FILE} with {srgnn_processed.TEST_FILE}, atomic .inter files and .csv files"
        )
    if source.name in (srgnn_processed.TRAINING_FILE, srgnn_processed.TEST_FILE):
        return "srgnn_processed"
    for kind, module in (
        ("diginetica_csv", diginetica),
        ("yoochoose_dat", yoochoose),
        ("recbole_inter", recbole_inter),
        ("click_csv", click_csv),
    ):
        if module.matches(source):
            return kind
    raise UserError(
        f"{source}:1: not a known log: Diginetica's starts with {diginetica.HEADERS[0]!r}, Yoochoose's has four columns "
        f"separated by commas, an .inter file 'name:type' columns, and a CSV file ends with .csv; "
        f"found {first_characters(source)!r}"
    )


def first_characters(source: Path) -> str:
    """Beginning of a file, for messages."""
    with open(source, "rb") as handle:
        return handle.readline(80).decode("utf-8", errors="replace").strip()
