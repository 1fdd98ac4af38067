"""Values: limits, what depends on what, and keys that nothing here reads."""

import re
from typing import Any

import pytest
from recbole.evaluator import metric_types

from recbole_tagnnpp.config.allowed_values import RANKING_METRICS, RULES, RULES_OF_RECBOLES_MODELS
from recbole_tagnnpp.config.fixed_keys import FIXED, UNUSED
from recbole_tagnnpp.config.layers import merge_layers
from recbole_tagnnpp.config.models import known_models
from recbole_tagnnpp.errors import UserError
from tests.conftest import REPOSITORY


def settings(model: str = "TAGNNPP", **values: Any) -> dict[str, Any]:
    return merge_layers(model, "demo", command_line=values).final


def test_metrics_are_those_of_recbole_that_have_a_cut_off() -> None:
    ranking = {name for name, kind in metric_types.items() if kind.name == "RANKING"}
    assert set(RANKING_METRICS) == ranking - {"gauc"}


@pytest.mark.parametrize("model", known_models())
def test_defaults_of_every_model_are_allowed(model: str) -> None:
    assert settings(model)["loss_type"] == "CE"


@pytest.mark.parametrize(
    ("key", "value", "is_allowed"),
    [
        ("seed", 2**32 - 1, True), ("seed", 2**32, False), ("seed", True, False),
        ("hidden_dropout_prob", 0, True), ("hidden_dropout_prob", 0.999, True), ("hidden_dropout_prob", 1, False),
        ("learning_rate", 1e-9, True), ("learning_rate", 0, False), ("learning_rate", float("nan"), False),
        ("weight_decay", 0, True), ("weight_decay", -1e-9, False), ("weight_decay", float("inf"), False),
        ("topk", [20], True), ("topk", 20, True), ("topk", [], False), ("topk", [True, 20], False), ("topk", "20", False),
        ("metrics", "mrr", True), ("metrics", [], False), ("metrics", ["MRR", 5], False), ("metrics", ["GAUC"], False),
        ("gpu_id", 0, True), ("gpu_id", "1", True), ("gpu_id", -1, False), ("gpu_id", "a", False), ("gpu_id", None, False),
        ("step_decay_factor", 1, True), ("step_decay_factor", 1.01, False), ("step_decay_factor", 0, False),
        ("minimum_learning_rate", 0.001, True), ("minimum_learning_rate", 1.0, False),
        ("n_heads", 100, True), ("n_heads", 3, False),
        ("preparation", {"test_days": 1}, True), ("preparation", 5, False),
        ("nproc", 100, True), ("nproc", 101, False), ("enable_scaler", True, False), ("enable_amp", True, True),
        ("stopping_step", 0, True), ("eval_step", 0, False), ("threads", None, True), ("epochs", 10.0, False),
        ("learning_rate", 10**400, False), ("weight_decay", 10**400, False),
        ("clip_grad_norm", {"max_norm": 10**400}, False),
        ("warmup_steps", 10**400, False), ("embedding_size", 2**31, False), ("MAX_ITEM_LIST_LENGTH", 10**30, False),
        ("metric_decimal_place", 16, False), ("metric_decimal_place", 15, True), ("topk", [20, 2**31], False),
        ("results_path", "a\0b", False), ("data_path", "\ud800", False), ("checkpoint_dir", "ü b", True),
    ],
)  # fmt: skip
def test_limits(key: str, value: Any, is_allowed: bool) -> None:
    if is_allowed:
        settings(**{key: value})
    else:
        with pytest.raises(UserError, match=f"--{key}="):
            settings(**{key: value})


@pytest.mark.parametrize(
    ("model", "key", "value", "message"),
    [
        ("SASRec", "n_heads", 3, "must divide hidden_size=64"),
        ("CORE", "n_heads", 3, "must divide embedding_size=64"),
        ("SASRec", "hidden_act", "elu", "one of gelu, relu, swish, tanh, sigmoid"),
        ("GRU4Rec", "dropout_prob", 1.5, "below 1"),
        ("GRU4Rec", "hidden_size", "wide", "a whole number"),
        ("GRU4Rec", "num_layers", 0, "a whole number of at least 1"),
        ("NARM", "dropout_probs", [0.1], "two numbers"),
        ("NARM", "dropout_probs", [0.1, 1.0], "two numbers"),
        ("GCSAN", "weight", "much", "a value like 0.6"),
        ("RepeatNet", "joint_train", 1, "a value like False"),
        ("NextItNet", "dilations", 3, "a list of whole numbers"),
        ("NextItNet", "dilations", ["a"], "a list of whole numbers"),
        ("NextItNet", "block_num", -1, "a whole number of at least 1"),
        ("CORE", "dnn_type", "foo", "one of trm, ave"),
        ("LightSANs", "k_interests", 2.5, "a whole number"),
        ("GRU4RecCPR", "n_facet", 1.5, "a value like 1"),
        ("GRU4RecCPR", "n_facet", 2**31, "a value like 1"),
        ("FEARec", "global_ratio", 5, "above 0 and at most 1"),
        ("SASRec", "threads", 100_000, "at most 1024"),
    ],
)
def test_keys_of_recboles_models(model: str, key: str, value: Any, message: str) -> None:
    with pytest.raises(UserError, match=f"--{key}=.*: .*{message}"):
        settings(model, **{key: value})


def test_whole_numbers_are_numbers() -> None:
    assert settings("GCSAN", weight=1)["weight"] == 1


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"mode": "full"},
        {"mode": {"valid": "full", "test": "full"}},
        {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"},
    ],
)
def test_evaluation_arguments_may_say_what_is_done_anyway(said: dict) -> None:
    assert settings(eval_args=said)["eval_args"] == FIXED["eval_args"].value


@pytest.mark.parametrize(
    "said",
    [
        5,
        None,
        {"mode": "uni100"},
        {"mode": {"valid": "uni100", "test": "full"}},
        {"split": {"RS": [0.8, 0.1, 0.1]}},
        {"order": "RO"},
        {"group_by": "none"},
        {"modus": "full"},
    ],
)
def test_evaluation_arguments_that_would_be_ignored_are_refused(said: Any) -> None:
    with pytest.raises(UserError, match=r"--eval_args=.*allowed is only .*every item is ranked"):
        settings(eval_args=said)


@pytest.mark.parametrize("key", sorted(FIXED))
def test_keys_of_the_protocol_have_one_value(key: str) -> None:
    assert settings()[key] == settings("SRGNN")[key] == FIXED[key].value
    with pytest.raises(UserError, match=f"--{key}='other': allowed is only"):
        settings(**{key: "other"})


@pytest.mark.parametrize(("key", "equal"), [("repeatable", 1), ("worker", False), ("worker", 0.0)])
def test_what_only_equals_the_one_value_is_another(key: str, equal: Any) -> None:
    assert equal == FIXED[key].value
    with pytest.raises(UserError, match=f"--{key}={equal}: allowed is only"):
        settings(**{key: equal})


@pytest.mark.parametrize("key", sorted(UNUSED))
def test_keys_without_effect_are_refused(key: str) -> None:
    with pytest.raises(UserError, match=f"--{key}='other': has no effect here, {re.escape(UNUSED[key])}"):
        settings(**{key: "other"})
    settings(**{key: settings()[key]})


def test_tables_do_not_overlap() -> None:
    assert not (RULES.keys() & FIXED.keys() | RULES.keys() & UNUSED.keys() | FIXED.keys() & UNUSED.keys())


def test_the_learning_rate_ends_no_higher_than_it_begins() -> None:
    settings(learning_rate=0.003, minimum_learning_rate=0.003)
    with pytest.raises(UserError, match="--minimum_learning_rate="):
        settings(learning_rate=0.003, minimum_learning_rate=0.0031)


def test_every_key_of_training_and_evaluation_is_explained_in_the_property_file() -> None:
    text = (REPOSITORY / "properties" / "overall.yaml").read_text()
    models = "".join(file.read_text() for file in (REPOSITORY / "properties" / "model").glob("*.yaml"))
    of_recbole = {"hidden_size", "num_layers", "step", "dropout_prob", "initializer_range", "temperature"}
    for key in RULES.keys() - {"gpu_id", "preparation"} - of_recbole - RULES_OF_RECBOLES_MODELS.keys():
        assert re.search(rf"^{key}: .*# \(\w", text + models, flags=re.MULTILINE), key
    assert "gpu_id" in text
