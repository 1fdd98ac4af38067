"""Ranks and facts beside the records."""

from pathlib import Path

import numpy as np
import pytest

from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.report.records import read_records
from recbole_tagnnpp.experiment.report.sequence_data import MeasuredData, measure
from recbole_tagnnpp.experiment.report.systems import place_records
from recbole_tagnnpp.experiment.systems import find_system
from recbole_tagnnpp.experiment.target_ranks import facts_file, ranks_file, read_ranks, write_ranks
from tests.unit.experiment.report.synthetic_records import CHECKSUM, edit, make_facts, write_run

RECOMMENDED = find_system("TAGNNPP")


def measured(results: Path) -> MeasuredData:
    return measure(place_records(read_records(results))[0][0])


def test_results_are_averaged_over_seeds(tmp_path: Path) -> None:
    paths = [write_run(tmp_path, RECOMMENDED, seed=seed) for seed in (1, 2, 3)]
    data = measured(tmp_path)
    ranks = np.stack([read_ranks(path) for path in paths])
    found = data.results_of(data.runs.systems[0])
    for n in range(ranks.shape[1]):
        assert found.hit[n] == pytest.approx(sum(1 <= rank <= 20 for rank in ranks[:, n]) / 3)
        assert found.mrr[n] == pytest.approx(sum(1 / rank for rank in ranks[:, n] if rank) / 3)
    mean = np.mean([record.test_result["mrr@20"] for record in data.runs.systems[0].records])
    assert 100 * found.of("mrr@20").mean() == pytest.approx(mean, abs=1e-4)


def test_without_ranks_or_facts_there_are_no_results(tmp_path: Path) -> None:
    paths = [write_run(tmp_path, RECOMMENDED, seed=seed) for seed in (1, 2)]
    ranks_file(paths[0]).unlink()
    assert measured(tmp_path).results == [None]  # not the mean of the other seed alone
    paths = [write_run(tmp_path, RECOMMENDED, seed=seed) for seed in (1, 2)]
    facts_file(paths[0], CHECKSUM).unlink()
    data = measured(tmp_path)
    assert data.facts is None
    assert data.results == [None]


def test_ranks_of_another_run_are_noticed(tmp_path: Path) -> None:
    path = write_run(tmp_path, RECOMMENDED)
    ranks = read_ranks(path)
    write_ranks(path, np.where(np.arange(len(ranks)) == np.flatnonzero(ranks > 1)[0], 1, ranks))  # one rank better
    with pytest.raises(UserError, match=r"gives mrr@20 .* they are not of the same run"):
        measured(tmp_path)
    write_ranks(path, ranks)
    mrr = read_records(tmp_path)[0].test_result["mrr@20"]
    edit(path, "test_result", "mrr@20", value=mrr + 0.0002)  # four decimals are kept
    with pytest.raises(UserError, match="they are not of the same run"):
        measured(tmp_path)
    edit(path, "test_result", "mrr@20", value=mrr)
    write_ranks(path, ranks[:-1])
    with pytest.raises(UserError, match=rf"holds {len(ranks) - 1} ranks"):
        measured(tmp_path)
    ranks_file(path).write_bytes(b"PK nonsense")
    with pytest.raises(UserError, match=r"ranks\.npz: damaged"):
        measured(tmp_path)


def test_facts_of_other_data_are_noticed(tmp_path: Path) -> None:
    path = write_run(tmp_path, RECOMMENDED)
    facts_file(path, CHECKSUM).unlink()
    other = tmp_path / "other"
    copied = write_run(other, RECOMMENDED, facts=make_facts(20))
    facts_file(copied, CHECKSUM).rename(facts_file(path, CHECKSUM))
    copied.unlink()
    with pytest.raises(UserError, match=r"test_sequences-c0ffee11\.npz: tells of"):
        measured(tmp_path)


@pytest.mark.parametrize("odd", ["TAGNNPP", "SRGNN"])
def test_facts_must_be_those_of_every_record(tmp_path: Path, odd: str) -> None:
    for name in ("TAGNNPP", "SRGNN"):
        write_run(tmp_path, find_system(name), facts=make_facts(30 if name == odd else 61))
    with pytest.raises(UserError, match=rf"test_sequences-c0ffee11\.npz: tells of .*{'SRGNN' if odd == 'SRGNN' else ''}"):
        measured(tmp_path)
