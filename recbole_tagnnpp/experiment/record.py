"""Run records: everything that is needed to believe, compare and repeat a result.

Metrics in records and tables are percent, in RecBole's names (``hit@20``, ``mrr@20``).
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recbole_tagnnpp.config.same_experiment import settings_that_count
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.files import atomic_write, read_json

RECORD_VERSION = 1


def percent(result: dict[str, float] | None) -> dict[str, float] | None:
    """RecBole's fractions as percent, at the four decimals that their rounding supports."""
    return None if result is None else {name: round(100 * value, 4) for name, value in result.items()}


def run_digest(config: dict[str, Any], data_checksum: str) -> str:
    """Eight hexadecimal digits that two runs share if and only if configuration and data are the same."""
    relevant = settings_that_count(config)
    if config.get("nproc", 1) > 1:
        relevant["nproc"] = config["nproc"]
    text = json.dumps([relevant, data_checksum], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def run_name(config: dict[str, Any], digest: str) -> str:
    """Name of a run's folder and record, the same for the same configuration and data."""
    parts = [config["model"], config.get("preset") or "default", f"seed{config['seed']}"]
    if config["refit"]:
        parts.append("refit")
    return "-".join([*parts, digest])


def read_json_record(path: Path) -> dict[str, Any]:
    """Read a record that a run of this version has written.

    Raises:
        UserError: not JSON, or not such a record.
    """
    try:
        content = read_json(path)
    except (OSError, ValueError) as problem:
        raise UserError(f"{path}: not a readable run record ({problem})") from problem
    if not isinstance(content, dict):
        raise UserError(f"{path}: a run record is a JSON object, found {type(content).__name__}")
    if content.get("record_version") != RECORD_VERSION:
        found = repr(content["record_version"])[:80] if "record_version" in content else "nothing"
        raise UserError(f"{path}: record_version must be {RECORD_VERSION}, found {found}")
    return content


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record as JSON, atomically."""
    with atomic_write(path) as handle:
        json.dump(record, handle, indent=1, ensure_ascii=False)
        handle.write("\n")
