"""Whole searches in this process, without Ray."""

import errno
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from recbole_tagnnpp.cli import main
from recbole_tagnnpp.config.layers import merge_layers
from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.data.session_dataset import SessionDataset
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.fitting import fit_model
from recbole_tagnnpp.experiment.search import recbole_tuning
from recbole_tagnnpp.experiment.search.plan import plan_search
from recbole_tagnnpp.experiment.search.recbole_tuning import SessionHyperTuning, make_objective
from recbole_tagnnpp.experiment.search.search import search
from recbole_tagnnpp.training import checkpoint
from recbole_tagnnpp.training.trainer import SessionTrainer
from tests.conftest import REPOSITORY
from tests.integration.tiny_dataset import OURS_ONLY, settings, write_tiny_log

SPACE = "learning_rate choice [0.00001, 0.02]\ntrain_batch_size choice [32, 64]\n"
BROKEN = "learning_rate choice [0.02, 1e30]\n"
PLAIN = {"label_smoothing": 0.0, "weight_decay": 0.0}
"""So that the larger learning rate is the better one."""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_tiny_log(tmp_path / "dataset", n_sessions=90)
    (tmp_path / "hyper.test").write_text(SPACE)
    (tmp_path / "broken.test").write_text(BROKEN)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def own_settings(root: Path, **changes: Any) -> dict[str, Any]:
    given = {**settings(root, epochs=2, **PLAIN, output=str(root / "search"), workers=0, algorithm="exhaustive"), **changes}
    given = {key: value for key, value in given.items() if value is not None}
    for key in ("learning_rate", "train_batch_size"):  # searched
        given.pop(key)
    return {**given, "dataset": "tiny"}


def run_search(root: Path, space: str = "hyper.test", **changes: Any) -> dict[str, Any]:
    given = own_settings(root, params_file=str(root / space), **changes)
    return search(plan_search("TAGNNPP", [str(root / "dataset" / "tiny.yaml")], given))


def result_folder(root: Path) -> Path:
    (folder,) = (root / "search" / "tiny").iterdir()
    return folder


def test_grid_ends_with_the_best_setting_tested_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moments: list[str] = []
    read, train = SessionDataset.test_sequences, SessionTrainer._train_epoch

    def noted(dataset: SessionDataset) -> Any:
        moments.append("test")
        return read(dataset)

    def noted_epoch(trainer: SessionTrainer, *arguments: Any, **options: Any) -> float:
        moments.append("epoch")
        return train(trainer, *arguments, **options)

    monkeypatch.setattr(SessionDataset, "test_sequences", noted)
    monkeypatch.setattr(SessionTrainer, "_train_epoch", noted_epoch)
    record = run_search(root)

    assert len(record["trials"]) == 4
    assert record["failed"] == {}
    assert record["best"]["setting"]["learning_rate"] == 0.02
    assert record["best"]["score"] == max(max(e["score"] for e in trial["history"]) for trial in record["trials"])
    final = json.loads(Path(record["final_record"]).read_text())
    assert final["refit"] is True
    assert final["valid_result"] == record["best"]["valid_result"]  # the same training to the last bit
    assert {key: final["config"][key] for key in record["best"]["setting"]} == record["best"]["setting"]
    assert moments == ["epoch"] * (4 * 2 + 2 + final["best_epoch"] + 1) + ["test"]

    folder = result_folder(root)
    assert {file.name for file in folder.iterdir()} == {
        "best.yaml", "trials.csv", "trials.md", "parallel_coordinates.svg", "search.json",
    }  # fmt: skip
    assert json.loads((folder / "search.json").read_text()) == json.loads(json.dumps(record))
    assert not any((root / "saved" / "search").rglob("*.pth"))

    moments.clear()
    again = run_search(root)  # nothing is trained or tested twice
    assert moments == []
    assert (again["best"], again["final_record"]) == (record["best"], record["final_record"])


@pytest.mark.parametrize("said", [False, "all"])
def test_the_last_run_refits_as_a_file_says(root: Path, said: bool | str) -> None:
    with open(root / "dataset" / "tiny.yaml", "a") as handle:
        handle.write(f"\nrefit: {said}\n")
    record = run_search(root)
    assert json.loads(Path(record["final_record"]).read_text())["config"]["refit"] == said


def test_best_yaml_is_what_a_run_takes(root: Path) -> None:
    record = run_search(root, final=False)
    assert record["final_record"] is None
    config = SessionConfig(config_file_list=[result_folder(root) / "best.yaml"])
    assert (config["model"], config["dataset"], config["preset"]) == ("TAGNNPP", "tiny", "recommended")
    assert {key: config[key] for key in record["best"]["setting"]} == record["best"]["setting"]
    assert config["embedding_size"] == 8  # also what the command line of the search said


def test_random_search_begins_untuned_and_can_be_extended(root: Path) -> None:
    (root / "hyper.test").write_text("learning_rate loguniform -6,-3\n")
    given = {"algorithm": "random", "final": False}
    three = run_search(root, trials=3, **given)
    assert three["untuned"]["setting"] == {"learning_rate": merge_layers("TAGNNPP", "demo").final["learning_rate"]}
    assert len(three["trials"]) == 3
    five = run_search(root, trials=5, **given)
    before = {trial["key"]: trial for trial in three["trials"]}
    assert {trial["key"] for trial in five["trials"]} > before.keys()
    assert all(trial == before.get(trial["key"], trial) for trial in five["trials"])
    assert len(run_search(root, trials=3, **given)["trials"]) == 3


def test_a_test_record_stays_with_its_setting(root: Path) -> None:
    """A search that is extended without a final run may find another best setting, which has not been tested."""
    (root / "hyper.test").write_text("learning_rate choice [0.00001, 0.02]\n")
    first = run_search(root, name="mine")
    assert run_search(root, name="mine", final=False)["final_record"] == first["final_record"]
    file = root / "search" / "tiny" / "mine" / "search.json"
    for setting, kept in (({"learning_rate": 0.5}, None), ("nonsense", None), (first["best"]["setting"], "a.json")):
        file.write_text(json.dumps({**first, "best": {**first["best"], "setting": setting}, "final_record": "a.json"}))
        assert run_search(root, name="mine", final=False)["final_record"] == kept


def test_a_loss_that_is_not_finite_fails_one_trial(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = run_search(root, "broken.test", final=False)
    ((_, problem),) = record["failed"].items()
    assert problem.startswith("training loss is ")
    assert "1e+30" in problem
    assert record["best"]["setting"] == {"learning_rate": 0.02}
    assert "failed: trial" in capsys.readouterr().out
    (root / "only.test").write_text("learning_rate choice [1e30]\n")
    with pytest.raises(UserError, match="all 1 trials failed; the first: training loss is"):
        run_search(root, "only.test")


def test_a_full_disk_fails_a_trial_which_goes_on_later(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "hyper.test").write_text("learning_rate choice [0.01, 0.02]\n")
    write, epochs = checkpoint.atomic_write, []

    def full(path: Path, mode: str = "w") -> Any:
        if path.name == "last.pth" and len(epochs) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, mode)

    train = SessionTrainer._train_epoch

    def counted(trainer: SessionTrainer, *arguments: Any, **options: Any) -> float:
        epochs.append(trainer.learning_rate)
        return train(trainer, *arguments, **options)

    monkeypatch.setattr(checkpoint, "atomic_write", full)
    monkeypatch.setattr(SessionTrainer, "_train_epoch", counted)
    record = run_search(root, final=False)
    ((key, problem),) = record["failed"].items()
    assert problem == "OSError: [Errno 28] No space left on device"
    assert record["best"]["setting"] == {"learning_rate": 0.02}
    assert epochs == [0.01, 0.01, 0.02, 0.02]

    epochs[:] = [0.0] * 3  # the disk has room again
    record = run_search(root, final=False)
    assert record["failed"] == {}
    assert epochs[3:] == [0.01]  # only the lost epoch
    (trial,) = (trial for trial in record["trials"] if trial["key"] == key)
    assert [entry["epoch"] for entry in trial["history"]] == [1, 2]


def test_an_interrupted_search_goes_on(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calm = run_search(root, final=False, name="calm")
    epochs: list[float] = []
    train = SessionTrainer._train_epoch

    def interrupted(trainer: SessionTrainer, *arguments: Any, **options: Any) -> float:
        epochs.append(trainer.learning_rate)
        if len(epochs) == 4:  # the second epoch of the second trial
            raise KeyboardInterrupt
        return train(trainer, *arguments, **options)

    monkeypatch.setattr(SessionTrainer, "_train_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_search(root, final=False, name="stormy")
    record = run_search(root, final=False, name="stormy", resume=True)
    assert len(epochs) == 4 + 1 + 2 * 2

    def scores(found: dict[str, Any]) -> list[Any]:
        return [(t["key"], t["status"], [e["valid_result"] for e in t["history"]]) for t in found["trials"]]

    assert scores(record) == scores(calm)


def test_resume_says_when_there_is_nothing(root: Path) -> None:
    with pytest.raises(UserError, match="--resume: no search to continue in"):
        run_search(root, resume=True)
    run_search(root, "broken.test", final=False)
    first = next((root / "saved").rglob("trials/*.json"))
    (result_folder(root) / "mine.txt").write_text("kept")
    written = first.stat().st_mtime_ns
    run_search(root, "broken.test", final=False, resume=False)
    assert first.stat().st_mtime_ns > written
    assert (result_folder(root) / "mine.txt").is_file()


def test_the_same_search_twice_at_once_is_refused(root: Path) -> None:
    run_search(root, "broken.test", final=False)
    (state,) = (root / "saved" / "search" / "tiny").iterdir()
    with FileLock(state / "lock"), pytest.raises(UserError, match="another process runs this very search"):
        run_search(root, "broken.test", final=False)


def test_results_without_their_trials_are_not_replaced(root: Path) -> None:
    run_search(root, "broken.test", final=False, name="mine")
    shutil.rmtree(root / "saved" / "search")
    before = (result_folder(root) / "search.json").read_bytes()
    with pytest.raises(UserError, match=r"mine: holds the results of a search whose trials are not in .*--resume=False"):
        run_search(root, final=False, name="mine")
    assert (result_folder(root) / "search.json").read_bytes() == before
    run_search(root, final=False, name="mine", resume=False)


def test_a_folder_of_records_that_cannot_be_written_to_shows_before_the_trials(root: Path) -> None:
    (root / "file").write_text("")
    with pytest.raises(UserError, match=r"results_path=.*file"):
        run_search(root, "broken.test", results_path=str(root / "file"))
    assert not (root / "saved" / "search").exists()
    with pytest.raises(UserError, match=r"checkpoint_dir=.*file/search/tiny/.*: files cannot be written there"):
        run_search(root, "broken.test", checkpoint_dir=str(root / "file"), final=False)


def test_more_recommendations_than_items_show_before_the_trials(root: Path) -> None:
    with pytest.raises(UserError, match=r"^topk=\[5, 20, 9999\]: allowed is at most"):
        run_search(root, topk=[5, 20, 9999], final=False)
    assert not (root / "saved" / "search").exists()


def test_search_on_less_training_data(root: Path) -> None:
    whole = run_search(root, "broken.test", final=False, name="whole")
    half = run_search(root, "broken.test", final=False, name="half", training_share=0.5)
    assert 0.3 * whole["training_sequences"] < half["training_sequences"] < 0.7 * whole["training_sequences"]
    assert half["validation_sequences"] == whole["validation_sequences"]
    assert half["best"]["score"] != whole["best"]["score"]


def test_counting_models_are_searched_too(root: Path) -> None:
    (root / "hyper.test").write_text("n_similar_items choice [1, 20]\n")
    given = {k: v for k, v in own_settings(root, final=False).items() if k not in (*OURS_ONLY, "label_smoothing")}
    plan = plan_search("ItemKNN", [str(root / "dataset" / "tiny.yaml")], {**given, "params_file": str(root / "hyper.test")})
    record = search(plan)
    assert [trial["status"] for trial in record["trials"]] == ["finished", "finished"]
    assert record["best"]["setting"] == {"n_similar_items": 20}


def test_hyper_tuning_of_recbole_finds_the_best_of_a_grid_we_know(root: Path) -> None:
    own = {k: v for k, v in settings(root, epochs=2, **PLAIN).items() if k not in ("learning_rate", "train_batch_size")}
    files = [str(root / "dataset" / "tiny.yaml")]
    tuning = SessionHyperTuning(make_objective("TAGNNPP", "tiny", own), root / "hyper.test", files)
    tuning.run()
    answers = {}
    for learning_rate in (0.00001, 0.02):
        for batch in (32, 64):
            setting = {"learning_rate": learning_rate, "train_batch_size": batch}
            config = SessionConfig("TAGNNPP", "tiny", files, {**own, **setting})
            dataset = SessionDataset(config)
            trainer = fit_model(config, dataset, root / f"{learning_rate}-{batch}", dataset.validation)
            answers[learning_rate, batch] = trainer.best_valid_score
    best = max(answers, key=lambda key: answers[key])
    assert best[0] == 0.02
    assert tuning.best_params == {"learning_rate": best[0], "train_batch_size": best[1]}
    assert tuning.best_score == pytest.approx(answers[best])
    assert sorted(tuning.score_list) == pytest.approx(sorted(answers.values()))


def test_objective_is_alone_with_its_setting(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objective = make_objective("TAGNNPP", "tiny", settings(root, epochs=1))
    refused = []

    def train(job: Any, sessions: Any, setting: Any, folder: Path, on_epoch: Any) -> None:
        with pytest.raises(UserError, match="another process trains this very setting"):
            objective({"learning_rate": 0.01}, [str(root / "dataset" / "tiny.yaml")])
        refused.append(folder)
        raise UserError("enough")

    monkeypatch.setattr(recbole_tuning, "train_setting", train)
    objective({"learning_rate": 0.01}, [str(root / "dataset" / "tiny.yaml")])
    assert len(refused) == 1


def test_objective_counts_a_broken_loss_as_the_worst(root: Path) -> None:
    objective = make_objective("TAGNNPP", "tiny", settings(root, epochs=1))
    result = objective({"learning_rate": 1e30}, [str(root / "dataset" / "tiny.yaml")])
    assert (result["best_valid_score"], result["best_valid_result"], result["test_result"]) == (0.0, {}, {})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no dataset given"),
        (["--dataset=demo"], "tune needs --params_file=FILE: this model has no space of its own"),
        (["--dataset=demo", "--params_file=no.test"], "no.test: no such file"),
        (
            ["--dataset=demo", "--params_file=typo.test"],
            "typo.test:1: learning_rat: unknown key; did you mean learning_rate?",
        ),
        (["--dataset=demo", "--params_file=hyper.test", "--trails=3"], "--trails: unknown key; did you mean trials?"),
        (["--dataset=demo", "--params_file=hyper.test", "--nproc=2"], "nproc=2: only `train` starts several processes"),
        (["--dataset=demo", "--params_file=hyper.test", "--scheduler=hyperband"], "--scheduler='hyperband': allowed is"),
        (
            ["--dataset=demo", "--params_file=uniform.test", "--algorithm=exhaustive"],
            "uniform.test:1: label_smoothing: exhaustive search needs lists of values",
        ),
        (["--dataset=demo", "--params_file=epochs.test"], "epochs.test:1: epochs: cannot be searched with scheduler=asha"),
        (["--dataset=demo", "--params_file=hyper.test", "--workers"], "argument '--workers': has no value"),
    ],
)
def test_mistakes_show_before_torch_loads(root: Path, arguments: list[str], message: str) -> None:
    (root / "typo.test").write_text("learning_rat choice [1]\n")
    (root / "uniform.test").write_text("label_smoothing uniform 0.0,0.2\n")
    (root / "epochs.test").write_text("epochs choice [3, 30]\n")
    code = (
        "import sys; from recbole_tagnnpp.cli import main; "
        f"sys.exit(9 if main(['tune', *{arguments}]) != 2 else 'torch' in sys.modules or 'ray' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, env={"PYTHONPATH": str(REPOSITORY)}
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert message in done.stderr


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", "--help"]) == 0
    assert "--params_file=FILE" in capsys.readouterr().out


def test_training_and_searching_here_need_no_ray(root: Path) -> None:
    (root / "hyper.test").write_text("learning_rate choice [0.01]\n")
    given = [f"--{key}={value}" for key, value in own_settings(root, epochs=1, name="x").items()]
    code = (
        "import sys; from recbole_tagnnpp.cli import main; "
        f"status = main(['tune', '--config_files=dataset/tiny.yaml', '--params_file=hyper.test', *{given}]); "
        "sys.exit(status or 'ray' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, env={"PYTHONPATH": str(REPOSITORY)}
    )
    assert done.returncode == 0, done.stderr
    assert "best setting: learning_rate=0.01" in done.stdout


def test_a_name_belongs_to_one_search(root: Path) -> None:
    first = run_search(root, name="mine", final=False)
    assert run_search(root, name="mine", final=False, workers=0)["trial_seconds"] == first["trial_seconds"]
    for change in ({"agc_lambda": 0.5}, {"epochs": 1}, {"training_share": 0.5}):
        with pytest.raises(UserError, match=rf"a search of this name has {next(iter(change))}=.*--resume=False"):
            run_search(root, name="mine", final=False, **change)
    with pytest.raises(UserError, match=r"a search of this name has space of learning_rate=.*give it another --name"):
        run_search(root, space="broken.test", name="mine", final=False, train_batch_size=32)
    other = run_search(root, name="mine", final=False, epochs=1, resume=False)
    assert {len(trial["history"]) for trial in other["trials"]} == {1}
    (root / "saved/search/tiny/mine/identity.json").write_text("[]")
    with pytest.raises(UserError, match=r"identity\.json: not readable"):
        run_search(root, name="mine", final=False, epochs=1)
