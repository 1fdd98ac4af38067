"""Whole runs through the one run path: ours and RecBole's models, records, refit, resume, locks."""

import errno
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock
from rich.console import Console

from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.data.session_dataset import SessionDataset
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.result_table import print_result
from recbole_tagnnpp.experiment.run import prepare_data, run
from recbole_tagnnpp.experiment.run_place import RunPlace
from recbole_tagnnpp.experiment.target_ranks import read_facts, read_ranks
from recbole_tagnnpp.files import sha256_of
from recbole_tagnnpp.recommendation import Recommender
from recbole_tagnnpp.training.trainer import SessionTrainer
from tests.integration.tiny_dataset import settings, write_tiny_log


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    write_tiny_log(folder / "dataset")
    return folder


def run_tiny(root: Path, model: str = "TAGNNPP", **changes: Any) -> dict[str, Any]:
    return run(SessionConfig(model, "tiny", [root / "dataset" / "tiny.yaml"], settings(root, model, **changes)))


@pytest.mark.parametrize("model", ["TAGNNPP", "SRGNN", "GCSAN", "NARM", "GRU4Rec", "RepeatNet", "SASRec"])
def test_every_model_runs_through_the_same_path(root: Path, model: str) -> None:
    record = run_tiny(root, model, epochs=2, MAX_ITEM_LIST_LENGTH=9, seed=11)
    (file,) = (root / "results" / "tiny").glob(f"{model}-*-seed11-*.json")
    assert json.loads(file.read_text()) == json.loads(json.dumps(record))
    assert record["model"] == model
    assert record["dataset"] == "tiny"
    assert record["preset"] == ("recommended" if model == "TAGNNPP" else None)
    assert record["refit"] is False
    assert [epoch["epoch"] for epoch in record["epochs"]] == [0, 1]
    metrics = {f"{metric}@{k}" for metric in ("hit", "mrr") for k in (5, 10, 20)}
    for result in (record["valid_result"], record["test_result"]):
        assert result.keys() == metrics
        assert 0 <= result["mrr@20"] <= result["hit@5"] <= result["hit@20"] <= 100
    assert record["valid_result"]["hit@20"] > 1  # percent, not a fraction
    assert record["valid_result"] == record["epochs"][record["best_epoch"]]["valid_result"]
    assert record["config"]["MAX_ITEM_LIST_LENGTH"] == 9
    assert record["data"]["items"] == 37
    assert len(record["data"]["checksum"]) == 64
    assert record["versions"]["torch"].startswith("2.")
    assert record["machine"]["torch_threads"] == 1
    assert record["peak_memory_megabytes"]["process"] > 10


def test_same_seed_same_result_and_another_seed_another(root: Path) -> None:
    first, second, other = (run_tiny(root, epochs=2, seed=seed, resume=False) for seed in (21, 21, 22))
    assert first["test_result"] == second["test_result"]
    assert [e["train_loss"] for e in first["epochs"]] == [e["train_loss"] for e in second["epochs"]]
    assert first["epochs"][0]["train_loss"] != other["epochs"][0]["train_loss"]


def test_refit_trains_on_validation_sequences_for_the_chosen_epochs(root: Path) -> None:
    record = run_tiny(root, epochs=4, refit=True, seed=31)
    assert record["refit"] is True
    assert len(record["refit_epochs"]) == record["best_epoch"] + 1
    assert all("valid_result" not in epoch or epoch["valid_result"] is None for epoch in record["refit_epochs"])
    plain = run_tiny(root, epochs=4, refit=False, seed=31)
    assert record["valid_result"] == plain["valid_result"]
    assert record["test_result"] != plain["test_result"]


@pytest.mark.parametrize("model", ["TAGNNPP", "STAN"])
def test_refit_all_keeps_a_model_that_knows_the_test_and_tests_another(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    def run_in(place: str, refit: bool | str) -> tuple[dict[str, Any], list[bytes]]:
        if not (tmp_path / place).exists():
            shutil.copytree(root / "dataset", tmp_path / place / "dataset")
        record = run_tiny(tmp_path / place, model, epochs=3, refit=refit, seed=33)
        (folder,) = (tmp_path / place / "saved" / "tiny").iterdir()
        assert {file.name for file in folder.iterdir()} - {"lock"} == {"model.pth"}
        weights = torch.load(folder / "model.pth", weights_only=True)["state_dict"]
        return record, [weights[name].numpy().tobytes() for name in sorted(weights)]

    learnt: list[int] = []
    fit = SessionTrainer.fit

    def counted(trainer: SessionTrainer, train_data: Any, *arguments: Any, **options: Any) -> Any:
        learnt.append(len(train_data.sequences))
        if len(learnt) == 6:
            raise KeyboardInterrupt
        return fit(trainer, train_data, *arguments, **options)

    tested, weights_of_tested = run_in("tested", refit=True)
    monkeypatch.setattr(SessionTrainer, "fit", counted)
    record, weights = run_in("calm", refit="all")
    training, validation, test = (record["data"][f"{part}_sequences"] for part in ("training", "validation", "test"))
    assert learnt == [training, training + validation, training + validation + test]
    for key in ("best_epoch", "valid_result", "test_result", "refit"):
        assert record[key] == tested[key]
    assert weights != weights_of_tested
    with pytest.raises(KeyboardInterrupt):
        run_in("stormy", refit="all")
    assert run_in("stormy", refit="all")[0]["test_result"] == tested["test_result"]
    assert run_in("stormy", refit="all")[1] == weights


def test_tested_weights_are_kept_and_resumable_files_are_gone(root: Path) -> None:
    run_tiny(root, epochs=1, seed=41)
    (folder,) = (root / "saved" / "tiny").glob("TAGNNPP-*-seed41-*")
    assert {file.name for file in folder.iterdir()} - {"lock"} == {"model.pth"}
    checkpoint = torch.load(folder / "model.pth", weights_only=True)
    assert len(checkpoint["item_tokens"]) == 37
    assert checkpoint["config"]["seed"] == 41


def test_ranks_beside_a_record_are_those_of_the_test_file_line_by_line(root: Path) -> None:
    record = run_tiny(root, epochs=2, seed=43, refit=True)
    (file,) = (root / "results" / "tiny").glob("TAGNNPP-*-seed43-*.json")
    (model,) = (root / "saved" / "tiny").glob("TAGNNPP-*-seed43-*/model.pth")

    def lines(part: str) -> list[list[str]]:
        text = (root / "dataset" / "tiny" / f"tiny.{part}.inter").read_text().splitlines()
        fields = [field.partition(":")[0] for field in text[0].split("\t")]
        places = [fields.index(name) for name in ("session_id", "item_id_list", "item_id")]
        return [[line.split("\t")[place] for place in places] for line in text[1:]]

    test, known = lines("test"), [target for part in ("train", "valid") for *_, target in lines(part)]
    recommended = Recommender.load(model, use_gpu=False).recommend([prefix.split() for _, prefix, _ in test], topk=20)
    expected = []
    for (_, _, target), found in zip(test, recommended, strict=True):
        names = [recommendation.item for recommendation in found]
        expected.append(names.index(target) + 1 if target in names else 0)
    ranks, facts = read_ranks(file), read_facts(file, record["data"]["checksum"])
    assert ranks is not None
    assert facts is not None
    assert ranks.tolist() == expected
    assert record["test_result"]["hit@20"] == pytest.approx(100 * sum(rank > 0 for rank in expected) / len(expected))
    assert facts.prefix_length.tolist() == [len(prefix.split()) for _, prefix, _ in test]
    assert facts.target_count.tolist() == [known.count(target) for *_, target in test]
    of_session = dict(zip((session for session, *_ in test), facts.session.tolist(), strict=True))
    assert facts.session.tolist() == [of_session[session] for session, *_ in test]
    assert len(set(of_session.values())) == len(of_session)


def test_the_test_file_is_read_once_and_after_training(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moments: list[str] = []
    read = SessionDataset.test_sequences

    def noted(dataset: SessionDataset) -> Any:
        moments.append("test file opened")
        return read(dataset)

    monkeypatch.setattr(SessionDataset, "test_sequences", noted)

    train = SessionTrainer._train_epoch

    def noted_epoch(trainer: SessionTrainer, *arguments: Any, **options: Any) -> float:
        moments.append("epoch")
        return train(trainer, *arguments, **options)

    monkeypatch.setattr(SessionTrainer, "_train_epoch", noted_epoch)
    record = run_tiny(root, epochs=3, refit=True, seed=51)
    assert moments == ["epoch"] * (3 + record["best_epoch"] + 1) + ["test file opened"]


@pytest.mark.parametrize("model", ["TAGNNPP", "STAN"])
def test_training_and_selection_are_the_same_whatever_the_test_file_says(root: Path, tmp_path: Path, model: str) -> None:
    def outcome(place: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, torch.Tensor]]:
        record = run_tiny(place, model, epochs=3, refit=True, seed=55)
        (file,) = (place / "saved" / "tiny").glob(f"{model}-*-seed55-*/model.pth")
        selected = {key: record[key] for key in ("best_epoch", "valid_result")}
        selected["losses"] = [epoch["train_loss"] for epoch in [*record["epochs"], *record["refit_epochs"]]]
        return selected, record["test_result"], torch.load(file, weights_only=True)["state_dict"]

    first = outcome(root)
    shutil.copytree(root / "dataset", tmp_path / "dataset")
    folder = tmp_path / "dataset" / "tiny"
    file, manifest = folder / "tiny.test.inter", folder / "tiny.manifest.json"
    header, *lines = file.read_text().splitlines()
    fields = [line.split("\t") for line in lines]
    targets = [field[-1] for field in fields]
    wrong = ["\t".join([*field[:-1], target]) for field, target in zip(fields, targets[1:] + targets[:1], strict=True)]
    file.write_text("\n".join([header, *wrong]) + "\n")
    content = json.loads(manifest.read_text())
    content["files"][file.name] |= {"bytes": file.stat().st_size, "sha256": sha256_of(file)}
    manifest.write_text(json.dumps(content))

    second = outcome(tmp_path)
    assert second[0] == first[0]
    assert second[1] != first[1]
    assert second[2].keys() == first[2].keys()
    assert all(torch.equal(second[2][name], first[2][name]) for name in first[2])


@pytest.mark.parametrize("model", ["TAGNNPP", "Pop"])
@pytest.mark.parametrize("step", ["write_facts", "write_ranks", "write_record"])
def test_a_kill_after_the_test_repeats_no_training_and_leaves_nothing_half_done(
    root: Path, tmp_path: Path, model: str, step: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calm = run_tiny(root, model, epochs=2, refit=True, seed=57)
    shutil.copytree(root / "dataset", tmp_path / "dataset")

    module = sys.modules[run.__module__]
    original = getattr(module, step)

    def then_killed(*arguments: object) -> None:
        original(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module, step, then_killed)
        run_tiny(tmp_path, model, epochs=2, refit=True, seed=57)
    monkeypatch.setattr(SessionTrainer, "_train_epoch", lambda *_, **__: pytest.fail("trained again"))
    with caplog.at_level("WARNING"):
        again = run_tiny(tmp_path, model, epochs=2, refit=True, seed=57)
    assert "will be replaced" not in caplog.text
    assert again["test_result"] == calm["test_result"]
    (folder,) = (tmp_path / "saved" / "tiny").glob("*")
    assert (folder / "model.pth").is_file()
    assert len(list((tmp_path / "results" / "tiny").glob("*.json"))) == 1


@pytest.mark.parametrize(
    ("refit", "is_selected", "interrupted"),
    [(False, False, 1), (True, False, 1), (True, False, 2), (True, True, 1), (True, True, 0), (True, False, 0)],
)
def test_a_record_says_whether_a_training_was_interrupted(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refit: bool, is_selected: bool, interrupted: int
) -> None:
    shutil.copytree(root / "dataset", tmp_path / "dataset")
    if is_selected:
        run_tiny(tmp_path, epochs=2)
    n_fits = 0
    fit = SessionTrainer.fit

    def stopped_behind_one(*arguments: Any, **options: Any) -> Any:
        nonlocal n_fits
        result = fit(*arguments, **options)
        n_fits += 1
        if n_fits == interrupted:
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(SessionTrainer, "fit", stopped_behind_one)
    if interrupted:
        with pytest.raises(KeyboardInterrupt):
            run_tiny(tmp_path, epochs=2, refit=refit)
    assert run_tiny(tmp_path, epochs=2, refit=refit)["resumed"] is (interrupted > 0)


def test_same_run_twice_at_once_is_refused(root: Path) -> None:
    run_tiny(root, epochs=1, seed=61)
    (folder,) = (root / "saved" / "tiny").glob("TAGNNPP-*-seed61-*")
    with FileLock(folder / "lock"), pytest.raises(UserError, match="another process is training this very run"):
        run_tiny(root, epochs=1, seed=61, resume=False)


def test_a_run_that_ended_while_this_one_waited_is_not_repeated(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = run_tiny(root, epochs=1, seed=29)
    answers = iter([False, True])  # before the lock, and under it
    monkeypatch.setattr(RunPlace, "is_finished", property(lambda _: next(answers)))
    monkeypatch.setattr(SessionTrainer, "fit", lambda *_, **__: pytest.fail("trained again"))
    assert run_tiny(root, epochs=1, seed=29) == record
    assert next(answers, None) is None


def test_damaged_checkpoint_of_an_interrupted_run_gives_one_line(root: Path) -> None:
    run_tiny(root, epochs=1, seed=71)
    (folder,) = (root / "saved" / "tiny").glob("TAGNNPP-*-seed71-*")
    (folder / "model.pth").unlink()
    (folder / "selection").mkdir()
    (folder / "selection" / "last.pth").write_bytes(b"half")
    with pytest.raises(UserError, match=r"selection/last\.pth: .*; without .*selection/last\.pth training begins anew$"):
        run_tiny(root, epochs=1, seed=71)
    assert run_tiny(root, epochs=1, seed=71, resume=False)["resumed"] is False


def test_result_table_shows_both_splits(root: Path) -> None:
    console = Console(record=True, width=100)
    print_result(run_tiny(root, epochs=1, seed=81), console)
    text = console.export_text()
    assert "TAGNNPP (recommended) on tiny, seed 81" in text
    assert "hit@20" in text and "test" in text and "validation, epoch 1" in text


def test_a_place_that_cannot_be_written_to_shows_before_training(root: Path) -> None:
    (root / "file").write_text("")
    before = sorted((root / "saved" / "tiny").glob("*"))
    with pytest.raises(UserError, match=r"results_path=.*file/tiny: files cannot be written there \(.*file is no folder"):
        run_tiny(root, epochs=1, seed=82, results_path=str(root / "file"))
    with pytest.raises(UserError, match=r"results_path=/proc/x/tiny: files cannot be written there \(No such"):
        run_tiny(root, epochs=1, seed=82, results_path="/proc/x")
    with pytest.raises(UserError, match=r"checkpoint_dir=/proc/x/tiny/TAGNN.*: files cannot be written there"):
        run_tiny(root, epochs=1, seed=82, checkpoint_dir="/proc/x")
    run_tiny(root, epochs=1, seed=82)
    (record,) = (root / "results" / "tiny").glob("*seed82-*.json")
    record.unlink()
    record.mkdir()
    with pytest.raises(UserError, match=rf"{record}: is a folder; allowed is the name of a file"):
        run_tiny(root, epochs=1, seed=82)
    record.rmdir()
    for file in (record.with_suffix(".ranks.npz"), next((root / "results" / "tiny").glob("test_sequences-*.npz"))):
        content = file.read_bytes()
        file.unlink()
        file.mkdir()
        record.write_text("of an earlier run")
        with pytest.raises(UserError, match=rf"{file}: is a folder; allowed is the name of a file"):
            run_tiny(root, epochs=1, seed=82, resume=False)
        assert record.read_text() == "of an earlier run"
        record.unlink()
        file.rmdir()
        file.write_bytes(content)
    assert not list((root / "saved" / "tiny").glob("*seed82-*/*/last.pth"))
    assert not list(root.rglob(".try-*"))
    assert len(sorted((root / "saved" / "tiny").glob("*"))) == len(before) + 1


def test_ablations_run(root: Path) -> None:
    full = run_tiny(root, epochs=1, seed=91)
    for switch in ({"use_gnn": False}, {"use_position_embedding": False}, {"use_transformer": False}, {"agc_lambda": None}):
        record = run_tiny(root, epochs=1, seed=91, **switch)
        assert record["epochs"][0]["train_loss"] != full["epochs"][0]["train_loss"]


def test_a_run_that_has_ended_is_shown_and_not_repeated(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = run_tiny(root, epochs=1, seed=101)
    (record,) = (root / "results" / "tiny").glob("*seed101-*.json")
    (weights,) = (root / "saved" / "tiny").glob("*seed101-*/model.pth")
    written = record.stat().st_mtime_ns
    with monkeypatch.context() as patch:
        patch.setattr(SessionDataset, "test_sequences", lambda _: pytest.fail("tested again"))
        capsys.readouterr()
        assert run_tiny(root, epochs=1, seed=101) == json.loads(json.dumps(first))
    assert "seed 101" in capsys.readouterr().out
    assert record.stat().st_mtime_ns == written
    assert run_tiny(root, epochs=1, seed=101, resume=False)["started"] >= first["started"]
    assert record.stat().st_mtime_ns > written
    weights.unlink()  # a record without a model comes from elsewhere
    with caplog.at_level("WARNING"):
        run_tiny(root, epochs=1, seed=101)
    assert f"{record}: a record of this very run, whose model is not under" in caplog.text
    assert weights.is_file()
    for content, message in (("{", "not a readable run record"), ('{"record_version": 1}', "metrics_in must be")):
        record.write_text(content)
        with pytest.raises(UserError, match=f"{message}.*; --resume=False trains and tests again"):
            run_tiny(root, epochs=1, seed=101)
    run_tiny(root, epochs=1, seed=101, resume=False)
    whole = weights.read_bytes()
    other = {"epochs": 1, "seed": 101, "learning_rate": 0.003}
    run_tiny(root, **other)
    (theirs,) = {*(root / "saved" / "tiny").glob("*seed101-*/model.pth")} - {weights}
    shutil.copyfile(theirs, weights)
    with pytest.raises(UserError, match=r"model\.pth: comes from a run with other settings: learning_rate=0\.003"):
        run_tiny(root, epochs=1, seed=101)
    weights.write_bytes(whole[:-3000])
    with pytest.raises(UserError, match=r"model\.pth: .*; --resume=False trains and tests again"):
        run_tiny(root, epochs=1, seed=101)


def test_a_full_disk_at_the_end_of_a_repetition_leaves_what_the_first_run_left(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_tiny(root, epochs=1, seed=103)
    (record,) = (root / "results" / "tiny").glob("*seed103-*.json")
    folder = root / "saved" / "tiny" / record.stem
    files = [record, record.with_suffix(".ranks.npz"), folder / "model.pth"]
    before = [file.read_bytes() for file in files]

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left on device") as caught:
        patch.setattr(shutil, "copyfileobj", fail)
        run_tiny(root, epochs=1, seed=103, resume=False, learning_rate=0.01, state="INFO")
    assert caught.value.filename == str((folder / "model.pth").resolve())
    assert [file.read_bytes() for file in files] == before


@pytest.mark.parametrize("step", ["write_ranks", "write_record"])
def test_a_repetition_that_is_killed_leaves_no_record_beside_other_ranks(
    root: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_tiny(root, epochs=1, seed=104)
    (record,) = (root / "results" / "tiny").glob("*seed104-*.json")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(sys.modules[run.__module__], step, killed)
        run_tiny(root, epochs=1, seed=104, resume=False)
    assert not record.is_file()
    monkeypatch.setattr(SessionTrainer, "_train_epoch", lambda *_, **__: pytest.fail("trained again"))
    run_tiny(root, epochs=1, seed=104)
    assert record.is_file()


def test_sessions_that_change_while_a_run_trains_are_not_tested_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = write_tiny_log(tmp_path / "dataset")
    config = SessionConfig("TAGNNPP", "tiny", [rules], settings(tmp_path, epochs=1))
    fit = SessionTrainer.fit

    def fit_while_others_prepare(trainer: SessionTrainer, *arguments: Any, **options: Any) -> Any:
        changed = SessionConfig("TAGNNPP", "tiny", [rules], {"preparation": {"test_days": 5}, **settings(tmp_path)})
        prepare_data(changed)
        return fit(trainer, *arguments, **options)

    monkeypatch.setattr(SessionTrainer, "fit", fit_while_others_prepare)
    with pytest.raises(
        UserError, match=r"tiny\..*: differs from the manifest: damaged, edited, or prepared by other rules"
    ):
        run(config)
    assert not list((tmp_path / "results").glob("*/*.json"))


def test_sessions_that_change_before_they_are_read_are_not_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = write_tiny_log(tmp_path / "dataset")
    read = SessionDataset._read

    def read_while_others_prepare(dataset: SessionDataset, split: str) -> Any:
        if split == "valid":
            changed = {"preparation": {"validation_fraction": 0.5}, **settings(tmp_path)}
            prepare_data(SessionConfig("TAGNNPP", "tiny", [rules], changed))
        return read(dataset, split)

    monkeypatch.setattr(SessionDataset, "_read", read_while_others_prepare)
    monkeypatch.setattr(SessionTrainer, "fit", lambda *_, **__: pytest.fail("trained"))
    with pytest.raises(UserError, match=r"differs from the manifest: .* prepared by other rules since that was read"):
        run(SessionConfig("TAGNNPP", "tiny", [rules], settings(tmp_path, epochs=1)))


def test_longer_prefixes_than_were_prepared_are_warned_of(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING"):
        run_tiny(root, "Pop", seed=111, MAX_ITEM_LIST_LENGTH=50)
        assert "MAX_ITEM_LIST_LENGTH" not in caplog.text
        run_tiny(root, "Pop", seed=111, MAX_ITEM_LIST_LENGTH=51)
    assert "MAX_ITEM_LIST_LENGTH=51: prefixes of tiny have at most 50 clicks; preparation={max_pre" in caplog.text


def test_a_precision_that_only_gpus_have_is_warned_of(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING"):
        run_tiny(root, epochs=1, seed=113, target_attention_precision="tf32")
    assert "target_attention_precision=tf32: only GPUs have it; products are float32 here" in caplog.text


@pytest.mark.parametrize("origin", ["first", "second", "dictionary"])
def test_a_rule_that_is_not_allowed_is_told_with_its_file(tmp_path: Path, origin: str) -> None:
    rules = write_tiny_log(tmp_path / "dataset")
    (tmp_path / "more.yaml").write_text(f"preparation: {{min_item_count: {0 if origin == 'second' else 2}}}\n")
    if origin == "first":
        rules.write_text(rules.read_text().replace("test_days: 2", "test_days: 0"))
    given = {"preparation": {"max_prefix_length": 0 if origin == "dictionary" else 9}}
    start, rule = {
        "first": (f"{rules}: ", "test_days"),
        "second": (f"{tmp_path / 'more.yaml'}: ", "min_item_count"),
        "dictionary": ("", "max_prefix_length"),
    }[origin]
    with pytest.raises(UserError, match=rf"^{start}preparation of dataset tiny: {rule}=0: allowed is a whole number"):
        run(SessionConfig("TAGNNPP", "tiny", [rules, tmp_path / "more.yaml"], {**settings(tmp_path), **given}))


def test_prefixes_are_as_long_as_the_manifest_says_where_the_configuration_has_no_rules(tmp_path: Path) -> None:
    rules = write_tiny_log(tmp_path / "dataset")
    longer = {"preparation": {"max_prefix_length": 70}, **settings(tmp_path)}
    prepare_data(SessionConfig("TAGNNPP", "tiny", [rules], longer))
    config = SessionConfig("TAGNNPP", "tiny", [], settings(tmp_path, MAX_ITEM_LIST_LENGTH=60))
    assert config["preparation"] is None
    prepare_data(config)
    assert SessionDataset(config).longest_prefix == 60
    assert SessionConfig(config_dict=config.to_plain_dict())["preparation"]["max_prefix_length"] == 70


def test_refit_learns_from_validation_sessions_in_every_way(root: Path) -> None:
    config = SessionConfig("DGTN", "tiny", [root / "dataset" / "tiny.yaml"], {"data_path": str(root / "dataset")})
    prepare_data(config)
    dataset = SessionDataset(config)
    both = dataset.learning_from(dataset.validation)
    n_training, n_validation = (len(set(part.session_numbers)) for part in (dataset.training, dataset.validation))
    model = config.model_class(config, both)
    assert len(set(model.training_sessions.items.row_of_value)) == n_training + n_validation
    assert sum(both.item_counter.values()) == len(dataset.training) + len(dataset.validation)
    assert both.item_tokens == dataset.item_tokens
