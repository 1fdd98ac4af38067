"""Which source wins, and that every source is checked and named in messages."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from recbole_tagnnpp.config.layers import merge_layers
from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.errors import UserError


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def own_property(name: str, text: str) -> None:
    file = Path("properties") / f"{name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def final(model: str | None = "TAGNNPP", dataset: str | None = "demo", **sources: Any) -> dict[str, Any]:
    return merge_layers(model, dataset, **sources).final


def test_each_source_wins_over_the_one_below() -> None:
    no_preset = {"command_line": {"preset": None}}
    assert final(**no_preset)["train_batch_size"] == 100
    own_property("overall", "train_batch_size: 11\n")
    assert final(**no_preset)["train_batch_size"] == 11
    own_property("model/TAGNNPP", "train_batch_size: 12\n")
    assert final(**no_preset)["train_batch_size"] == 12
    own_property("dataset/demo", "train_batch_size: 13\n")
    assert final(**no_preset)["train_batch_size"] == 13
    own_property("preset/TAGNNPP/mine", "train_batch_size: 14\n")
    assert final(command_line={"preset": "mine"})["train_batch_size"] == 14
    own_property("preset/TAGNNPP/mine.demo", "train_batch_size: 15\n")
    assert final(command_line={"preset": "mine"})["train_batch_size"] == 15
    Path("a.yaml").write_text("train_batch_size: 16\npreset: mine\n")
    assert final(config_files=["a.yaml"])["train_batch_size"] == 16
    assert final(config_files=["a.yaml"], dictionary={"train_batch_size": 17})["train_batch_size"] == 17
    assert final(dictionary={"train_batch_size": 17}, command_line={"train_batch_size": 18})["train_batch_size"] == 18


def test_what_recbole_takes_for_the_same_has_one_spelling() -> None:
    given = {"metrics": ["mrr", "HIT", "ndcg", "mrr"], "topk": [20, 5, 10, 20], "valid_metric": "mrr@20"}
    found = final(dictionary=given)
    assert (found["metrics"], found["topk"], found["valid_metric"]) == (["Hit", "MRR", "NDCG"], [5, 10, 20], "MRR@20")
    one = final(command_line={"metrics": "recall", "topk": 7, "valid_metric": "RECALL@7"})
    assert (one["metrics"], one["topk"], one["valid_metric"]) == (["Recall"], [7], "Recall@7")


def test_partial_property_files_leave_the_shipped_values() -> None:
    own_property("overall", "seed: 11\n")
    own_property("model/TAGNNPP", "n_layers: 3\n")
    settings = final()
    assert (settings["seed"], settings["n_layers"]) == (11, 3)
    assert (settings["results_path"], settings["embedding_size"]) == ("results/runs", 100)


def test_recboles_models_may_have_own_property_files() -> None:
    own_property("model/SRGNN", "step: 2\nseed: 9\n")
    settings = final("SRGNN")
    assert (settings["step"], settings["seed"], settings["embedding_size"]) == (2, 9, 64)


def test_model_and_dataset_come_from_any_source() -> None:
    Path("a.yaml").write_text("model: SRGNN\ndataset: other\n")
    found = merge_layers(None, None, ["a.yaml"])
    assert (found.model, found.dataset) == ("SRGNN", "other")
    found = merge_layers("NARM", "demo", ["a.yaml"], {"model": "GCSAN"})
    assert (found.model, found.dataset) == ("NARM", "demo")
    found = merge_layers("NARM", "demo", ["a.yaml"], command_line={"model": "GRU4Rec", "dataset": 2015})
    assert (found.model, found.dataset) == ("GRU4Rec", "2015")
    assert (found.final["model"], found.final["dataset"]) == ("GRU4Rec", "2015")


def test_a_single_preparation_rule_leaves_the_others() -> None:
    Path("a.yaml").write_text("preparation:\n  validation_fraction: 0.2\n")
    rules = final(dataset="yoochoose1_64", config_files=["a.yaml"], command_line={"preparation": {"test_days": 2}})
    shipped = final(dataset="yoochoose1_64")["preparation"]
    assert rules["preparation"] == {**shipped, "validation_fraction": 0.2, "test_days": 2}
    assert shipped["test_days"] == 1
    assert shipped["validation_fraction"] == 0.1


def test_what_the_caller_gave_holds_the_rules_of_all_sources(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("epochs: 3\nseed: 4\npreparation: {test_days: 2, min_item_count: 3}\n")
    line = {"preparation": {"test_days": 5}, "seed": 6}
    layers = merge_layers("TAGNNPP", "demo", [tmp_path / "a.yaml"], {"threads": 1}, line)
    assert layers.given == {
        "epochs": 3, "seed": 6, "threads": 1, "preparation": {"test_days": 5, "min_item_count": 3}
    }  # fmt: skip


def test_callers_dictionaries_are_not_changed_by_a_run() -> None:
    given = {"topk": [20], "metrics": "MRR"}
    config = SessionConfig("TAGNNPP", "demo", config_dict=given)
    config["topk"].append(5)
    assert given == {"topk": [20], "metrics": "MRR"}
    assert config.to_plain_dict()["topk"] == [20]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("overall", "epoch: 3", "properties/overall.yaml: epoch: unknown key; did you mean epochs?"),
        ("overall", "epochs: 0", "properties/overall.yaml: epochs=0: allowed is"),
        ("overall", "model: SRGNN", "properties/overall.yaml: model: unknown key"),
        ("model/TAGNNPP", "n_haeds: 4", "properties/model/TAGNNPP.yaml: n_haeds: unknown key; did you mean n_heads?"),
        ("model/TAGNNPP", "n_heads: 7", "properties/model/TAGNNPP.yaml: n_heads=7: must divide embedding_size=100"),
        ("dataset/demo", "epoch: 3", "properties/dataset/demo.yaml: epoch: unknown key; did you mean epochs?"),
        ("dataset/demo", "seed: }", "properties/dataset/demo.yaml:1: not valid YAML"),
        ("preset/TAGNNPP/mine", "epochs: 0", "properties/preset/TAGNNPP/mine.yaml: epochs=0: allowed is"),
        (
            "preset/TAGNNPP/mine",
            "epoch: 1",
            "properties/preset/TAGNNPP/mine.yaml: epoch: unknown key; did you mean epochs?",
        ),
        ("preset/TAGNNPP/mine", "model: SRGNN", "properties/preset/TAGNNPP/mine.yaml: model: unknown key"),
        ("preset/TAGNNPP/mine.demo", "epoch: 1", "properties/preset/TAGNNPP/mine.demo.yaml: epoch: unknown key"),
        ("preset/TAGNNPP/mine.demo", "seed: x", "properties/preset/TAGNNPP/mine.demo.yaml: seed='x': allowed is"),
        ("overall", "eval_args: {mode: uni100}", "properties/overall.yaml: eval_args={'mode': 'uni100'}: allowed is only"),
        ("overall", "log_wandb: True", "properties/overall.yaml: log_wandb=True: has no effect here"),
    ],
)
def test_mistakes_in_property_files_name_the_file(name: str, text: str, message: str) -> None:
    own_property("preset/TAGNNPP/mine", "epochs: 3\n")
    own_property(name, text + "\n")
    preset = {"preset": "mine"} if name.startswith("preset") else {"preset": None}
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        final(command_line=preset)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("config_file", "--config_file: unknown key; did you mean config_files?"),
        ("config_files", "--config_files: allowed on the command line only"),
        ("for_model", "--for_model: unknown key"),
    ],
)
def test_keys_that_would_be_ignored(key: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        final(command_line={key: "x"})


def test_models_of_the_caller_declare_keys_in_their_property_file() -> None:
    class Popular:
        pass

    own_property("model/Popular", "decay: 0.5\n")
    layers = merge_layers(Popular, "demo", command_line={"decay": 0.25})
    assert (layers.model, layers.final["decay"]) == ("Popular", 0.25)
    with pytest.raises(UserError, match=r"--decay='x': allowed is a value like 0\.5"):
        merge_layers(Popular, "demo", command_line={"decay": "x"})
    with pytest.raises(UserError, match="model=Popular: not a sequential model"):
        SessionConfig(Popular, "demo")


def test_a_whole_number_where_any_number_may_stand_is_the_same_setting() -> None:
    whole = merge_layers("TAGNNPP", "demo", command_line={"normalization_scale": 12, "weight_decay": 0, "epochs": 3}).final
    real = merge_layers("TAGNNPP", "demo", command_line={"normalization_scale": 12.0, "weight_decay": 0.0, "epochs": 3})
    assert json.dumps(whole) == json.dumps(real.final)
    assert isinstance(whole["normalization_scale"], float) and isinstance(whole["epochs"], int)
    of_recbole = merge_layers("GCSAN", "demo", command_line={"weight": 1}).final["weight"]
    assert isinstance(of_recbole, float)


def test_folders_may_be_in_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    final = merge_layers("TAGNNPP", "demo", command_line={"results_path": "~/r", "checkpoint_dir": "./~c/"}).final
    assert final["results_path"] == "/home/me/r"
    assert final["checkpoint_dir"] == "./~c/"
