"""Sessions to recommend for: from item names to the numbers that the model knows."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recbole_tagnnpp.data.rules import PreparationRules
from recbole_tagnnpp.data.session_sequences import IntArray, SessionSequences
from recbole_tagnnpp.data.sources import click_csv, recbole_inter
from recbole_tagnnpp.data.sources.detection import first_characters
from recbole_tagnnpp.errors import UserError, is_unicode


@dataclass(frozen=True)
class NewSessions:
    """Sessions in the model's item numbers.

    Attributes:
        ids: [S] names of all sessions.
        known: [K] int64, ascending: which of them have an item that the model knows.
        sequences: [K] the clicks of those; unknown items are left out.
    """

    ids: list[str]
    known: IntArray
    sequences: SessionSequences


def sessions_of_items(
    sessions: Iterable[Iterable[str]],
    vocabulary: pa.Array,
    skip_unknown: bool,
    where: Callable[[str, str], str] = lambda session, item: f"session {session}: ",
) -> NewSessions:
    """Sessions given as item names; their own names are their places, from 0.

    Args:
        sessions: clicks of each, oldest first.
        vocabulary: names of items 1, 2, ...
        skip_unknown: leave clicks on unknown items out instead of refusing them.
        where: what the message about a session's unknown item begins with.

    Raises:
        UserError: a session is empty, or an item is unknown.
    """
    if not isinstance(sessions, Iterable) or isinstance(sessions, str):
        raise UserError(f"sessions must be a list of lists of item names, found {str(sessions)[:80]!r}")
    items: list[str] = []
    ends = [0]
    for place, session in enumerate(sessions):
        clicks = list(session) if isinstance(session, Iterable) and not isinstance(session, str) else None
        if clicks is None or not all(isinstance(item, str) for item in clicks):
            raise UserError(f"session {place}: must be a list of item names, found {str(session)[:80]!r}")
        if not clicks:
            raise UserError(f"session {place}: has no clicks; at least one is needed")
        if not all(is_unicode(item) for item in clicks):
            raise UserError(f"session {place}: holds a name that is not Unicode text: {clicks!r:.80}")
        items += clicks
        ends.append(len(items))
    names = [str(place) for place in range(len(ends) - 1)]
    return _numbered(names, pa.array(items, pa.string()), np.array(ends), vocabulary, skip_unknown, where)


def sessions_of_file(
    path: Path, rules: PreparationRules, vocabulary: pa.Array, skip_unknown: bool, show_progress: bool
) -> NewSessions:
    """Sessions of a click log in the form of ``<dataset>.inter`` or ``.csv``: session, item and time of every click.

    Args:
        path: the log.
        rules: name its columns; with ``session_gap_minutes`` the newest session of each visitor is taken.
        vocabulary, skip_unknown: see :func:`sessions_of_items`.
        show_progress: progress bar.

    Raises:
        UserError: the file is missing or malformed, or an item is unknown.
    """
    is_csv = click_csv.is_named_so(path)
    if not is_csv and not recbole_inter.has_header(path):
        raise UserError(
            f"{path}:1: neither called .csv nor an atomic file, whose first line has name:type columns with tabs between "
            f"them; found {first_characters(path)!r}"
        )
    table = (click_csv if is_csv else recbole_inter).open_table(path, rules)
    clicks = table.read(show_progress)
    if rules.session_gap_minutes is not None:
        clicks = clicks.newest_visits(rules.session_gap_minutes)

    def where(session: str, item: str) -> str:
        return f"{path}:{table.line_of(clicks.first_row(session, item))}: session {session!r}: "

    log = clicks.to_log()
    tokens = log.item_tokens.take(pa.array(log.sessions.items))
    return _numbered(log.sessions.ids.to_pylist(), tokens, log.sessions.ends, vocabulary, skip_unknown, where)


def _numbered(
    ids: list[str],
    tokens: pa.Array,
    ends: IntArray,
    vocabulary: pa.Array,
    skip_unknown: bool,
    where: Callable[[str, str], str],
) -> NewSessions:
    """Sessions in item numbers; ``where`` gives the session and place of an unknown item, for the message."""
    numbers = pc.index_in(tokens, value_set=vocabulary)
    is_known = numbers.is_valid().to_numpy(zero_copy_only=False)
    session_of_click = np.repeat(np.arange(len(ids)), np.diff(ends))
    if not skip_unknown and not is_known.all():
        click = int(np.argmin(is_known))
        session, item = ids[session_of_click[click]], tokens[click].as_py()
        raise UserError(
            f"{where(session, item)}item {item!r} is none of the {len(vocabulary)} items that the model knows; "
            "--unknown_items=skip (in Python skip_unknown=True) leaves such clicks out"
        )
    lengths = np.bincount(session_of_click[is_known], minlength=len(ids))
    known = np.flatnonzero(lengths)
    items = pc.drop_null(numbers).to_numpy().astype(np.int64) + 1
    return NewSessions(ids, known, SessionSequences.without_targets(items, np.append(0, np.cumsum(lengths[known]))))
