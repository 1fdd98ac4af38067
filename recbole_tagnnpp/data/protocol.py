"""The protocol of SR-GNN, which the paper follows: filter, split by time, and hold out validation sessions."""

from logging import getLogger

import numpy as np

from recbole_tagnnpp.data.rules import PreparationRules
from recbole_tagnnpp.data.session_sequences import IntArray
from recbole_tagnnpp.data.sessions import ClickLog, Sessions, SplitSessions
from recbole_tagnnpp.errors import UserError

MOST_DAYS_WITHOUT_SESSION = 7


def filter_and_split(log: ClickLog, rules: PreparationRules, day: int, where: str) -> SplitSessions:
    """Apply every step of the protocol to a raw log.

    Args:
        log: the clicks.
        rules: thresholds and days.
        day: one day in the unit of the sessions' dates (1 for days, 86,400 for seconds).
        where: the source, for messages.

    Raises:
        UserError: a step leaves no session.
    """
    counts = {"raw_sessions": len(log.sessions), "raw_clicks": len(log.sessions.items)}
    sessions = _long_enough(log.sessions, rules.min_session_length)
    _some_left(sessions, f"sessions of fewer than min_session_length={rules.min_session_length} clicks are dropped", where)
    occurrences = np.bincount(sessions.items, minlength=len(log.item_tokens))
    sessions = sessions.keep_clicks(occurrences[sessions.items] >= rules.min_item_count)
    sessions = _long_enough(sessions, rules.min_session_length)
    _some_left(sessions, f"items with fewer than min_item_count={rules.min_item_count} clicks are dropped", where)
    counts |= {"filtered_sessions": len(sessions), "filtered_clicks": len(sessions.items)}

    sessions = sessions.take(np.argsort(sessions.dates, kind="stable"))
    # SR-GNN compares with < and >: sessions at the boundary itself are in neither part
    boundary = sessions.dates[-1] - rules.test_days * day
    training = sessions.keep_sessions(sessions.dates < boundary)
    test = sessions.keep_sessions(sessions.dates > boundary)
    covered = f"the sessions span {(sessions.dates[-1] - sessions.dates[0]) / day:.1f} days"
    _warn_of_gap(sessions.dates, boundary, day, rules, where)
    _some_left(training, f"the last test_days={rules.test_days} days are set apart for the test ({covered})", where)
    counts |= {"training_sessions_before_fraction": len(training), "test_sessions_before_unseen_items": len(test)}

    # items are unknown to the test if all of training, before the fraction is taken, lacks them (SR-GNN)
    seen = np.zeros(len(log.item_tokens), dtype=bool)
    seen[training.items] = True
    test = _long_enough(test.keep_clicks(seen[test.items]), rules.min_session_length)
    _some_left(test, "items that training lacks are dropped from the test sessions", where)
    training = most_recent_sequences(
        training, training.n_sequences * rules.training_share.numerator // rules.training_share.denominator
    )
    _some_left(training, f"the most recent train_fraction={rules.train_fraction} of the training sequences is taken", where)
    return SplitSessions(training, test, log.item_tokens, counts)


def most_recent_sequences(sessions: Sessions, count: int) -> Sessions:
    """The last sessions that give ``count`` sequences together; the first of them is cut to its oldest clicks."""
    from_end = np.cumsum(sessions.sequence_counts[::-1])[::-1]  # sequences of this session and all later ones
    if count >= from_end[0]:
        return sessions
    kept = sessions.take(np.flatnonzero(np.append(from_end[1:], 0) < count))
    surplus = kept.n_sequences - count
    return kept.cut_first_session(int(kept.lengths[0]) - surplus) if surplus else kept


def hold_out_validation(training: Sessions, rules: PreparationRules) -> tuple[Sessions, Sessions]:
    """Split training into training and validation by whole sessions.

    Raises:
        UserError: there are too few sessions for one on each side.
    """
    n_validation = round(len(training) * rules.validation_fraction)
    if not 0 < n_validation < len(training):
        raise UserError(
            f"validation_fraction={rules.validation_fraction} of {len(training)} training sessions leaves no session "
            "for training or for validation"
        )
    chosen = np.zeros(len(training), dtype=bool)
    if rules.validation_by == "recent_sessions":
        chosen[-n_validation:] = True
    else:
        generator = np.random.Generator(np.random.PCG64(rules.validation_seed))
        chosen[generator.permutation(len(training))[:n_validation]] = True
    return training.keep_sessions(~chosen), training.keep_sessions(chosen)


def _long_enough(sessions: Sessions, minimum: int) -> Sessions:
    return sessions.keep_sessions(sessions.lengths >= minimum)


def _warn_of_gap(dates: IntArray, boundary: int, day: int, rules: PreparationRules, where: str) -> None:
    """A single click with a wrong date, years ahead, would be the whole test."""
    before, after = dates[dates < boundary], dates[dates > boundary]
    gap = (after[0] - before[-1]) / day if len(before) and len(after) else 0.0
    if gap > max(MOST_DAYS_WITHOUT_SESSION, rules.test_days):
        getLogger().warning(
            f"{where}: {gap:.0f} days without a session, and only {len(after)} of {len(dates)} sessions after them, which "
            "are the test; is a date wrong?"
        )


def _some_left(sessions: Sessions, step: str, where: str) -> None:
    if not len(sessions):
        raise UserError(f"{where}: no session is left once {step}")
