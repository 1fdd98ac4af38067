"""YAML that only makes plain values, with RecBole's idea of a float (``1e-3`` is one)."""

import re
from pathlib import Path
from typing import Any

import yaml

from recbole_tagnnpp.errors import UserError

_FLOAT = re.compile(
    r"""^(?:
        [-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?
        |[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+
        |[-+]?\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?
        |[-+]?\.(?:inf|Inf|INF)
        |\.(?:nan|NaN|NAN)
    )$""",
    re.VERBOSE,
)

UNREADABLE = (yaml.YAMLError, ValueError, LookupError, RecursionError)
"""What PyYAML raises: also for integers of thousands of digits, for tags as ``!!bool maybe``, for thousands of brackets."""


class PlainLoader(yaml.SafeLoader):
    """Safe loader that reads ``1e-3`` as a number and refuses what has no place in a configuration.

    Refused are a key that is given twice, aliases (``*x`` can make a value contain itself), and tags that make anything
    but text, numbers, booleans, lists and mappings; dates stay text.  RecBole changes ``yaml.FullLoader`` for the whole
    process instead (configurator.py, ``_build_yaml_loader``).
    """

    yaml_constructors = {  # noqa: RUF012  (the name and form PyYAML reads)
        tag: construct
        for tag, construct in yaml.SafeLoader.yaml_constructors.items()
        if tag is None or tag.rpartition(":")[2] in ("null", "bool", "int", "float", "seq", "map", "str")
    }
    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [entry for entry in resolvers if not entry[0].endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose a node, raising on aliases."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases are not supported", self.peek_event().start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping, raising on duplicate keys."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, (list, dict)):
                raise yaml.constructor.ConstructorError(None, None, "a key must be a word", key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


PlainLoader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))


def parse_value(text: str) -> Any:
    """The value of ``--key=text``: number, boolean, list, mapping, ``~`` or ``None`` for nothing, else the text.

    Raises:
        ValueError: unbalanced brackets or quotes, or a value that configurations do not have.
    """
    if text == "None":
        return None
    try:
        return yaml.load(text, Loader=PlainLoader)
    except UNREADABLE as problem:
        raise ValueError(f"{shortened(text)} is not readable as a value ({_reason(problem)})") from problem


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a file of ``key: value`` lines; an empty file is an empty mapping.

    Raises:
        UserError: the file is missing, not readable, not YAML, or not a mapping of words to values.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as problem:
        raise UserError(f"{path}: no such file") from problem
    except OSError as problem:
        raise UserError(f"{path}: {'a folder' if path.is_dir() else problem.strerror}; allowed is a YAML file") from problem
    except UnicodeDecodeError as problem:
        raise UserError(f"{path}: not readable as UTF-8 text ({problem})") from problem
    try:
        content = yaml.load(text, Loader=PlainLoader)
    except UNREADABLE as problem:
        mark = getattr(problem, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        raise UserError(f"{path}{line}: not valid YAML ({_reason(problem)})") from problem
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UserError(f"{path}: must be lines of 'key: value', found a {type(content).__name__}")
    for key in content:
        if not isinstance(key, str):
            raise UserError(f"{path}: {key!r}: a key must be a word, not of type {type(key).__name__}")
    return content


def shortened(value: Any) -> str:
    """A value as messages show it."""
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:150]} ... ({len(text)} characters)"


def _reason(problem: Exception) -> str:
    if isinstance(problem, RecursionError):
        return "nested too deeply"
    return getattr(problem, "problem", None) or str(problem).splitlines()[0]
