"""Results of single test sequences of the systems on one dataset, where their runs have kept them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.report.records import RunRecord
from recbole_tagnnpp.experiment.report.systems import DataRuns, SystemRuns
from recbole_tagnnpp.experiment.statistics.sequence_results import (
    SEQUENCE_METRICS,
    FloatArray,
    IntArray,
    mean_over_seeds,
)
from recbole_tagnnpp.experiment.target_ranks import TestSequenceFacts, facts_file, ranks_file, read_facts, read_ranks

K = 20
"""Length of the list in all tables."""
LARGEST_ROUNDING = 0.51e-4
"""Of the scores of a record, percent with four decimals."""


@dataclass(frozen=True)
class SequenceResults:
    """What tests and groups need of one system.

    Attributes:
        hit, mrr: [N] float64, results of each test sequence as fractions, averaged over seeds.
    """

    hit: FloatArray
    mrr: FloatArray

    def of(self, score: str) -> FloatArray:
        """Results of ``hit@20`` or ``mrr@20``."""
        return {f"hit@{K}": self.hit, f"mrr@{K}": self.mrr}[score]


@dataclass(frozen=True)
class MeasuredData:
    """The runs on one dataset with what they have kept of each test sequence.

    Attributes:
        runs: systems on the data.
        facts: of the test sequences, ``None`` where no run has kept them.
        results: of each of ``runs.systems``, ``None`` where ranks or facts are missing.
    """

    runs: DataRuns
    facts: TestSequenceFacts | None
    results: Sequence[SequenceResults | None]

    def results_of(self, runs: SystemRuns) -> SequenceResults | None:
        """Results of one of the systems."""
        return next(found for of, found in zip(self.runs.systems, self.results, strict=True) if of is runs)


def measure(data: DataRuns) -> MeasuredData:
    """Read ranks and facts of all runs on one dataset.

    Raises:
        UserError: a file is damaged, of other data, or does not give the metrics of its record.
    """
    facts = _facts_of(data)
    results = [sequence_results(runs) for runs in data.systems]
    return MeasuredData(data, facts, results if facts is not None else [None] * len(results))


def _facts_of(data: DataRuns) -> TestSequenceFacts | None:
    if data.checksum is None:
        return None
    records = [record for runs in data.systems for record in runs.records]
    facts = read_facts(records[0].path, data.checksum)
    for record in records:
        if facts is not None and len(facts.session) != record.test_sequences:
            raise UserError(
                f"{facts_file(record.path, data.checksum)}: tells of {len(facts.session)} test sequences, "
                f"{record.path.name} of {record.test_sequences}"
            )
    return facts


def sequence_results(runs: SystemRuns) -> SequenceResults | None:
    """Results of each test sequence, averaged over the seeds; ``None`` where any run has kept no ranks.

    Raises:
        UserError: a file of ranks is damaged, or does not give the metrics of its record.
    """
    ranks = [_ranks_of(record) for record in runs.records]
    kept = [of_seed for of_seed in ranks if of_seed is not None]
    if len(kept) < len(ranks):
        return None
    hit, mrr = (mean_over_seeds([SEQUENCE_METRICS[name](of_seed, K) for of_seed in kept]) for name in ("hit", "mrr"))
    return SequenceResults(hit, mrr)


def _ranks_of(record: RunRecord) -> IntArray | None:
    ranks, file = read_ranks(record.path), ranks_file(record.path)
    if ranks is None:
        return None
    if len(ranks) != record.test_sequences:
        raise UserError(f"{file}: holds {len(ranks)} ranks, the record tells of {record.test_sequences} test sequences")
    for name, function in SEQUENCE_METRICS.items():
        score, found = f"{name}@{K}", 100.0 * float(np.mean(function(ranks, K)))
        if abs(found - record.test_result[score]) > LARGEST_ROUNDING:
            raise UserError(
                f"{file}: gives {score} {found:.4f}, the record says {record.test_result[score]:.4f}; "
                "they are not of the same run"
            )
    return ranks
