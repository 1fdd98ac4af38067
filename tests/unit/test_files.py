"""Files and folders that appear whole or not at all."""

import errno
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.files import atomic_folder, atomic_write, check_folder, read_json, user_path


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("old")
    with pytest.raises(RuntimeError), atomic_write(file) as handle:
        handle.write("new")
        raise RuntimeError
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_the_error_of_a_folder_that_takes_no_files_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / ".a.txt.x7w"))

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    with pytest.raises(PermissionError) as caught, atomic_write(tmp_path / "a.txt"):
        pass
    assert caught.value.filename == str(tmp_path / "a.txt")


def test_a_link_stays_one(tmp_path: Path) -> None:
    file, link = tmp_path / "there" / "a.txt", tmp_path / "link"
    file.parent.mkdir()
    file.write_text("old")
    link.symlink_to(file)
    with atomic_write(link) as handle:
        handle.write("new")
    assert link.is_symlink() and file.read_text() == "new"
    assert list(file.parent.iterdir()) == [file]


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name, kind in (("pipe", "no regular file"), ("folder", "a folder")):
        with (
            pytest.raises(UserError, match=f"{name}: is {kind}; allowed is the name of a file"),
            atomic_write(tmp_path / name),
        ):
            pass
    with pytest.raises(UserError, match="/dev/stdout: is no regular file"), atomic_write(Path("/dev/stdout")):
        pass
    assert (tmp_path / "pipe").is_fifo() and (tmp_path / "folder").is_dir()
    assert len(list(tmp_path.iterdir())) == 2


def test_the_home_folder_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert user_path("~/x") == Path("/home/me/x")
    assert user_path("~nobody-known/x") == Path("~nobody-known/x")
    assert user_path("a~b") == Path("a~b")


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


def test_a_folder_that_a_killed_process_has_left_unfinished_is_cleared_away(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "d", last="b") as temporary:
        (temporary / "a").write_text("1")
        left = shutil.copytree(temporary, tmp_path / "left")
    shutil.copytree(left, temporary)
    with atomic_folder(tmp_path / "d", last="b") as again:
        (again / "b").write_text("1")
    assert {file.name for file in (tmp_path / "d").iterdir()} == {"a", "b"}


def test_a_folder_that_is_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "d").symlink_to(tmp_path / "disk")
    with atomic_folder(tmp_path / "d", last="b") as temporary:
        (temporary / "b").write_text("1")
        assert temporary.resolve().is_relative_to(tmp_path / "disk")  # files are not moved from one disk to another
    assert [file.name for file in (tmp_path / "disk").iterdir()] == ["b"]


def test_no_old_last_file_stands_beside_a_mixture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        (tmp_path / name).write_text("old")
    replace = os.replace

    def killed_at_c(source: Path, target: Path) -> None:
        if target.name == "c":
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", killed_at_c)
    with pytest.raises(KeyboardInterrupt), atomic_folder(tmp_path, last="b") as temporary:
        for name in "abc":
            (temporary / name).write_text("new")
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"a": "new", "c": "old"}


def test_the_last_file_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[str] = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda source, target: (moved.append(Path(target).name), replace(source, target)))
    with atomic_folder(tmp_path / "d", last="b") as temporary:
        for name in "cba":
            (temporary / name).write_text(name)
    assert moved == ["a", "c", "b"]


@pytest.mark.parametrize(("text", "reason"), [("{", "Expecting"), ("[" * 100_000, "nested too deeply"), (b"\xff", "utf-8")])
def test_what_is_no_json_is_a_value_error(tmp_path: Path, text: str | bytes, reason: str) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=reason):
        read_json(file)


def test_a_folder_that_cannot_even_be_looked_for_is_refused_with_its_key(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^results_path=.*nnn: files cannot be written there \(File name too long\)"):
        check_folder(tmp_path / ("n" * 300), "results_path")
    check_folder(tmp_path / "new" / "folder", "results_path")
    assert not list(tmp_path.iterdir())
