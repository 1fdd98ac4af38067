"""Which run is which row."""

import pytest

from recbole_tagnnpp.config.layers import merge_layers
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.systems import AS_IN_PAPER, OURS, TABLE_ONE, System, ablations, differences, find_system


def config_of(system: System, dataset: str = "diginetica", **changes: object) -> dict:
    return merge_layers(system.model, dataset, dictionary={**system.settings(), **changes}).final


ALL = {system.title: system for system in [*TABLE_ONE, *ablations("recommended"), *ablations("paper")[1:]]}


@pytest.mark.parametrize("title", ALL)
def test_a_run_belongs_to_its_own_row_alone(title: str) -> None:
    for dataset in ("diginetica", "yoochoose1_64"):
        config = config_of(ALL[title], dataset, seed=7, refit=True, threads=1, use_gpu=False)
        rows = [*TABLE_ONE, *ablations("recommended"), *ablations("paper")]
        assert {(r.title, r.preset) for r in rows if r.model == config["model"] and not differences(r, config)} == {
            (title, ALL[title].preset)
        }


@pytest.mark.parametrize("changes", [{"epochs": 1}, {"learning_rate": 0.5}, {"training_candidates": 2000}])
def test_a_run_with_anything_else_belongs_to_no_row(changes: dict) -> None:
    config = config_of(find_system("TAGNNPP"), **changes)
    rows = [row for row in [*TABLE_ONE, *ablations("recommended")] if row.model == "TAGNNPP"]
    assert all(differences(row, config) for row in rows)


def test_rounding_of_products_is_the_machines() -> None:
    assert not differences(find_system("TAGNN"), config_of(find_system("TAGNN"), target_attention_precision="bfloat16"))


def test_a_record_from_before_a_key_still_belongs() -> None:
    config = config_of(find_system("TAGNNPP"))
    del config["position_order"]
    assert not differences(find_system("TAGNNPP"), config)


def test_systems_by_what_users_call_them() -> None:
    assert find_system("TAGNNPP").title == OURS
    assert find_system("TAGNNPP:paper").title == AS_IN_PAPER
    assert find_system("SR-GNN") == find_system("SRGNN") == find_system("SRGNN:baseline")
    assert find_system("SASRec") == System("SASRec", "SASRec", None)
    assert find_system("TAGNNPP:released_code") == System("TAGNNPP (released_code)", "TAGNNPP", "released_code")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SRGN", "model=SRGN: no such model; did you mean SRGNN"),
        ("TAGNNPP:best", "models=TAGNNPP:best: no such preset of TAGNNPP; there are paper, recommended, released_code"),
        ("SASRec:paper", "models=SASRec:paper: no such preset of SASRec; SASRec has none"),
    ],
)
def test_unknown_systems(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        find_system(text)


def test_each_ablation_leaves_out_one_part() -> None:
    whole, *others = (config_of(system) for system in ablations("recommended"))
    for system, config in zip(ablations("recommended")[1:], others, strict=True):
        assert {key for key in config if config[key] != whole[key]} == set(system.changes)
