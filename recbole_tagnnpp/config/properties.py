"""Where property files are: model, dataset and preset settings, and the defaults of all runs."""

import importlib.util
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def property_folders() -> list[Path]:
    """Folders that are searched, first hit wins: the working directory's, the checkout's, the installed package's."""
    candidates = [Path("properties"), PACKAGE.parent / "properties", PACKAGE / "properties"]
    return [folder for folder in candidates if folder.is_dir()]


def recbole_property_folder() -> Path:
    """RecBole's own property files."""
    spec = importlib.util.find_spec("recbole")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("recbole is not installed: pip install --no-deps recbole==1.2.1")
    return Path(spec.origin).parent / "properties"


def find_property_file(kind: str, name: str) -> Path | None:
    """``properties/<kind>/<name>.yaml`` in the first folder that has it; ``kind`` may be empty."""
    for folder in property_folders():
        file = folder / kind / f"{name}.yaml"
        if file.is_file():
            return file
    return None


def known_names(kind: str) -> list[str]:
    """Names of all property files of a kind, for messages."""
    return sorted({file.stem for folder in property_folders() for file in (folder / kind).glob("*.yaml")})
