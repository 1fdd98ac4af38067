"""Accuracy by the length of the session and by the popularity of the target."""

from collections.abc import Sequence
from dataclasses import dataclass

from recbole_tagnnpp.experiment.report.accuracy_table import AccuracySection
from recbole_tagnnpp.experiment.report.formats import Cell, Column, Section, Table
from recbole_tagnnpp.experiment.report.score_rows import SCORE_TITLES
from recbole_tagnnpp.experiment.report.systems import SCORES
from recbole_tagnnpp.experiment.statistics.groups import SequenceGroup, groups_by_length, groups_by_popularity

LENGTHS = ("short", "medium", "long")
QUARTERS = ("rarest quarter", "second quarter", "third quarter", "most popular quarter")


@dataclass(frozen=True)
class GroupedSection:
    """One dataset, its test sequences in groups.

    Attributes:
        section: of Table I.
        groups: of the test sequences.
    """

    section: AccuracySection
    groups: Sequence[SequenceGroup]

    def percents(self) -> list[tuple[str, list[tuple[float | None, float | None]]]]:
        """Label of each testable row, with Hit@20 and MRR@20 (percent) of each group."""
        found = []
        for row in self.section.rows:
            if row.results is not None:
                scores = [[group.mean(row.results.of(score)) for score in SCORES] for group in self.groups]
                found.append((row.label, [(_percent(hit), _percent(mrr)) for hit, mrr in scores]))
        return found


def sections_by_length(sections: Sequence[AccuracySection]) -> list[GroupedSection]:
    """Short, medium and long sessions of every dataset that has kept facts and ranks."""
    return [
        GroupedSection(section, groups_by_length(section.measured.facts.session))
        for section in sections
        if section.measured.facts is not None and any(row.results for row in section.rows)
    ]


def sections_by_popularity(sections: Sequence[AccuracySection]) -> list[GroupedSection]:
    """Quarters of the test sequences by the popularity of their target, likewise."""
    return [
        GroupedSection(section, groups_by_popularity(section.measured.facts.target_count, QUARTERS))
        for section in sections
        if section.measured.facts is not None and any(row.results for row in section.rows)
    ]


def length_table(grouped: Sequence[GroupedSection]) -> Table:
    """Accuracy by session length."""
    note = (
        "A session's length counts all its clicks; the groups are of whole sessions, and all prefixes of a session count."
    )
    return _table("by_session_length", "Accuracy by session length", LENGTHS, grouped, note)


def popularity_table(grouped: Sequence[GroupedSection]) -> Table:
    """Accuracy by target popularity."""
    note = (
        "Popularity: how often the target is the target of a training or validation sequence. Equally popular targets stay "
        "together, so quarters can be of unequal size."
    )
    return _table("by_popularity", "Accuracy by popularity of the target", QUARTERS, grouped, note)


def group_words(group: SequenceGroup) -> str:
    """Name, boundaries and size of a group."""
    return f"{group.name}: {group.detail}, {int(group.members.sum()):,} sequences"


def _table(label: str, title: str, names: Sequence[str], grouped: Sequence[GroupedSection], note: str) -> Table:
    columns = [Column("System")]
    columns += [Column(f"{SCORE_TITLES[score]} {name}", decimals=2) for name in names for score in SCORES]
    sections = [
        Section(
            here.section.title,
            [[Cell(row), *(Cell(value) for pair in of_groups for value in pair)] for row, of_groups in here.percents()],
        )
        for here in grouped
    ]
    sizes = [f"{here.section.title}: {'; '.join(group_words(group) for group in here.groups)}." for here in grouped]
    none = [] if grouped else ["No record has kept the ranks of its test targets."]
    return Table(
        label, title, columns, sections or [Section("", [])], notes=["Percent, mean over seeds. " + note, *sizes, *none]
    )


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100.0 * fraction
