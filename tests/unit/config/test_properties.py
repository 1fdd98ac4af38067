"""Where property files are looked for."""

from pathlib import Path

import pytest

from recbole_tagnnpp.config import properties


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    package = tmp_path / "site" / "recbole_tagnnpp"
    package.mkdir(parents=True)
    monkeypatch.setattr(properties, "PACKAGE", package)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return package


def write(folder: Path, name: str) -> Path:
    file = folder / "dataset" / f"{name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("")
    return file


def test_checkout_has_them_beside_the_package(package: Path) -> None:
    file = write(package.parent / "properties", "a")
    assert properties.find_property_file("dataset", "a") == file
    assert properties.find_property_file("dataset", "b") is None


def test_wheel_has_them_inside_and_ignores_a_strangers_folder_beside_it(package: Path) -> None:
    inside = write(package / "properties", "a")
    write(package.parent / "properties", "b")
    assert properties.find_property_files("dataset", "a") == [inside]
    assert properties.known_names("dataset") == ["a"]


def test_working_directory_is_above_the_shipped_ones(package: Path) -> None:
    shipped = write(package.parent / "properties", "a")
    own = write(Path("properties"), "a")
    write(Path("properties"), "mine")
    assert properties.find_property_files("dataset", "a") == [shipped, own]
    assert properties.find_property_file("dataset", "a") == own
    assert properties.known_names("dataset") == ["a", "mine"]


def test_a_folder_is_listed_once_when_the_checkout_is_the_working_directory(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(package.parent / "properties", "a")
    monkeypatch.chdir(package.parent)
    assert len(properties.find_property_files("dataset", "a")) == 1
