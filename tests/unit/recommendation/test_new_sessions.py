"""From item names to numbers: order, unknown items, malformed input."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from recbole_tagnnpp.data.rules import PreparationRules
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.recommendation.new_sessions import NewSessions, sessions_of_file, sessions_of_items

VOCABULARY = pa.array(["boot", "007", "hat", "1e5", "sock"])
COLUMNS = PreparationRules(session_field="visit", item_field="product", time_field="at")


def clicks(sessions: NewSessions) -> list[list[int]]:
    return [sessions.sequences.clicks_of(n).tolist() for n in range(len(sessions.sequences))]


def write_log(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(["at:float\tvisit:token\tproduct:token", *lines]) + "\n")
    return path


def test_items_of_lists_are_numbered_from_one_in_their_order() -> None:
    new = sessions_of_items([["sock", "boot", "sock"], ["007"]], VOCABULARY, skip_unknown=False)
    assert clicks(new) == [[5, 1, 5], [2]]
    assert new.ids == ["0", "1"]
    assert new.known.tolist() == [0, 1]
    assert new.sequences.target_items.tolist() == [0, 0]


def test_unknown_items_are_refused_with_their_place() -> None:
    with pytest.raises(UserError, match=r"^session 1: item '7' is none of the 5 items that the model knows"):
        sessions_of_items([["sock"], ["007", "7"]], VOCABULARY, skip_unknown=False)


def test_unknown_items_are_left_out_and_sessions_of_nothing_else_too() -> None:
    sessions = [["x"], ["hat", "x", "boot"], ["x", "y"], ["x", "1e5"]]
    new = sessions_of_items(sessions, VOCABULARY, skip_unknown=True)
    assert clicks(new) == [[3, 1], [4]]
    assert new.known.tolist() == [1, 3]
    assert len(new.ids) == 4


def test_nothing_known_at_all() -> None:
    new = sessions_of_items([["x"], ["y"]], VOCABULARY, skip_unknown=True)
    assert clicks(new) == [] and new.known.tolist() == []


@pytest.mark.parametrize(
    ("sessions", "message"),
    [
        ([["hat"], []], "session 1: has no clicks"),
        (None, "sessions must be a list of lists of item names, found None"),
        ("hat", "sessions must be a list of lists of item names, found 'hat'"),
        (["hat"], "session 0: must be a list of item names, found 'hat'"),
        ([["hat", 3]], "session 0: must be a list of item names"),
    ],
)
def test_malformed_lists(sessions: list, message: str) -> None:
    with pytest.raises(UserError) as refused:
        sessions_of_items(sessions, VOCABULARY, skip_unknown=True)
    assert message.replace("'", "") in str(refused.value).replace("'", "")


def test_clicks_of_a_file_are_ordered_by_time_and_sessions_by_first_line(tmp_path: Path) -> None:
    file = write_log(tmp_path / "log", "9\tb\that", "5\ta\tsock", "7\tb\t1e5", "6\ta\tboot", "9\tb\t007")
    new = sessions_of_file(file, COLUMNS, VOCABULARY, skip_unknown=False, show_progress=False)
    assert new.ids == ["b", "a"]
    assert clicks(new) == [[4, 3, 2], [5, 1]]


def test_an_unknown_item_is_found_in_the_newest_visit(tmp_path: Path) -> None:
    file = write_log(tmp_path / "log", "1\ta\tscarf", "98\tb\tboot", "99\ta\that", "", "98\ta\tscarf")
    rules = replace(COLUMNS, session_gap_minutes=1)
    with pytest.raises(UserError, match=r"log:6: session 'a': item 'scarf' is none"):
        sessions_of_file(file, rules, VOCABULARY, skip_unknown=False, show_progress=False)


def test_a_table_that_is_called_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "log.txt"
    file.write_text("visit,product,at\na,hat,1\n")
    message = r"log\.txt:1: neither called \.csv nor an atomic file, .* found 'visit,product,at'"
    with pytest.raises(UserError, match=message):
        sessions_of_file(file, COLUMNS, VOCABULARY, skip_unknown=False, show_progress=False)


def test_the_newest_visit_of_a_visitor_counts(tmp_path: Path) -> None:
    rows = "99\tb\that", "9\tb\tsock", "7\ta\t1e5", "70\tb\tboot", "67\ta\t007"
    file = write_log(tmp_path / "log", *rows)
    new = sessions_of_file(
        file, replace(COLUMNS, session_gap_minutes=0.5), VOCABULARY, skip_unknown=False, show_progress=False
    )
    assert new.ids == ["b", "a"]
    assert clicks(new) == [[1, 3], [2]]
    new = sessions_of_file(
        file, replace(COLUMNS, session_gap_minutes=1), VOCABULARY, skip_unknown=False, show_progress=False
    )
    assert clicks(new) == [[1, 3], [4, 2]]


def test_file_and_session_of_an_unknown_item_are_named(tmp_path: Path) -> None:
    file = write_log(tmp_path / "log", "1\ta\that", "2\tb\tscarf")
    with pytest.raises(UserError, match=r"log:3: session 'b': item 'scarf' is none"):
        sessions_of_file(file, COLUMNS, VOCABULARY, skip_unknown=False, show_progress=False)
    new = sessions_of_file(file, COLUMNS, VOCABULARY, skip_unknown=True, show_progress=False)
    assert clicks(new) == [[3]] and new.known.tolist() == [0] and new.ids == ["a", "b"]
