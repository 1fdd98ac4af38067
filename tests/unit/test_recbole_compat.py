"""Mends of RecBole."""

import re

import numpy as np

import recbole_tagnnpp.recbole_compat  # noqa: F401
from recbole_tagnnpp.config.properties import recbole_property_folder


def test_numpy_has_every_name_that_recbole_asks_of_it() -> None:
    sources = recbole_property_folder().parent.rglob("*.py")
    names = {name for file in sources for name in re.findall(r"\bnp\.(\w+)", file.read_text(encoding="utf-8"))}
    assert {"float_", "float", "concatenate"} <= names
    assert sorted(name for name in names if not hasattr(np, name)) == []
    assert np.bool is np.bool_
