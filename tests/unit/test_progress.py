"""Progress bars outside a terminal."""

import sys

import pytest

from recbole_tagnnpp.progress import progress_bar


def test_what_comes_after_a_bar_begins_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), progress_bar(None, "read", True, total=7) as bar:
        bar.update(3)
        raise KeyError
    print("error: a line of its own", file=sys.stderr)
    assert capsys.readouterr().err.split("\n")[-2] == "error: a line of its own"  # splitlines would split at CR, too


def test_no_bar_where_none_is_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress_bar([1, 2], "read", False)) == [1, 2]
    assert capsys.readouterr().err == ""
