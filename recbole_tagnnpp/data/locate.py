"""Finding a prepared dataset, or preparing it from a raw source beside it."""

import difflib
from logging import getLogger
from pathlib import Path

from recbole_tagnnpp.data.demo_sessions import write_demo_log
from recbole_tagnnpp.data.manifest import Manifest, check_files, load_manifest, manifest_path
from recbole_tagnnpp.data.prepare import prepare
from recbole_tagnnpp.data.rules import PreparationRules, complete, no_rules
from recbole_tagnnpp.data.sources import recbole_benchmark
from recbole_tagnnpp.data.sources.detection import detect_format, files_of, find_source, sources_beside
from recbole_tagnnpp.data.statistics import table_three
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.files import sha256_of
from recbole_tagnnpp.terminal import PlainConsole

WHERE_FROM = {
    "diginetica": "train-item-views.csv (CIKM Cup 2016, Diginetica), or SR-GNN's all_train_seq.txt and test.txt, or "
    "RecBole's diginetica-session download as the folder diginetica-session beside it",
    "yoochoose1_64": "yoochoose-clicks.dat (RecSys Challenge 2015), or SR-GNN's all_train_seq.txt and test.txt",
    "yoochoose1_4": "yoochoose-clicks.dat (RecSys Challenge 2015), or SR-GNN's all_train_seq.txt and test.txt",
}


def ensure_prepared(dataset: str, data_path: Path, rules: PreparationRules | None, show_progress: bool = True) -> Manifest:
    """Make sure that ``data_path/dataset`` holds whole prepared files, made by these rules from the source beside them.

    Args:
        dataset: name.
        data_path: folder of datasets.
        rules: how to prepare; ``None`` takes prepared files as they are.
        show_progress: progress bar, and Table III after preparing.

    Raises:
        UserError: nothing is there to prepare from, the files are damaged, or they were made by other rules and the
            source is gone.
    """
    folder = data_path / dataset
    if dataset == "demo" and not (folder / "demo.inter").is_file():
        write_demo_log(folder / "demo.inter")
    source = find_source(folder, dataset) or _recbole_download(data_path, dataset)
    if manifest_path(folder, dataset).is_file():
        manifest = load_manifest(manifest_path(folder, dataset))
        if rules is None or complete(manifest.rules) == rules.to_mapping():
            if rules is None or source is None or not _source_changed(source, folder, manifest):
                check_files(folder, manifest)
                if rules is not None and source is not None and not _has_its_names(source, manifest):
                    getLogger().warning(
                        f"{source}: not what {folder} was prepared from, which was {manifest.source}, and not read; "
                        f"`prepare --dataset={dataset} --source={source}` does"
                    )
                return manifest
            getLogger().info(f"{source}: changed since it was prepared; preparing again")
        elif source is None:
            raise UserError(_other_rules(manifest, rules, folder))
        elif _is_another_source(source, folder, manifest):
            raise UserError(
                f"{_other_rules(manifest, rules, folder)}, as {source} is not the {manifest.source} that it was prepared "
                "from; prepare it from the right one: python -m recbole_tagnnpp prepare --source=PATH "
                f"--dataset={dataset} --output={data_path}"
            )
        else:
            getLogger().info(f"{folder}: prepared by other rules; preparing again")
    if source is None:
        raise UserError(_nothing_there(dataset, folder))
    if rules is None:
        raise UserError(no_rules(dataset))
    for other in sources_beside(source, folder, dataset):
        getLogger().warning(f"{other}: not read, as {source.name} is there, too")
    manifest = prepare(dataset, source, data_path, rules, show_progress)
    if show_progress:
        PlainConsole(stderr=True).print(table_three(manifest))
    return manifest


def _recbole_download(data_path: Path, dataset: str) -> Path | None:
    folder = data_path / f"{dataset}-session"
    return folder if recbole_benchmark.matches(folder) else None


def _source_changed(source: Path, folder: Path, manifest: Manifest) -> bool:
    """Whether the files that were prepared have other content now; only files touched since then are read again."""
    return _has_its_names(source, manifest) and _differs(source, folder, manifest, touched=True)


def _is_another_source(source: Path, folder: Path, manifest: Manifest) -> bool:
    """Whether the files were prepared from a source elsewhere, which this one would silently take the place of."""
    return not _has_its_names(source, manifest) or _differs(source, folder, manifest, touched=False)


def _files_of(source: Path) -> list[Path]:
    return [source] if source.is_file() else files_of(detect_format(source), source)


def _has_its_names(source: Path, manifest: Manifest) -> bool:
    """Whether a source has the files that were prepared, by name; else that was a source elsewhere."""
    return {file.name for file in _files_of(source)} == manifest.source_sha256.keys()


def _differs(source: Path, folder: Path, manifest: Manifest, touched: bool) -> bool:
    """Whether a file that was, or was not, touched since the preparation has other content than the prepared one."""
    prepared_at = manifest_path(folder, manifest.dataset).stat().st_mtime
    return any(
        sha256_of(file) != manifest.source_sha256[file.name]
        for file in _files_of(source)
        if (max(file.stat().st_mtime, file.stat().st_ctime) > prepared_at) == touched
    )


def _other_rules(manifest: Manifest, rules: PreparationRules, folder: Path) -> str:
    made_by, wanted = complete(manifest.rules), rules.to_mapping()
    unknown = [key for key in made_by if key not in wanted]
    if unknown:
        return (
            f"{folder}: prepared by a rule that this version does not know ({unknown[0]}={made_by[unknown[0]]!r}), and no "
            "raw source is there to prepare it again"
        )
    key = next(key for key in wanted if made_by[key] != wanted[key])
    return (
        f"{folder}: prepared with {key}={made_by[key]!r}, the configuration says {wanted[key]!r}, and no raw "
        "source is there to prepare it again"
    )


def _nothing_there(dataset: str, folder: Path) -> str:
    source = WHERE_FROM.get(dataset, f"{dataset}.csv with columns session_id, item_id and timestamp, or {dataset}.inter")
    own = [entry.name for entry in folder.parent.iterdir() if entry.is_dir()] if folder.parent.is_dir() else []
    near = difflib.get_close_matches(dataset, {*WHERE_FROM, "demo", *own} - {dataset}, n=1, cutoff=0.7)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return (
        f"dataset={dataset}: nothing to train on in {folder}{hint}; put there {source}; or prepare a source elsewhere: "
        f"python -m recbole_tagnnpp prepare --dataset={dataset} --source=PATH --output={folder.parent}"
    )
