"""Spaces against the configuration around them: every mistake before anything runs."""

from pathlib import Path
from typing import Any

import pytest

from recbole_tagnnpp.config.layers import merge_layers
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.search.space import read_space
from recbole_tagnnpp.experiment.search.space_check import check_space, problem_of


def check(folder: Path, text: str, model: str = "TAGNNPP", **command_line: Any) -> None:
    file = folder / "hyper.test"
    file.write_text(f"# first line\n{text}\n")
    check_space(read_space(file), merge_layers(model, "demo", command_line=command_line))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learning_rates choice [0.1]", "hyper.test:2: learning_rates: unknown key; did you mean learning_rate?"),
        ("xyzzy choice [0.1]", "hyper.test:2: xyzzy: unknown key; see properties"),
        ("dataset choice ['demo']", "hyper.test:2: dataset: cannot be searched, it chooses property files"),
        ("topk choice [5]", "hyper.test:2: topk: cannot be searched, scores of trials could not be compared"),
        ("refit choice [True]", "hyper.test:2: refit: cannot be searched, trials are scored before it"),
        ("seed choice [1, 2]", "hyper.test:2: seed: cannot be searched, the luckiest seed is no better setting"),
        ("resume choice [True]", "hyper.test:2: resume: cannot be searched, it does not change results"),
        ("nproc choice [1, 2]", "hyper.test:2: nproc: cannot be searched, it does not change results"),
        ("learning_rate choice [0.1, 0.0]", "hyper.test:2: learning_rate=0.0: allowed is a number above 0"),
        ("learning_rate uniform 0.0,0.1", "hyper.test:2: learning_rate=0.0: allowed is a number above 0"),
        ("label_smoothing uniform 0.0,1.0", "hyper.test:2: label_smoothing=1.0: allowed is"),
        ("train_batch_size uniform 10,20", "hyper.test:2: train_batch_size=10.0: allowed is a whole number"),
        ("train_batch_size quniform 10,20.5,5", "hyper.test:2: train_batch_size=10.0: allowed is a whole number"),
        ("n_layers randint 0,2", "hyper.test:2: n_layers=0: allowed is"),
        ("n_heads choice [2, 3]", "hyper.test:2: n_heads=3: must divide embedding_size=100"),
        ("position_order choice ['from_end', 'backwards']", "position_order='backwards': allowed is one of"),
        ("worker choice [0, 2]", "hyper.test:2: worker=2: allowed is only 0"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError) as raised:
        check(tmp_path, text)
    assert message in str(raised.value)


def test_a_key_that_the_command_line_fixes(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="learning_rate is searched here and fixed by --learning_rate; leave one"):
        check(tmp_path, "learning_rate choice [0.1]", learning_rate=0.001)


def test_values_that_need_another_searched_value(tmp_path: Path) -> None:
    check(tmp_path, "n_heads choice [2, 3]\nembedding_size choice [100, 120]")
    with pytest.raises(UserError, match=r"hyper\.test:2: n_heads=7"):
        check(tmp_path, "n_heads choice [2, 7]\nembedding_size choice [100, 120]")


def test_good_spaces(tmp_path: Path) -> None:
    check(tmp_path, "train_batch_size quniform 50,200,50\nagc_lambda choice [0.01, None]\nn_gnn_steps randint 1,3")
    check(tmp_path, "step choice [1, 2]", model="SRGNN")
    with pytest.raises(UserError, match="n_gnn_steps: unknown key"):
        check(tmp_path, "n_gnn_steps choice [1, 2]", model="NARM")


def test_problem_of_a_setting() -> None:
    layers = merge_layers("TAGNNPP", "demo")
    assert problem_of(layers, {"n_heads": 4}) is None
    assert problem_of(layers, {"n_heads": 3}) == "n_heads=3: must divide embedding_size=100"
    assert problem_of(layers, {"n_heads": 3, "embedding_size": 120}) is None
