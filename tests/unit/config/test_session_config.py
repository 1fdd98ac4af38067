"""Priorities, presets, strictness, plain round trip, and the shipped property files."""

import json
import re
import sys
from pathlib import Path

import pytest
import torch
import yaml

from recbole_tagnnpp.config.models import find_model
from recbole_tagnnpp.config.properties import property_folders
from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.data.rules import PreparationRules
from recbole_tagnnpp.errors import UserError
from tests.conftest import REPOSITORY


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(name: str, text: str) -> Path:
    Path(name).write_text(text)
    return Path(name)


def test_priorities_from_low_to_high() -> None:
    def epochs(**layers: object) -> int:
        return SessionConfig("TAGNNPP", "demo", **layers)["epochs"]  # type: ignore[arg-type]

    assert SessionConfig("SRGNN", "demo")["epochs"] == 10  # properties/overall.yaml over RecBole's 300
    assert epochs(config_dict={"preset": "paper"}) == 15
    first, second = write("a.yaml", "epochs: 21\nseed: 7\n"), write("b.yaml", "epochs: 22\n")
    files = [first, second]
    assert epochs(config_file_list=files, config_dict={"preset": "paper"}) == 22
    assert epochs(config_file_list=files, config_dict={"epochs": 23}) == 23
    assert epochs(config_file_list=files, config_dict={"epochs": 23}, command_line={"epochs": 24}) == 24
    assert SessionConfig("TAGNNPP", "demo", files)["seed"] == 7


def test_presets_depend_on_the_dataset() -> None:
    def size(preset: str | None, dataset: str) -> tuple[int, int, int]:
        config = SessionConfig("TAGNNPP", dataset, config_dict={"preset": preset})
        return config["embedding_size"], config["n_heads"], config["train_batch_size"]

    assert size("paper", "yoochoose1_64") == (100, 2, 50)
    assert size("paper", "diginetica") == (120, 8, 50)
    assert size("released_code", "yoochoose1_64") == (120, 2, 75)
    assert size("released_code", "diginetica") == (100, 2, 50)
    assert SessionConfig("TAGNNPP", "demo")["preset"] == "recommended"
    assert SessionConfig("SRGNN", "demo")["preset"] is None


def test_paper_preset_is_the_papers_text() -> None:
    config = SessionConfig("TAGNNPP", "diginetica", config_dict={"preset": "paper"})
    expected = {
        "learning_rate": 1e-4, "learning_rate_schedule": "step", "step_decay_epochs": 3, "step_decay_factor": 0.1,
        "epochs": 15, "weight_decay": 1e-6, "hidden_dropout_prob": 0.1, "attn_dropout_prob": 0.1, "agc_exclude": [],
        "n_gnn_steps": 1, "embedding_size": 120, "inner_size": 480,
    }  # fmt: skip
    assert {key: config[key] for key in expected} == expected


def test_the_test_runners_own_arguments_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["pytest", "--epochs=99", "--nonsense=1"])
    assert SessionConfig("SRGNN", "demo")["epochs"] == 10


def test_plain_dictionary_is_plain_and_makes_the_same_configuration(tmp_path: Path) -> None:
    config = SessionConfig("TAGNNPP", "diginetica", command_line={"seed": 3, "preset": "paper"})
    plain = config.to_plain_dict()
    assert json.loads(json.dumps(plain)) == plain
    torch.save(plain, tmp_path / "plain")
    assert torch.load(tmp_path / "plain", weights_only=True) == plain
    again = SessionConfig(config_dict=plain)
    assert again.to_plain_dict() == plain
    assert again["data_path"] == config["data_path"] == "dataset/diginetica"


def test_what_the_protocol_needs_is_set_for_recbole_models() -> None:
    config = SessionConfig("GRU4Rec", "demo")
    assert config["repeatable"] is True
    assert config["train_neg_sample_args"]["distribution"] == "none"
    assert config["eval_args"]["mode"] == {"valid": "full", "test": "full"}
    assert config["device"].type in ("cpu", "cuda")


@pytest.mark.parametrize("name", ["TAGNNPP", "SRGNN", "GCSAN", "NARM", "GRU4Rec", "RepeatNet", "SASRec"])
def test_models_are_found(name: str) -> None:
    assert find_model(name).__name__ == name
    assert not torch.is_anomaly_enabled()  # RecBole's SINE switches it on when it is imported


CASES: list[tuple[dict, str]] = [
    ({"model": "SRGN"}, "model=SRGN: no such model; did you mean SRGNN?"),
    ({"model": "tagnn++"}, "model=tagnn\\+\\+: no such model; did you mean TAGNNPP"),
    ({"model": "zzzzzz"}, "model=zzzzzz: no such model; there are .*TAGNNPP"),
    ({"model": "BPR"}, "model=BPR: a general model of RecBole; only sequential ones run here"),
    ({"model": None}, "no model given"),
    ({"dataset": None}, "no dataset given: --dataset=NAME, one of .*diginetica"),
    ({"dataset": "../etc"}, "dataset='../etc': allowed are letters"),
    ({"command_line": {"epoch": 3}}, "--epoch: unknown key; did you mean epochs\\?"),
    ({"config_dict": {"embeding_size": 3}}, "embeding_size: unknown key; did you mean embedding_size\\?"),
    ({"model": "Pop", "command_line": {"n_heads": 4}}, "--n_heads: unknown key here; a key of TAGNNPP$"),
    ({"model": "Pop", "command_line": {"n_layers": 4}}, "--n_layers: unknown key here; a key of TAGNNPP, .*LESSR"),
    (
        {"command_line": {"preparation": {"test_day": 1}}},
        r"preparation: test_day: unknown rule; did you mean test_days",
    ),
    ({"config_dict": {"preparation": {"q": 1}}}, "^preparation: q: unknown rule; there are item_field, .*validation_seed"),
    ({"command_line": {"qqq": 3}}, "--qqq: unknown key; see properties/"),
    ({"command_line": {"epochs": 0}}, "--epochs=0: allowed is a whole number of at least 1"),
    ({"command_line": {"epochs": 2.5}}, "--epochs=2.5: allowed is a whole number"),
    ({"command_line": {"learning_rate": -1}}, "--learning_rate=-1: allowed is a number above 0"),
    ({"command_line": {"learning_rate": "fast"}}, "--learning_rate='fast': allowed is a number"),
    ({"command_line": {"hidden_dropout_prob": 1.0}}, "--hidden_dropout_prob=1.0: allowed is .* below 1"),
    ({"command_line": {"use_gnn": "maybe"}}, "--use_gnn='maybe': allowed is True or False"),
    ({"command_line": {"n_heads": 3}}, "--n_heads=3: must divide embedding_size=100"),
    ({"command_line": {"hidden_act": "swish"}}, "--hidden_act='swish': allowed is one of relu, gelu"),
    ({"command_line": {"position_order": "up"}}, "--position_order='up': allowed is one of from_end, from_start"),
    ({"command_line": {"learner": "lion"}}, "--learner='lion': allowed is one of adam"),
    ({"command_line": {"learning_rate_schedule": "linear"}}, "allowed is one of constant, step, cosine"),
    ({"command_line": {"metrics": ["Accuracy"]}}, "--metrics=\\['Accuracy'\\]: allowed is a list of .*hit.*mrr"),
    ({"command_line": {"topk": [0]}}, "--topk=\\[0\\]: allowed is a list of whole numbers"),
    (
        {"command_line": {"valid_metric": "MRR@7"}},
        r"--valid_metric='MRR@7': with topk=\[5, 10, 20\] allowed is one of Hit@5",
    ),
    (
        {"command_line": {"topk": 40}},
        r"overall.yaml: valid_metric='MRR@20': with topk=\[40\] allowed is .* MRR@40; for example --valid_metric=MRR@40$",
    ),
    ({"command_line": {"loss_type": "BPR"}}, "--loss_type='BPR': allowed is CE"),
    ({"command_line": {"repeatable": False}}, "--repeatable=False: allowed is only True"),
    ({"command_line": {"ITEM_ID_FIELD": "iid"}}, "--ITEM_ID_FIELD='iid': allowed is only 'item_id'"),
    ({"command_line": {"seed": -1}}, "--seed=-1: allowed is a whole number of at least 0"),
    ({"command_line": {"threads": 0}}, "--threads=0: allowed is a whole number of at least 1 and at most 1024, or ~"),
    ({"command_line": {"agc_lambda": 0}}, "--agc_lambda=0: allowed is a number above 0"),
    ({"config_dict": {"clip_grad_norm": 5}}, "clip_grad_norm=5: allowed is ~ or {max_norm: a number above 0}"),
    ({"config_dict": {"clip_grad_norm": {"max": 5}}}, "clip_grad_norm={'max': 5}: allowed is ~ or {max_norm: "),
    ({"command_line": {"agc_exclude": "x"}}, "--agc_exclude='x': allowed is a list of words"),
    ({"command_line": {"state": "LOUD"}}, "--state='LOUD': allowed is one of DEBUG"),
    ({"command_line": {"target_attention_backend": "gpu"}}, "allowed is one of auto, reference, cpu, cuda$"),
    (
        {"command_line": {"preset": "best"}},
        "preset=best: no such preset of TAGNNPP; there are fast, paper, recommended, released_code",
    ),
    ({"command_line": {"preset": "paper.diginetica"}}, "preset=paper.diginetica: no such preset of TAGNNPP"),
    (
        {"model": "SRGNN", "command_line": {"preset": "best"}},
        "preset=best: no such preset of SRGNN; there are baseline, and ~ for none",
    ),
    ({"model": "SASRec", "command_line": {"preset": "paper"}}, "preset=paper: no such preset of SASRec; SASRec has none"),
    ({"config_file_list": ["none.yaml"]}, "none.yaml: no such file"),
]


@pytest.mark.parametrize(("changes", "message"), CASES, ids=str)
def test_wrong_settings_give_one_line(changes: dict, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        SessionConfig(**{"model": "TAGNNPP", "dataset": "demo", **changes})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs: [1", "c.yaml:[12]: not valid YAML"),
        ("epochs: 1\nseed: 1\nepochs: 2\n", "c.yaml:3: not valid YAML \\(key 'epochs' is given twice\\)"),
        ("- epochs\n", "c.yaml: must be lines of 'key: value', found a list"),
        ("a: !!python/object/apply:os.getcwd []\n", "c.yaml:1: not valid YAML \\(could not determine a constructor"),
        ("epoch: 1\n", "c.yaml: epoch: unknown key; did you mean epochs"),
        ("epochs: many\n", "c.yaml: epochs='many': allowed is a whole number"),
    ],
)
def test_wrong_files_give_one_line_with_their_name(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        SessionConfig("TAGNNPP", "demo", [write("c.yaml", text)])


def test_file_that_is_not_text() -> None:
    Path("c.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"c\.yaml: not readable as UTF-8 text"):
        SessionConfig("TAGNNPP", "demo", ["c.yaml"])


SHIPPED = sorted((REPOSITORY / "properties").rglob("*.yaml"))


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_every_shipped_key_has_a_comment(file: Path) -> None:
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        if line and not line.lstrip().startswith("#") and line != "preparation:":
            assert re.search(r"  # \(\w[\w ]*\) \S", line), f"{file}:{number}"


PRESETS = [file for file in (REPOSITORY / "properties" / "preset").glob("*/*.yaml") if "." not in file.stem]


@pytest.mark.parametrize("dataset", ["demo", "diginetica", "yoochoose1_64", "yoochoose1_4", "example"])
@pytest.mark.parametrize("preset", PRESETS, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_shipped_files_make_configurations(dataset: str, preset: Path) -> None:
    config = SessionConfig(preset.parent.name, dataset, config_dict={"preset": preset.stem})
    PreparationRules.from_mapping(config["preparation"], where=dataset)
    assert config["loss_type"] == "CE"


def test_recboles_yaml_loader_is_left_alone() -> None:
    SessionConfig("SRGNN", "demo")
    assert yaml.full_load("a: 1e-3") == {"a": "1e-3"}


def test_property_files_of_the_working_directory_come_first(tmp_path: Path) -> None:
    (tmp_path / "properties" / "dataset").mkdir(parents=True)
    (tmp_path / "properties" / "dataset" / "mine.yaml").write_text("preparation:\n  test_days: 3\n")
    assert property_folders()[0] == Path("properties")
    assert SessionConfig("TAGNNPP", "mine")["preparation"] == {"test_days": 3}
    assert SessionConfig("TAGNNPP", "demo")["preparation"]["source_format"] == "recbole_inter"
