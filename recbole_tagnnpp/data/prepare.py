"""From a raw source to atomic files and their manifest: the steps in order."""

from logging import getLogger
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from filelock import FileLock

from recbole_tagnnpp.data.atomic_files import write_sequences, write_vocabulary
from recbole_tagnnpp.data.manifest import MANIFEST_VERSION, Manifest, manifest_path
from recbole_tagnnpp.data.protocol import hold_out_validation
from recbole_tagnnpp.data.rules import PreparationRules
from recbole_tagnnpp.data.sessions import SplitSessions
from recbole_tagnnpp.data.sources.detection import CLICK_TABLES, SPLIT_ALREADY, files_of, read_source, resolve_source
from recbole_tagnnpp.data.statistics import PUBLISHED, describe
from recbole_tagnnpp.dataset_names import check_dataset_name
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.files import atomic_folder, sha256_of


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
        UserError: the source is missing or malformed, the rules leave nothing of it, or the output cannot be written.
    """
    check_dataset_name(dataset)
    kind, source = resolve_source(source, dataset, rules.source_format)
    if kind in SPLIT_ALREADY:
        getLogger().warning(
            f"{source}: filtered and split already; min_item_count, min_session_length, test_days and train_fraction "
            "change nothing here"
        )
    if kind == "click_csv" and dataset in PUBLISHED:
        getLogger().warning(
            f"{source}: not the log that {dataset} is the name of, beside whose published figures tables would show it; "
            "another --dataset=NAME tells it apart"
        )
    split = read_source(kind, source, rules, show_progress)
    _check_tokens(split.item_tokens, kind, source, rules)
    try:
        return _write(dataset, split, rules, source, files_of(kind, source), output / dataset)
    except OSError as problem:
        raise UserError(f"{output / dataset}: cannot be written: {problem.strerror or problem}") from problem


def _write(
    dataset: str, split: SplitSessions, rules: PreparationRules, source: Path, source_files: list[Path], destination: Path
) -> Manifest:
    training, validation = hold_out_validation(split.training, rules)
    parts = {"train": training, "valid": validation, "test": split.test}
    targets = split.test.items[split.test.is_target]
    n_items = len(np.unique(split.training.items))
    destination.mkdir(parents=True, exist_ok=True)
    with (
        FileLock(destination / ".lock"),
        atomic_folder(destination, last=manifest_path(destination, dataset).name) as folder,
    ):
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
            "test_targets_not_in_training": int(np.isin(targets, split.training.items, invert=True).sum()),
        }
        manifest = Manifest(
            manifest_version=MANIFEST_VERSION,
            dataset=dataset,
            source=source.absolute().name,  # also where it was given as "."
            source_sha256={file.name: sha256_of(file) for file in source_files},
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


def _check_tokens(item_tokens: pa.Array, kind: str, source: Path, rules: PreparationRules) -> None:
    wrong = pc.index(pc.or_(pc.equal(item_tokens, ""), pc.match_substring(item_tokens, " ")), True).as_py()
    if wrong >= 0:
        item = item_tokens[wrong].as_py()
        line = f":{CLICK_TABLES[kind](source, rules).line_of_item(item)}" if kind in CLICK_TABLES else ""
        raise UserError(
            f"{source}{line}: item {item!r}: item tokens must not be empty or contain spaces, which "
            "separate the items of a prefix"
        )
