"""Which run is which row."""

import pytest

from recbole_tagnnpp.config.layers import merge_layers
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.systems import (
    AS_IN_PAPER,
    RECOMMENDED,
    TABLE_ONE,
    System,
    ablations,
    differences,
    find_system,
)


def config_of(system: System, dataset: str = "diginetica", **changes: object) -> dict:
    return merge_layers(system.model, dataset, dictionary={"preset": system.preset, **system.changes, **changes}).final


DATASETS = ("diginetica", "yoochoose1_64", "demo")


def rows_of(dataset: str) -> list[System]:
    presets = ("recommended", "paper", "fast", "untuned")
    ablated = [system for preset in presets for system in ablations(preset, dataset)]
    return [*TABLE_ONE, *(system for system in ablated if system not in TABLE_ONE)]


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_run_belongs_to_its_own_row_alone(dataset: str) -> None:
    rows = rows_of(dataset)
    for system in rows:
        config = config_of(system, dataset, seed=7, refit=True, threads=1, use_gpu=False)
        assert [row for row in rows if row.model == config["model"] and not differences(row, config)] == [system]


@pytest.mark.parametrize("changes", [{"epochs": 1}, {"learning_rate": 0.5}, {"training_candidates": 2000}])
def test_a_run_with_anything_else_belongs_to_no_row(changes: dict) -> None:
    config = config_of(find_system("TAGNNPP"), **changes)
    rows = [*TABLE_ONE, *ablations("recommended", "diginetica")]
    rows = [row for row in rows if row.model == "TAGNNPP"]
    assert all(differences(row, config) for row in rows)


def test_rounding_of_products_is_the_machines() -> None:
    assert not differences(find_system("TAGNN"), config_of(find_system("TAGNN"), target_attention_precision="bfloat16"))


def test_a_record_from_before_a_key_still_belongs() -> None:
    config = config_of(find_system("TAGNNPP"))
    del config["position_order"]
    assert not differences(find_system("TAGNNPP"), config)


def test_systems_by_what_users_call_them() -> None:
    assert find_system("TAGNNPP").title == RECOMMENDED
    assert find_system("TAGNNPP:paper").title == AS_IN_PAPER
    assert find_system("SR-GNN") == find_system("SRGNN") == find_system("SRGNN:baseline")
    assert find_system("SASRec") == System("SASRec", "SASRec", None)
    assert find_system("TAGNNPP:released_code") == System("TAGNN++ (released_code)", "TAGNNPP", "released_code")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SRGN", "model=SRGN: no such model; did you mean SRGNN"),
        (
            "TAGNNPP:best",
            "models=TAGNNPP:best: no such preset of TAGNNPP; there are fast, paper, recommended, released_code",
        ),
        ("SASRec:paper", "models=SASRec:paper: no such preset of SASRec; SASRec has none"),
    ],
)
def test_unknown_systems(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        find_system(text)


@pytest.mark.parametrize("preset", ["paper", "recommended", "fast"])
def test_each_ablation_changes_its_keys_and_no_other(preset: str) -> None:
    systems = ablations(preset, "diginetica")
    whole, *others = (config_of(system) for system in systems)
    for system, config in zip(systems[1:], others, strict=True):
        assert {key for key in config if config[key] != whole[key]} == set(system.changes)


def test_what_a_preset_says_anyway_is_no_row() -> None:
    titles = [system.title for system in ablations("untuned", "demo")]
    assert "- normalisation" in titles
    assert "- label smoothing" not in titles
    for dataset in DATASETS:
        titles = [system.title for system in ablations("recommended", dataset)]
        assert sum(title.endswith("dropout of item vectors") for title in titles) == 1
    with pytest.raises(UserError, match="preset=untune: no such preset"):
        ablations("untune", "demo")


@pytest.mark.parametrize("dataset", DATASETS)
def test_fast_is_recommended_but_for_the_sample(dataset: str) -> None:
    fast, recommended = (config_of(find_system(name), dataset) for name in ("TAGNNPP:fast", "TAGNNPP"))
    assert {key for key in fast if fast[key] != recommended[key]} == {"preset", "training_candidates"}
