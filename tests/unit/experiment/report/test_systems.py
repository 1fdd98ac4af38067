"""Which record is which row."""

from pathlib import Path

import pytest

from recbole_tagnnpp.config.layers import merge_layers
from recbole_tagnnpp.experiment.report.records import RunRecord, read_record, read_records
from recbole_tagnnpp.experiment.report.systems import find_row, place_records
from recbole_tagnnpp.experiment.systems import TABLE_ONE, System, ablations, find_system
from tests.unit.experiment.report.synthetic_records import CHECKSUM, OTHER_CHECKSUM, edit, write_run

RECOMMENDED = find_system("TAGNNPP")
SRGNN = find_system("SRGNN")
ROWS = [
    (system, dataset)
    for dataset in ("yoochoose1_64", "diginetica")
    for system in [
        *TABLE_ONE,
        *(row for preset in ("paper", "recommended", "fast") for row in ablations(preset, dataset) if row not in TABLE_ONE),
    ]
]


def run(folder: Path, system: System, **settings: object) -> RunRecord:
    return read_record(write_run(folder, system, **settings))


@pytest.mark.parametrize(("system", "dataset"), ROWS, ids=[f"{row.title}:{row.preset}:{data}" for row, data in ROWS])
def test_every_row_finds_its_run(system: System, dataset: str, tmp_path: Path) -> None:
    found, _ = find_row(run(tmp_path, system, dataset=dataset, seed=3))
    assert found == system


@pytest.mark.parametrize(
    "machine", [{"threads": 2}, {"use_gpu": False}, {"target_attention_backend": "reference"}, {"eval_batch_size": 7}]
)
def test_the_machine_makes_no_difference(machine: dict, tmp_path: Path) -> None:
    assert find_row(run(tmp_path, RECOMMENDED, **machine))[0] == RECOMMENDED


def test_other_settings_are_other_runs_with_the_difference_named(tmp_path: Path) -> None:
    preset = merge_layers("TAGNNPP", "yoochoose1_64").final
    system, reason = find_row(run(tmp_path, RECOMMENDED, epochs=99))
    assert system is None
    assert reason == f"TAGNN++ (recommended), but epochs=99 (not {preset['epochs']})"
    assert find_row(run(tmp_path, RECOMMENDED, metric_decimal_place=2))[0] is None  # 71.00 would enter the mean of seeds
    _, reason = find_row(run(tmp_path, RECOMMENDED, agc_lambda=0.02, use_gnn=False))
    assert reason == f"TAGNN++ (recommended) - GNN, but agc_lambda=0.02 (not {preset['agc_lambda']})"
    _, reason = find_row(run(tmp_path, System("", "SRGNN"), learning_rate=0.002, step=2, epochs=3))
    assert reason.startswith("SR-GNN, but ")
    assert reason.endswith("more")


def test_models_and_presets_that_the_tables_do_not_have_get_a_row(tmp_path: Path) -> None:
    released = System("TAGNN++ (released_code)", "TAGNNPP", "released_code")
    assert find_row(run(tmp_path, released))[0] == released
    assert find_row(run(tmp_path, System("SASRec", "SASRec")))[0] == System("SASRec", "SASRec")
    assert find_row(run(tmp_path, System("SASRec", "SASRec"), hidden_size=32))[0] is None
    assert find_row(run(tmp_path, System("", "SRGNN")))[0] is None  # Table I's SR-GNN is another


def test_a_key_younger_than_the_record_had_its_default(tmp_path: Path) -> None:
    path = write_run(tmp_path, RECOMMENDED)
    edit(path, "config", "position_order", value=...)
    assert find_row(read_record(path))[0] == RECOMMENDED
    edit(path, "config", "normalize_embeddings", value=...)  # the preset sets it, the model's default is False
    found, _ = find_row(read_record(path))
    assert found is not None
    assert found.title == "- normalisation"


def test_a_key_or_model_or_preset_that_is_gone(tmp_path: Path) -> None:
    path = write_run(tmp_path, RECOMMENDED)
    edit(path, "config", "warp_factor", value=9)
    assert find_row(read_record(path)) == (None, "TAGNN++ (recommended), but warp_factor=9 (not ~)")
    for key, value in (("model", "Gone"), ("preset", "gone")):
        path = write_run(tmp_path, System("", "SASRec"))
        edit(path, key, value=value)
        edit(path, "config", key, value=value)
        assert find_row(read_record(path)) == (None, find_row(read_record(path))[1])
        assert "gone" in find_row(read_record(path))[1].lower()


def test_a_run_without_the_scores_of_the_tables(tmp_path: Path) -> None:
    path = write_run(tmp_path, RECOMMENDED)
    edit(path, "test_result", "mrr@20", value=...)
    assert find_row(read_record(path)) == (None, "has no mrr@20")


def test_seeds_come_together_and_refit_and_data_stay_apart(tmp_path: Path) -> None:
    for seed in (3, 1, 2):
        write_run(tmp_path, RECOMMENDED, seed=seed)
    write_run(tmp_path, RECOMMENDED, seed=1, refit=True)
    write_run(tmp_path, RECOMMENDED, seed=1, checksum=OTHER_CHECKSUM)
    write_run(tmp_path, SRGNN, seed=1, dataset="diginetica")
    write_run(tmp_path, SRGNN, seed=1, dataset="demo", epochs=1)
    datasets, others = place_records(read_records(tmp_path))
    shape = [
        (data.dataset, data.checksum, data.is_only, [(s.refit, [r.seed for r in s.records]) for s in data.systems])
        for data in datasets
    ]
    assert shape == [
        ("demo", None, True, []),
        ("diginetica", CHECKSUM, True, [(False, [1])]),
        ("yoochoose1_64", OTHER_CHECKSUM, False, [(False, [1])]),
        ("yoochoose1_64", CHECKSUM, False, [(False, [1, 2, 3]), (True, [1])]),
    ]
    assert [other.record.dataset for other in others] == ["demo"]


@pytest.mark.parametrize("first_on_gpu", [True, False])  # one of the two has the smaller name
@pytest.mark.parametrize("skill_of_first", [0.0, 2.0])
def test_of_two_runs_of_one_seed_the_first_started_counts_however_good_the_other_is(
    tmp_path: Path, first_on_gpu: bool, skill_of_first: float
) -> None:
    changes = {"skill": 2.0 - skill_of_first, "use_gpu": not first_on_gpu}
    second = write_run(tmp_path, RECOMMENDED, started="2026-11-25T00:00:00+00:00", **changes)
    first = write_run(
        tmp_path, RECOMMENDED, skill=skill_of_first, use_gpu=first_on_gpu, started="2026-11-24T00:00:00+00:00"
    )
    (data,), (other,) = place_records(read_records(tmp_path))
    assert [record.path for record in data.systems[0].records] == [first]
    assert other.record.path == second
    assert other.reason == f"TAGNN++ (recommended): repeats yoochoose1_64/{first.stem}"
