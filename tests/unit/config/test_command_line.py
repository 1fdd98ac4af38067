"""``--key=value`` arguments."""

from pathlib import Path

import pytest

from recbole_tagnnpp.config.command_line import config_files, parse_arguments
from recbole_tagnnpp.errors import UserError


def test_values_are_what_they_look_like() -> None:
    arguments = [
        "--dataset=demo", "--epochs=3", "--learning_rate=1e-3", "--use_gnn=False", "--agc_lambda=~", "--preset=None",
        "--topk=[5, 10]", "--clip_grad_norm={'max_norm': 5}", "--note=a=b", "--empty=",
    ]  # fmt: skip
    assert parse_arguments(arguments) == {
        "dataset": "demo", "epochs": 3, "learning_rate": 0.001, "use_gnn": False, "agc_lambda": None, "preset": None,
        "topk": [5, 10], "clip_grad_norm": {"max_norm": 5}, "note": "a=b", "empty": None,
    }  # fmt: skip


@pytest.mark.parametrize("text", ["__import__('os').getcwd()", "1+1"])
def test_text_is_never_evaluated(text: str) -> None:
    assert parse_arguments([f"--key={text}"]) == {"key": text}


def test_yaml_tags_that_would_run_code_are_refused() -> None:
    with pytest.raises(UserError, match=r"argument --key: .* is not readable as a value"):
        parse_arguments(["--key=!!python/object/apply:os.getcwd []"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["demo"], "argument 'demo': arguments are written --key=value"),
        (["--"], "arguments are written --key=value"),
        (["-d=demo"], "arguments are written --key=value"),
        (["--=3"], "arguments are written --key=value"),
        (["--refit"], "argument '--refit': has no value, write --refit=value"),
        (["--train-batch-size=5"], "keys have underscores, write --train_batch_size=5"),
        (["--topk=[5, 10"], "argument --topk: '\\[5, 10' is not readable as a value [^;]*$"),
        (["--topk=[5,", "10]"], 'argument --topk: .*; a value with spaces needs quotes, --topk="..."'),
        (["--seed=1", "--seed=2"], "argument --seed: given twice, with 1 and 2"),
    ],
)
def test_wrong_arguments(arguments: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_arguments(arguments)


@pytest.mark.parametrize(
    ("value", "files"),
    [
        (None, []),
        ("a.yaml", ["a.yaml"]),
        ("a.yaml,b.yaml", ["a.yaml", "b.yaml"]),
        ("a.yaml b.yaml", ["a.yaml", "b.yaml"]),
        ("a.yaml, my cfg/b.yaml", ["a.yaml", "my cfg/b.yaml"]),
        ("my cfg/b.yaml", ["my cfg/b.yaml"]),
        (["a.yaml", "c d.yaml"], ["a.yaml", "c d.yaml"]),
        ("~/a.yaml", ["/home/me/a.yaml"]),
    ],
)
def test_config_files(value: object, files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    Path("my cfg").mkdir()
    Path("my cfg/b.yaml").write_text("")
    settings = {} if value is None else {"config_files": value}
    assert config_files(settings) == files
    assert settings == {}


def test_texts_stay_as_they_are_written() -> None:
    texts = ("output", "dataset", "source")
    for text in ("2024_06", "01", "None", "true", "~", "best #3.tsv", "[old].inter", "shop: june.inter", "-"):
        assert parse_arguments([f"--output={text}"], texts) == {"output": text}
