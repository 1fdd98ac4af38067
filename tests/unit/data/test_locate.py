"""Finding prepared data, preparing by itself, and refusing what is damaged."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from recbole_tagnnpp.data.locate import ensure_prepared
from recbole_tagnnpp.data.prepare import prepare
from recbole_tagnnpp.data.rules import PreparationRules
from recbole_tagnnpp.errors import UserError
from tests.integration.tiny_dataset import write_tiny_log

RULES = PreparationRules(source_format="recbole_inter", min_item_count=2, test_days=2)


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    write_tiny_log(tmp_path, n_sessions=90)
    ensure_prepared("tiny", tmp_path, RULES, show_progress=False)
    return tmp_path


def test_prepares_once_and_again_when_the_rules_change(prepared: Path) -> None:
    file = prepared / "tiny" / "tiny.train.inter"
    before = file.stat().st_mtime_ns
    manifest = ensure_prepared("tiny", prepared, RULES, show_progress=False)
    assert file.stat().st_mtime_ns == before
    other = PreparationRules(source_format="recbole_inter", min_item_count=3, test_days=2)
    changed = ensure_prepared("tiny", prepared, other, show_progress=False)
    assert changed.rules["min_item_count"] == 3
    assert changed.checksum != manifest.checksum or changed.files == manifest.files
    assert file.stat().st_mtime_ns != before


def test_a_manifest_from_before_a_rule_means_its_default(prepared: Path) -> None:
    folder = prepared / "tiny"
    (folder / "tiny.inter").unlink()  # preparing again would need it
    content = json.loads((folder / "tiny.manifest.json").read_text())
    assert content["rules"].pop("time_unit") == "seconds"
    (folder / "tiny.manifest.json").write_text(json.dumps(content))
    assert ensure_prepared("tiny", prepared, RULES, show_progress=False).rules == content["rules"]
    with pytest.raises(UserError, match="prepared with time_unit='seconds', the configuration says 'nanoseconds'"):
        ensure_prepared("tiny", prepared, replace(RULES, time_unit="nanoseconds"), show_progress=False)


def test_a_rule_of_a_newer_version_is_named(prepared: Path) -> None:
    folder = prepared / "tiny"
    (folder / "tiny.inter").unlink()
    content = json.loads((folder / "tiny.manifest.json").read_text())
    content["rules"]["new_rule"] = 5
    (folder / "tiny.manifest.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"by a rule that this version does not know \(new_rule=5\), and no raw source"):
        ensure_prepared("tiny", prepared, RULES, show_progress=False)


def test_prepares_again_when_the_source_changes(prepared: Path) -> None:
    source, file = prepared / "tiny" / "tiny.inter", prepared / "tiny" / "tiny.train.inter"
    before = file.stat().st_mtime_ns
    source.touch()
    ensure_prepared("tiny", prepared, RULES, show_progress=False)
    assert file.stat().st_mtime_ns == before
    lines = source.read_text().splitlines(keepends=True)
    source.write_text("".join(lines[:-40]))
    changed = ensure_prepared("tiny", prepared, RULES, show_progress=False)
    assert changed.counts["raw_clicks"] == len(lines) - 41
    (prepared / "tiny" / "yoochoose-clicks.dat").write_text("another source, that nothing was prepared from")
    assert ensure_prepared("tiny", prepared, RULES, show_progress=False) == changed


def test_a_source_that_was_moved_here_with_its_old_date_is_read_again(prepared: Path, tmp_path: Path) -> None:
    source = prepared / "tiny" / "tiny.inter"
    before = ensure_prepared("tiny", prepared, RULES, show_progress=False)
    other = tmp_path / "other.inter"
    other.write_text("".join(source.read_text().splitlines(keepends=True)[:-40]))
    os.utime(other, (1_700_000_000, 1_700_000_000))
    other.replace(source)
    after = ensure_prepared("tiny", prepared, RULES, show_progress=False)
    assert after.counts["raw_clicks"] == before.counts["raw_clicks"] - 40


def test_another_source_does_not_take_the_place_of_the_one_elsewhere(prepared: Path, tmp_path: Path) -> None:
    write_tiny_log(tmp_path / "elsewhere", n_sessions=70)
    source = tmp_path / "elsewhere" / "tiny" / "tiny.inter"
    prepare("tiny", source, prepared, RULES, show_progress=False)
    assert ensure_prepared("tiny", prepared, RULES, show_progress=False).counts["raw_sessions"] == 70
    other = PreparationRules(source_format="recbole_inter", min_item_count=3, test_days=2)
    with pytest.raises(
        UserError, match=r"tiny\.inter is not the tiny\.inter that it was prepared from; prepare it from the right"
    ):
        ensure_prepared("tiny", prepared, other, show_progress=False)
    source.rename(source.with_name("new.inter"))
    prepare("tiny", source.with_name("new.inter"), prepared, RULES, show_progress=False)
    with pytest.raises(UserError, match=r"tiny\.inter is not the new\.inter that it was prepared from"):
        ensure_prepared("tiny", prepared, other, show_progress=False)


def test_a_log_in_another_form_is_told_of_and_not_read(prepared: Path, caplog: pytest.LogCaptureFixture) -> None:
    manifest = ensure_prepared("tiny", prepared, RULES, show_progress=False)
    assert not caplog.records
    (prepared / "tiny" / "tiny.inter").rename(prepared / "tiny" / "tiny.csv")
    assert ensure_prepared("tiny", prepared, RULES, show_progress=False) == manifest
    (record,) = caplog.records
    assert "tiny.csv: not what" in record.getMessage()
    assert "was prepared from, which was tiny.inter, and not read; `prepare --dataset=tiny --source=" in record.getMessage()


def test_a_misspelt_name_of_an_own_dataset_gets_a_hint(prepared: Path) -> None:
    with pytest.raises(UserError, match=r"tinny: nothing to train on .* \(did you mean tiny\?\)"):
        ensure_prepared("tinny", prepared, RULES, show_progress=False)


def test_prepared_files_serve_without_source_and_rules(prepared: Path) -> None:
    (prepared / "tiny" / "tiny.inter").unlink()
    assert ensure_prepared("tiny", prepared, RULES, show_progress=False) == ensure_prepared("tiny", prepared, None)
    with pytest.raises(UserError, match="prepared with test_days=2, the configuration says 7, and no raw source"):
        ensure_prepared("tiny", prepared, PreparationRules(source_format="recbole_inter", min_item_count=2), False)


def edit_manifest(folder: Path, without: str | None = None, rows: object = None, **changes: object) -> None:
    file = folder / "tiny.manifest.json"
    content = json.loads(file.read_text())
    content["files"].pop(without, None)
    if rows is not None:
        content["files"]["tiny.item"]["rows"] = rows
    file.write_text(json.dumps({**content, **changes}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "tiny.train.inter").unlink(), r"tiny\.train\.inter: missing"),
        (
            lambda f: (f / "tiny.item").write_text("item_id:token\nx\n"),
            r"tiny\.item: differs from the manifest: damaged, edited",
        ),
        (lambda f: (f / "tiny.manifest.json").write_text("{"), "not a readable manifest"),
        (lambda f: (f / "tiny.manifest.json").write_text("[" * 100_000), "not a readable manifest"),
        (lambda f: (f / "tiny.manifest.json").write_text("1" * 5_000), "not a readable manifest"),
        (lambda f: (f / "tiny.manifest.json").write_text("[1]"), "not a manifest of version 1"),
        (lambda f: (f / "tiny.manifest.json").write_text('{"manifest_version": 1}'), "dataset must be a str"),
        (lambda f: edit_manifest(f, dataset="tony"), r"tiny\.manifest\.json: is the manifest of 'tony'; prepare"),
        (lambda f: edit_manifest(f, rows="many"), r"json: rows of tiny\.item must be a whole number of at least 1; prep"),
        (lambda f: edit_manifest(f, rows=-5), r"json: rows of tiny\.item must be a whole number of at least 1; prepare"),
        (lambda f: edit_manifest(f, files={}), r"tiny\.manifest\.json: files must tell of tiny\.train\.inter; prepare"),
        (lambda f: edit_manifest(f, without="tiny.test.inter"), r"json: files must tell of tiny\.test\.inter; prepare"),
        (lambda f: edit_manifest(f, without="tiny.item"), r"json: files must tell of tiny\.item; prepare"),
    ],
)
def test_damaged_files(prepared: Path, damage: object, message: str) -> None:
    damage(prepared / "tiny")  # type: ignore[operator]
    with pytest.raises(UserError, match=message):
        ensure_prepared("tiny", prepared, RULES, show_progress=False)


def test_same_size_edit_is_noticed(prepared: Path) -> None:
    file = prepared / "tiny" / "tiny.test.inter"
    file.write_text(file.read_text().replace("i1\n", "i2\n", 1))
    with pytest.raises(UserError, match=r"tiny\.test\.inter: differs from the manifest: damaged, edited"):
        ensure_prepared("tiny", prepared, RULES, show_progress=False)


def test_nothing_there_says_what_to_put_where(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"put there train-item-views\.csv .* prepare --dataset=diginetica --source=PATH"):
        ensure_prepared("diginetica", tmp_path, PreparationRules(), show_progress=False)
    with pytest.raises(
        UserError, match=r"nothing to train on in .* \(did you mean diginetica\?\); put there diginetca\.csv"
    ):
        ensure_prepared("diginetca", tmp_path, None, show_progress=False)
    write_tiny_log(tmp_path)
    with pytest.raises(UserError, match=r"no rules to prepare it by; give some, as --preparation=.*example\.yaml"):
        ensure_prepared("tiny", tmp_path, None, show_progress=False)


DOWNLOAD_HEADER = "session_id:token\titem_id_list:token_seq\titem_id:token\n"


def write_download(folder: Path, **splits: str) -> None:
    folder.mkdir()
    for split, rows in splits.items():
        (folder / f"{folder.name}.{split}.inter").write_text(DOWNLOAD_HEADER + rows)


def test_recbole_download_is_converted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train = "1\ta b\tc\n2\ta\tb\n3\tb\tc\n4\tc\ta\n"
    write_download(tmp_path / "diginetica-session", train=train, valid="5\tb\ta\n", test="6\tc a\tb\n")
    rules = PreparationRules(validation_fraction=0.5)
    manifest = ensure_prepared("diginetica", tmp_path, rules, show_progress=False)
    assert "first click" not in caplog.text
    assert manifest.counts["train_sequences"] == 3
    assert manifest.counts["valid_sequences"] == 2
    assert (tmp_path / "diginetica" / "diginetica.test.inter").read_text() == DOWNLOAD_HEADER + "2-0\tc a\tb\n"


def test_a_recbole_download_of_sessions_that_are_torn_apart(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train, valid = "1\ta b\tc\n2\tb\tc\n3\tc\ta\n", "1\ta b c\ta\n4\tb\ta\n"
    write_download(tmp_path / "torn-session", train=train, valid=valid, test="6\tc a\tb\n")
    ensure_prepared("torn", tmp_path, PreparationRules(validation_fraction=0.5), show_progress=False)
    *_, record = caplog.records
    assert "torn-session: 2 of 5 training sessions lack the sequence of their first click" in record.getMessage()
