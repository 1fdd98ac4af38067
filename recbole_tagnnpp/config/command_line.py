"""``--key=value`` arguments, RecBole's syntax, parsed from a list that is handed in."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from recbole_tagnnpp.config.yaml_files import parse_value, read_yaml, shortened
from recbole_tagnnpp.errors import UserError, is_unicode
from recbole_tagnnpp.files import user_path


def parse_arguments(arguments: Sequence[str], texts: Collection[str] = ()) -> dict[str, Any]:
    """Turn ``["--dataset=demo", "--topk=[5, 10]"]`` into ``{"dataset": "demo", "topk": [5, 10]}``.

    RecBole reads ``sys.argv`` of whatever program runs and puts values through ``eval``; this does neither.

    Args:
        arguments: of the command line.
        texts: keys whose values stay as they are written.

    Raises:
        UserError: an argument is not ``--key=value``, a key is given twice with different values, a value is broken.
    """
    found: dict[str, Any] = {}
    for argument in arguments:
        if not is_unicode(argument):
            raise UserError(f"argument {argument!r}: not UTF-8 text")
        key, equals, text = argument.removeprefix("--").partition("=")
        if not argument.startswith("--") or not key:
            raise UserError(f"argument {argument!r}: arguments are written --key=value")
        if not equals:
            raise UserError(f"argument {argument!r}: has no value, write {argument}=value")
        if "-" in key:
            raise UserError(f"argument {argument!r}: keys have underscores, write --{key.replace('-', '_')}={text}")
        if key in texts and not text:
            raise UserError(f"argument {argument!r}: has nothing behind the =")
        try:
            value = text if key in texts else parse_value(text)
        except ValueError as problem:
            is_cut_off = text[:1] in ("[", "{") and text.endswith((",", ":"))  # by the shell, at a space
            hint = f'; a value with spaces needs quotes, --{key}="..."' if is_cut_off else ""
            raise UserError(f"argument --{key}: {problem}{hint}") from problem
        if key in found and found[key] != value:
            raise UserError(f"argument --{key}: given twice, with {found[key]!r} and {value!r}")
        found[key] = value
    return found


def check_argument_names(command: str, settings: Mapping[str, Any], allowed: Iterable[str]) -> None:
    """Refuse arguments that a command does not have.

    Raises:
        UserError: names the first of them, and those that there are.
    """
    names = list(allowed)
    for key in settings:
        if key not in names:
            there_are = ", ".join("--" + name for name in names)
            raise UserError(f"--{key}: unknown argument of {command}; there are {there_are}")


def config_files(settings: dict[str, Any]) -> list[str]:
    """``--config_files=a.yaml,b.yaml``; RecBole separates with spaces, which is allowed where no path holds one."""
    value = settings.pop("config_files", None)
    if value is None:
        return []
    if not isinstance(value, list):
        text = str(value)
        is_path = user_path(text).is_file()
        value = [text] if is_path else [part.strip() for part in text.split(",")] if "," in text else text.split()
    return [str(user_path(str(file))) for file in value if file != ""]


def take_model(settings: dict[str, Any], files: list[str]) -> str:
    """Take the model out of a command line; without one it is that of the config files.

    Raises:
        UserError: the argument is not a name.
    """
    if "model" not in settings:
        return model_of(files)
    model = settings.pop("model")
    if not isinstance(model, str) or not model:
        raise UserError(f"--model={shortened(model)}: allowed is the name of a model")
    return model


def model_of(files: list[str]) -> str:
    """The model that config files name, else TAGNN++."""
    named = [content["model"] for content in (read_yaml(Path(file)) for file in files) if content.get("model")]
    return str(named[-1]) if named else "TAGNNPP"
