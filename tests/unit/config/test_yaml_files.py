"""Values and files: what is read as what, and what is refused."""

from pathlib import Path

import pytest

from recbole_tagnnpp.config.yaml_files import parse_value, read_yaml
from recbole_tagnnpp.errors import UserError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001), ("1.0e-5", 1e-5), ("-2E4", -20000.0), (".5", 0.5), ("3", 3), ("true", True), ("False", False),
        ("~", None), ("null", None), ("[1, 2e-1, a]", [1, 0.2, "a"]), ("{a: 1}", {"a": 1}), ("1/64", "1/64"),
        ("2020-01-02", "2020-01-02"), ("2020-13-45", "2020-13-45"), ("'5'", "5"), ("a b", "a b"),
    ],
)  # fmt: skip
def test_plain_values(text: str, value: object) -> None:
    found = parse_value(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[5,inf)", "expected ',' or ']'"),
        ("!!binary aGVsbG8=", "could not determine a constructor for the tag .*binary"),
        ("!!set {a}", "could not determine a constructor for the tag .*set"),
        ("{!!set {a}: 1}", "could not determine a constructor"),
        ("!!timestamp 2020-01-02", "could not determine a constructor"),
        ("!!python/name:os.system", "could not determine a constructor"),
        ("&a [*a]", "aliases are not supported"),
        ("{[1]: 2}", "a key must be a word"),
        ("{a: 1, a: 2}", "key 'a' is given twice"),
        ("[" * 3000, "nested too deeply"),
        ("9" * 5000, "Exceeds the limit"),
        ("!!bool maybe", "maybe"),
        ('!!int ""', "index out of range"),
        ('!!float ""', "index out of range"),
    ],
)
def test_values_that_are_refused(text: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"is not readable as a value .*{reason}") as caught:
        parse_value(text)
    assert len(str(caught.value)) < 500
    file = tmp_path / "a.yaml"
    file.write_text(f"seed: 1\nkey: {text}\n")
    with pytest.raises(UserError, match=rf"a\.yaml(:\d+)?: not valid YAML \(.*{reason}"):
        read_yaml(file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1: 2\n", "a.yaml: 1: a key must be a word, not of type int"),
        ("yes: 1\n", "a.yaml: True: a key must be a word, not of type bool"),
        ("hello\n", "a.yaml: must be lines of 'key: value', found a str"),
        ("a: 1\n---\na: 2\n", "a.yaml:2: not valid YAML"),
        ("\ta: 1\n", "a.yaml:1: not valid YAML"),
        ("b: {a: 1, a: 2}\n", "a.yaml:1: not valid YAML \\(key 'a' is given twice"),
    ],
)
def test_files_that_are_refused(text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text(text)
    with pytest.raises(UserError, match=message):
        read_yaml(Path("a.yaml"))


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_yaml(tmp_path / "a.yaml")
    with pytest.raises(UserError, match=rf"^{tmp_path}: a folder; allowed is a YAML file$"):
        read_yaml(tmp_path)
    (tmp_path / "a.yaml").write_bytes(b"a: \xff\n")
    with pytest.raises(UserError, match="not readable as UTF-8 text"):
        read_yaml(tmp_path / "a.yaml")


def test_empty_file_is_no_setting(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("# nothing\n")
    assert read_yaml(tmp_path / "a.yaml") == {}
