"""Files and folders that appear whole or not at all."""

import os
from pathlib import Path

import pytest

from recbole_tagnnpp.files import atomic_folder, atomic_write


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("old")
    with pytest.raises(RuntimeError), atomic_write(file) as handle:
        handle.write("new")
        raise RuntimeError
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_failed_folder_leaves_the_old_one(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    (folder / "raw").write_text("kept")
    with pytest.raises(RuntimeError), atomic_folder(folder, last="m") as temporary:
        (temporary / "m").write_text("1")
        raise RuntimeError
    assert [file.name for file in folder.iterdir()] == ["raw"]
    with atomic_folder(folder, last="m") as temporary:
        (temporary / "m").write_text("1")
    assert {file.name for file in folder.iterdir()} == {"raw", "m"}
    assert list(tmp_path.iterdir()) == [folder]


def test_the_last_file_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[str] = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda source, target: (moved.append(Path(target).name), replace(source, target)))
    with atomic_folder(tmp_path / "d", last="b") as temporary:
        for name in "cba":
            (temporary / name).write_text(name)
    assert moved == ["a", "c", "b"]
