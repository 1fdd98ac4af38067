"""What a prepared dataset was made of, by which rules, and what came out."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.files import read_json, sha256_of

MANIFEST_VERSION = 1


@dataclass(frozen=True)
class Manifest:
    """Content of ``<dataset>.manifest.json``.

    Attributes:
        manifest_version: of this format.
        dataset: name.
        source: file or folder name of the raw source.
        source_sha256: file name to SHA-256 of the source's files.
        rules: every rule with its value.
        counts: what each step of the protocol left.
        statistics: the row of Table III.
        files: written file to its rows, bytes and SHA-256.
    """

    manifest_version: int
    dataset: str
    source: str
    source_sha256: dict[str, str]
    rules: dict[str, Any]
    counts: dict[str, int]
    statistics: dict[str, float]
    files: dict[str, dict[str, Any]]

    @property
    def n_items(self) -> int:
        """Number of items, those that occur in the test alone among them."""
        rows: int = self.files[f"{self.dataset}.item"]["rows"]
        return rows

    @property
    def checksum(self) -> str:
        """One digest over the written files."""
        text = json.dumps({name: entry["sha256"] for name, entry in self.files.items()}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> str:
        """Text of the file."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"


def manifest_path(folder: Path, dataset: str) -> Path:
    """Where the manifest of a dataset is."""
    return folder / f"{dataset}.manifest.json"


def prepared_files(dataset: str) -> list[str]:
    """Names of what a prepared dataset consists of, beside its manifest."""
    return [*(f"{dataset}.{part}.inter" for part in ("train", "valid", "test")), f"{dataset}.item"]


def load_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Raises:
        UserError: the file is missing, not JSON, or not a whole manifest of this version and dataset.
    """
    again = "prepare the dataset again"
    try:
        content = read_json(path)
    except (OSError, ValueError) as problem:
        raise UserError(f"{path}: not a readable manifest ({problem}); {again}") from problem
    if not isinstance(content, dict) or content.get("manifest_version") != MANIFEST_VERSION:
        raise UserError(f"{path}: not a manifest of version {MANIFEST_VERSION}; {again}")
    fields = Manifest.__dataclass_fields__
    kinds = {"dataset": str, "source": str}
    for name in fields:
        kind = kinds.get(name, int if name == "manifest_version" else dict)
        if not isinstance(content.get(name), kind):
            raise UserError(f"{path}: {name} must be a {kind.__name__}; {again}")
    dataset = content["dataset"]
    if path != manifest_path(path.parent, dataset):
        raise UserError(f"{path}: is the manifest of {dataset!r}; {again}")
    for file in prepared_files(dataset):
        if file not in content["files"]:
            raise UserError(f"{path}: files must tell of {file}; {again}")
    for file, entry in content["files"].items():
        if not isinstance(entry, Mapping) or not {"rows", "bytes", "sha256"} <= entry.keys():
            raise UserError(f"{path}: entry of {file} must have rows, bytes and sha256; {again}")
    rows_of_items = content["files"][f"{dataset}.item"]["rows"]
    if not isinstance(rows_of_items, int) or rows_of_items < 1:
        raise UserError(f"{path}: rows of {dataset}.item must be a whole number of at least 1; {again}")
    return Manifest(**{name: content[name] for name in fields})


def check_files(folder: Path, manifest: Manifest) -> None:
    """Compare the files of a folder with their manifest.

    Raises:
        UserError: a file is missing or differs.
    """
    for name, entry in manifest.files.items():
        file = folder / name
        if not file.is_file():
            raise UserError(f"{file}: missing, though the manifest lists it; prepare the dataset again")
        if file.stat().st_size != entry["bytes"] or sha256_of(file) != entry["sha256"]:
            raise UserError(
                f"{file}: differs from the manifest: damaged, edited, or prepared by other rules since that was read; "
                "prepare the dataset again"
            )
