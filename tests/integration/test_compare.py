"""``compare`` and ``ablate`` from the command line to the records."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from recbole_tagnnpp.cli import main
from recbole_tagnnpp.config.layers import merge_layers
from recbole_tagnnpp.experiment.grid import grid
from recbole_tagnnpp.experiment.grid.plan import PlannedRun
from tests.integration.tiny_dataset import write_tiny_log

SMALL = ["--epochs=1", "--threads=1", "--show_progress=False", "--use_gpu=False", "--state=WARNING"]


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rules = write_tiny_log(tmp_path / "dataset")
    (tmp_path / "properties" / "dataset").mkdir(parents=True)
    rules.rename(tmp_path / "properties" / "dataset" / "tiny.yaml")
    return tmp_path


def records(root: Path) -> dict[str, Any]:
    return {file.name: json.loads(file.read_text()) for file in sorted((root / "results/runs/tiny").glob("*.json"))}


def test_a_grid_runs_what_is_missing_and_only_that(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["compare", "--dataset=tiny", "--models=SRGNN,TAGNN", "--seeds=3,4", *SMALL]
    assert main(command) == 0
    first = records(tiny)
    assert sorted((r["model"], r["preset"], r["seed"]) for r in first.values()) == [
        ("SRGNN", "baseline", 3), ("SRGNN", "baseline", 4), ("TAGNN", None, 3), ("TAGNN", None, 4),
    ]  # fmt: skip
    output = capsys.readouterr().out
    assert re.findall(r"(\d) finished", output) == ["1", "2", "3", "4"]
    assert output.count("1 of 1") == 1 + 2 + 3 + 4
    lost = next(iter(first))
    (tiny / "results/runs/tiny" / lost).unlink()
    assert main(command) == 0
    assert "1 finished, 3 found" in capsys.readouterr().out
    again = records(tiny)
    assert again.keys() == first.keys()
    assert [name for name in again if again[name]["started"] != first[name]["started"]] in ([], [lost])  # whole seconds
    assert again[lost]["test_result"] == first[lost]["test_result"]


def test_files_say_what_holds_for_every_run(tiny: Path) -> None:
    (tiny / "a.yaml").write_text("epochs: 3\n")
    assert main(["compare", "--dataset=tiny", "--models=SRGNN", "--seeds=3", "--config_files=a.yaml", *SMALL[1:]]) == 0
    (record,) = records(tiny).values()
    assert (record["preset"], record["seed"], record["config"]["epochs"]) == ("baseline", 3, 3)


def test_a_damaged_record_is_named(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["compare", "--dataset=tiny", "--models=TAGNN", *SMALL]
    assert main(command) == 0
    (file,) = (tiny / "results/runs/tiny").glob("*.json")
    file.write_text("{}")
    capsys.readouterr()
    assert main(command) == 2
    printed = capsys.readouterr().err
    assert f"{Path('results/runs/tiny') / file.name}: record_version must be 1, found nothing" in printed
    assert "without that record this run is trained and tested again" in printed
    assert main(["compare", "--dataset=tiny", "--models=SessionPop,TAGNN", *SMALL]) == 2
    assert list((tiny / "results/runs/tiny").glob("*.json")) == [file]  # it shows before anything runs


def test_what_every_run_would_meet_is_told_once(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["compare", "--dataset=tiny", "--models=SessionPop,TAGNN", *SMALL]
    for argument, message in (
        ("--results_path=/proc/x", "results_path=/proc/x/tiny: files cannot be written there"),
        ("--checkpoint_dir=/proc/x", "files cannot be written there"),
        (
            "--topk=[5,20,9999]",
            r"topk=\[5, 20, 9999\]: allowed is .* for example --topk=\[5,20\] --valid_metric=MRR@20",
        ),
    ):
        assert main([*command, argument]) == 2
        captured = capsys.readouterr()
        assert re.search(message, captured.err)
        assert captured.err.count("error:") == 1
        assert "run 1 of 2" not in captured.out
        assert not (tiny / "saved").exists()


def test_one_failing_run_does_not_stop_the_others(
    tiny: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from recbole_tagnnpp.baselines.srgnn import SRGNN

    def fail(*_: object) -> None:
        raise RuntimeError("out of luck\nand more")

    monkeypatch.setattr(SRGNN, "calculate_loss", fail)
    assert main(["compare", "--dataset=tiny", "--models=SRGNN,TAGNN", *SMALL]) == 1
    assert [record["model"] for record in records(tiny).values()] == ["TAGNN"]
    output = capsys.readouterr().out
    assert "failed: RuntimeError: out of luck" in output
    assert "1 finished, 1 failed" in output


def test_settings_of_an_ablation_change_the_whole_and_leave_out_rows_that_say_the_same(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    planned: list[PlannedRun] = []
    monkeypatch.setattr(grid, "run_grid", lambda runs: planned.extend(runs) or [])
    assert main(["ablate", "--dataset=tiny", "--n_layers=2", "--agc_lambda=0.02", *SMALL]) == 0
    found = {run.system.title: (run.config["agc_lambda"], run.config["n_layers"]) for run in planned}
    assert found.pop("- AGC") == found.pop("Transformer only") == found.pop("GNN only") == (None, 2)
    assert "+ second Transformer layer" not in found
    assert len(found) == 13
    assert set(found.values()) == {(0.02, 2)}
    (tiny / "a.yaml").write_text("seed: 7\n")
    assert main(["ablate", "--dataset=tiny", "--config_files=a.yaml", *SMALL]) == 2
    assert capsys.readouterr().err == "error: a.yaml: seed: write --seeds; see --help\n"
    assert main(["ablate", "--dataset=tiny", "--preset=~", *SMALL]) == 2
    assert "error: --preset=~: parts are taken from a preset; name one" in capsys.readouterr().err


def test_ablations_differ_from_the_whole_by_their_part(tiny: Path) -> None:
    tiny_model = ["--embedding_size=8", "--n_heads=2", "--inner_size=16", "--train_batch_size=200"]
    assert main(["ablate", "--dataset=tiny", *SMALL, *tiny_model]) == 0
    parts = (
        *("use_gnn", "use_position_embedding", "use_transformer", "agc_lambda", "agc_exclude", "normalize_embeddings"),
        *("label_smoothing", "learning_rate_schedule", "embedding_dropout_prob", "n_layers", "transformer_skip"),
        *("position_order", "normalization_scale", "warmup_steps"),
    )
    found = [record["config"] for record in records(tiny).values()]
    whole = merge_layers("TAGNNPP", "tiny").final
    changed = [{part: config[part] for part in parts if config[part] != whole[part]} for config in found]
    expected: list[dict[str, Any]] = [
        {},
        {"agc_lambda": None},
        {"use_gnn": False},
        {"use_position_embedding": False},
        {"use_transformer": False},
        {"normalize_embeddings": False},
        {"label_smoothing": 0.0},
        {"agc_exclude": []},
        {"learning_rate_schedule": "constant"},
        {"embedding_dropout_prob": 0.2},
        {"normalization_scale": 16.0},
        {"n_layers": 2},
        {"transformer_skip": True},
        {"warmup_steps": 2000},
        {"position_order": "from_start"},
        {"use_gnn": False, "agc_lambda": None},
        {"use_position_embedding": False, "use_transformer": False, "agc_lambda": None},
    ]
    assert all(change in expected for change in changed)
    assert len(changed) == len(expected) and all(change in changed for change in expected)
    assert (whole["use_gnn"], whole["use_position_embedding"], whole["use_transformer"]) == (True, True, True)
    assert (whole["agc_lambda"], whole["normalize_embeddings"], len(whole["agc_exclude"])) == (0.01, True, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--models=TAGNN"], "no dataset given"),
        (["--dataset=tiny", "--models=SRGN"], "no such model; did you mean SRGNN"),
        (["--dataset=tiny", "--models=TAGNN,TAGNN"], "models='TAGNN,TAGNN': allowed is a list of different names"),
        (["--dataset=tiny", "--models=SRGNN,SR-GNN"], "SR-GNN and SR-GNN are the same experiment"),
        (["--dataset=tiny", "--models=TAGNN", "--seeds=a"], "--seeds='a': allowed are whole numbers"),
        (["--dataset=tiny", "--models=TAGNN", "--seeds=1,01"], "--seeds='1,01': names a seed twice"),
        (["--dataset=tiny", "--models=TAGNN", "--seeds=~"], "--seeds=: allowed is a list of different whole numbers"),
        (["--dataset=tiny", "--models=TAGNN", "--seeds=[]"], "--seeds=[]: allowed is a list of different whole numbers"),
        (["--dataset=tiny", "--models=[]"], "--models=[]: allowed is a list of different names"),
        (["--dataset=[]", "--models=TAGNN"], "dataset='[]': allowed are letters"),
        (["--dataset=tiny", "--models=TAGNN", "--resume=False"], "--resume=False: a grid always goes on"),
        (["--dataset=tiny", "--models=TAGNN", "--attempts=3"], "--attempts: has no effect without --workers or --address"),
        (["--dataset=tiny", "--models=TAGNN", "--workers=0", "--gpus_per_run=1"], "--gpus_per_run: has no effect without"),
        (["--dataset=tiny", "--models=TAGNN", "--seed=1"], "--seed: write --seeds"),
        (["--dataset=tiny", "--models=TAGNN", "--workers=-1"], "--workers=-1: allowed is a whole number of at least 0"),
        (["--dataset=tiny", "--models=TAGNN", "--workers=0.5"], "--workers=0.5: allowed is a whole number of at least 0"),
        (["--dataset=tiny", "--models=TAGNN,SRGNN", "--n_gnn_steps=2"], "SR-GNN: n_gnn_steps: unknown key"),
        (["--dataset=nowhere", "--models=TAGNN"], "nowhere"),
        (["--dataset=tiny", "--models=TAGNN", "--nproc=2"], "TAGNN: nproc=2: only `train` starts several processes"),
        (["--dataset=tiny", "--models=TAGNN", "--config_files=a.yaml"], "a.yaml: epochs=0: allowed is"),
        (
            ["--dataset=tiny", "--models=TAGNN", "--config_files=a.yaml,b.yaml"],
            "b.yaml: preset: write --models=MODEL:PRESET",
        ),
    ],
)
def test_mistakes_show_before_anything_runs(
    tiny: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    (tiny / "a.yaml").write_text("epochs: 0\n")
    (tiny / "b.yaml").write_text("preset: fast\n")
    small = SMALL[1:] if "--config_files=a.yaml" in arguments else SMALL  # which says epochs, too
    assert main(["compare", *arguments, *small]) == 2
    error = capsys.readouterr().err
    assert re.search(re.escape(message), error)
    assert len(error.splitlines()) == 1
    assert not (tiny / "results").exists()
