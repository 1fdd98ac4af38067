"""Clicks of a log with their times, on the way to sessions: by name, or where a visitor pauses."""

from dataclasses import dataclass, replace
from functools import cached_property
from logging import getLogger

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recbole_tagnnpp.data.rules import PreparationRules
from recbole_tagnnpp.data.sessions import BoolArray, ClickLog, IntArray, encode_ids, sessions_of_clicks

MINUTES_OF_DAY = 1_440
LARGEST_SHARE_WITH_GAP = 0.01
"""Of sessions with more than a day between two clicks, before somebody should look at what their column names."""


@dataclass(frozen=True)
class Clicks:
    """Clicks in the order of their log.

    Attributes:
        session_ids: [n] string, the session, or the visitor, of each click.
        rows: [n] int64, their rows in the log, from 0.
        item_codes: [n] int64.
        item_tokens: token of each item code.
        times: [n] int64 or float64, since 1970.
        ticks_per_second: their unit.
    """

    session_ids: pa.ChunkedArray
    rows: IntArray
    item_codes: IntArray
    item_tokens: pa.Array
    times: npt.NDArray
    ticks_per_second: int

    @cached_property
    def _visitors(self) -> tuple[IntArray, pa.Array]:
        """[n] int64 visitor of each click, and the visitors' names."""
        return encode_ids(self.session_ids)

    def first_row(self, session_id: str, item: str) -> int:
        """Row in the log of the first click of a session on an item."""
        code = self.item_tokens.index(item).as_py()
        is_it = pc.equal(self.session_ids, session_id).to_numpy() & (self.item_codes == code)
        return int(self.rows[np.argmax(is_it)])

    def to_log(self) -> ClickLog:
        """Group the clicks by their session ids; dates are seconds."""
        dates = np.floor_divide(self.times, self.ticks_per_second).astype(np.int64)
        return ClickLog(sessions_of_clicks(self.session_ids, self.item_codes, self.times, dates), self.item_tokens)

    def visits(self, gap_minutes: float) -> IntArray:
        """[n] int64, which visit of its visitor each click belongs to, counted from 1.

        Args:
            gap_minutes: a visit ends where the next click of the visitor comes later than that.
        """
        visitor, _ = self._visitors
        order = np.lexsort((self.times, visitor))  # stable
        begins_visitor = np.diff(visitor[order], prepend=-1) != 0
        begins_visit = begins_visitor.copy()
        begins_visit[1:] |= np.diff(self.times[order]) > gap_minutes * 60 * self.ticks_per_second
        of_all_visitors = np.cumsum(begins_visit)
        of_earlier_visitors = np.maximum.accumulate(np.where(begins_visitor, of_all_visitors - 1, 0))
        visits = np.empty_like(visitor)
        visits[order] = of_all_visitors - of_earlier_visitors
        return visits

    def split_into_visits(self, gap_minutes: float) -> "Clicks":
        """Make each visit a session: those of ``v`` are called ``v/1``, ``v/2``, ..."""
        numbers = pa.array(self.visits(gap_minutes)).cast(pa.string())
        return replace(self, session_ids=pc.binary_join_element_wise(self.session_ids, numbers, "/"))

    def newest_visits(self, gap_minutes: float) -> "Clicks":
        """Keep only the newest visit of each visitor, under the visitor's name."""
        visitor, names = self._visitors
        visits = self.visits(gap_minutes)
        newest = np.zeros(len(names), dtype=np.int64)
        np.maximum.at(newest, visitor, visits)
        return self._keep(visits == newest[visitor])

    def count_with_gap(self, gap_minutes: float) -> tuple[int, int]:
        """How many sessions fall into several visits, and how many have several clicks."""
        session, _ = self._visitors
        with_gap = np.unique(session[self.visits(gap_minutes) > 1])
        return len(with_gap), int(np.count_nonzero(np.bincount(session) > 1))

    def _keep(self, keep: BoolArray) -> "Clicks":
        return replace(
            self,
            session_ids=self.session_ids.filter(pa.array(keep)),
            rows=self.rows[keep],
            item_codes=self.item_codes[keep],
            times=self.times[keep],
        )


def to_sessions(clicks: Clicks, rules: PreparationRules, where: str) -> ClickLog:
    """Sessions as ``session_gap_minutes`` says: visits, or what the log itself calls sessions.

    Args:
        clicks: the log.
        rules: of the preparation.
        where: the source, for a warning where the log seems to name visitors.
    """
    if rules.session_gap_minutes is not None:
        return clicks.split_into_visits(rules.session_gap_minutes).to_log()
    with_gap, several_clicks = clicks.count_with_gap(MINUTES_OF_DAY)
    if with_gap > LARGEST_SHARE_WITH_GAP * several_clicks:
        getLogger().warning(
            f"{where}: {with_gap} of {several_clicks} sessions with several clicks have more than a day between two of "
            f"them; if {rules.session_field} names visitors, session_gap_minutes of the preparation (30, say) makes a "
            "session of each visit"
        )
    return clicks.to_log()
