"""From a raw source to atomic files and their manifest: the steps in order."""

import re
from pathlib import Path

import numpy as np

from recbole_tagnnpp.data.atomic_files import write_sequences, write_vocabulary
from recbole_tagnnpp.data.manifest import MANIFEST_VERSION, Manifest, manifest_path
from recbole_tagnnpp.data.protocol import hold_out_validation
from recbole_tagnnpp.data.rules import PreparationRules
from recbole_tagnnpp.data.sources import srgnn_processed
from recbole_tagnnpp.data.sources.detection import read_source
from recbole_tagnnpp.data.statistics import describe
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.files import atomic_folder, sha256_of

DATASET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def prepare(dataset: str, source: Path, output: Path, rules: PreparationRules, show_progress: bool = True) -> Manifest:
    """Write ``<dataset>.{train,valid,test}.inter``, ``.item`` and ``.manifest.json`` into ``output/dataset``.

    The files are made in a temporary folder and moved when all of them are whole.

    Args:
        dataset: name.
        source: raw file, or folder that holds it.
        output: folder of datasets.
        rules: filters, split, validation.
        show_progress: progress bar.

    Raises:
        UserError: the source is missing or malformed, or the rules leave nothing of it.
    """
    if not DATASET_NAME.fullmatch(dataset):
        raise UserError(f"dataset={dataset!r}: allowed are letters, digits, '_', '-' and '.'")
    split = read_source(source, dataset, rules, show_progress)
    training, validation = hold_out_validation(split.training, rules)
    parts = {"train": training, "valid": validation, "test": split.test}
    n_items = len(np.unique(split.training.items))
    with atomic_folder(output / dataset) as folder:
        rows: dict[str, int] = {}
        for name, sessions in parts.items():
            file = f"{dataset}.{name}.inter"
            rows[file] = write_sequences(folder / file, sessions, split.item_tokens, rules.max_prefix_length)
        rows[f"{dataset}.item"] = write_vocabulary(folder / f"{dataset}.item", list(parts.values()), split.item_tokens)
        counts = {
            **split.counts,
            **{f"{name}_sessions": len(sessions) for name, sessions in parts.items()},
            **{f"{name}_sequences": sessions.n_sequences for name, sessions in parts.items()},
            "training_items": n_items,
            "items_only_in_test": rows[f"{dataset}.item"] - n_items,
        }
        manifest = Manifest(
            manifest_version=MANIFEST_VERSION,
            dataset=dataset,
            source=source.name,
            source_sha256={file.name: sha256_of(file) for file in _source_files(source, dataset)},
            rules=rules.to_mapping(),
            counts=counts,
            statistics=describe(split.training, split.test, n_items),
            files={
                name: {
                    "rows": count,
                    "bytes": (folder / name).stat().st_size,
                    "sha256": sha256_of(folder / name),
                }
                for name, count in rows.items()
            },
        )
        manifest_path(folder, dataset).write_text(manifest.to_json(), encoding="utf-8")
    return manifest


def _source_files(source: Path, dataset: str) -> list[Path]:
    if source.is_file() and source.name in (srgnn_processed.TRAINING_FILE, srgnn_processed.TEST_FILE):
        source = source.parent
    if source.is_file():
        return [source]
    ours = {f"{dataset}.{part}" for part in ("train.inter", "valid.inter", "test.inter", "item", "manifest.json")}
    return sorted(file for file in source.iterdir() if file.is_file() and file.name not in ours)
