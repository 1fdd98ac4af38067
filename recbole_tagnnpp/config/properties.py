"""Where property files are: model, dataset and preset settings, and the defaults of all runs."""

import importlib.util
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def property_folders(own: bool = True) -> list[Path]:
    """Folders that are searched, first hit wins: the working directory's (where ``own``), then the shipped one.

    The shipped one is inside an installed package and beside the package in a checkout.
    """
    inside = PACKAGE / "properties"
    shipped = inside if inside.is_dir() else PACKAGE.parent / "properties"
    here = Path("properties")
    folders = [here, shipped] if own and here.resolve() != shipped.resolve() else [shipped]
    return [folder for folder in folders if folder.is_dir()]


@cache
def recbole_property_folder() -> Path:
    """RecBole's own property files."""
    spec = importlib.util.find_spec("recbole")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("recbole is not installed: pip install --no-deps recbole==1.2.1")
    return Path(spec.origin).parent / "properties"


def find_property_files(kind: str, name: str, own: bool = True) -> list[Path]:
    """Every ``properties/<kind>/<name>.yaml``, the shipped one first; ``kind`` may be empty."""
    files = [folder / kind / f"{name}.yaml" for folder in reversed(property_folders(own))]
    return [file for file in files if file.is_file()]


def find_property_file(kind: str, name: str) -> Path | None:
    """``properties/<kind>/<name>.yaml`` in the first folder that has it."""
    files = find_property_files(kind, name)
    return files[-1] if files else None


def known_names(kind: str) -> list[str]:
    """Names of all property files of a kind, for messages."""
    return sorted({file.stem for folder in property_folders() for file in (folder / kind).glob("*.yaml")})
