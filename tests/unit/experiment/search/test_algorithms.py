"""Search algorithms and schedulers: what they are given, and what population based training changes."""

from pathlib import Path
from unittest.mock import MagicMock

import pytest

from recbole_tagnnpp.experiment.search.algorithms import (
    CHANGEABLE,
    Exploration,
    _hyperopt_point,
    make_scheduler,
    make_searcher,
    metric_and_mode,
)
from recbole_tagnnpp.experiment.search.options import SearchOptions
from recbole_tagnnpp.experiment.search.space import SearchSpace, read_space

TEXT = "learning_rate loguniform -8,-3\nn_layers choice [1, 2]\nlabel_smoothing uniform 0.0,0.3\nn_gnn_steps randint 1,3\n"


@pytest.fixture
def space(tmp_path: Path) -> SearchSpace:
    (tmp_path / "hyper.test").write_text(TEXT)
    return read_space(tmp_path / "hyper.test")


def options(**given: object) -> SearchOptions:
    return SearchOptions.take_from({"params_file": "hyper.test", **given})


def test_exploration_changes_what_may_change_and_stays_inside(space: SearchSpace) -> None:
    explore = Exploration(space, seed=1)
    config = {"setting": {"learning_rate": 0.001, "n_layers": 2, "label_smoothing": 0.1, "n_gnn_steps": 3}}
    seen = []
    for _ in range(50):
        config = explore(config)
        seen.append(config["setting"])
    assert {(s["n_layers"], s["n_gnn_steps"]) for s in seen} == {(2, 3)}  # they shape the weights
    assert len({s["learning_rate"] for s in seen}) > 20
    low, high = space.parameters["learning_rate"].extremes()
    assert all(low <= s["learning_rate"] <= high and 0 <= s["label_smoothing"] <= 0.3 for s in seen)
    assert "n_layers" not in CHANGEABLE


def test_exploration_from_values_outside_the_space(space: SearchSpace) -> None:
    explore = Exploration(space, seed=2)
    for value in (None, 17.0, "word"):
        found = [explore({"setting": dict.fromkeys(space.parameters, value)})["setting"] for _ in range(20)]
        for name, parameter in space.parameters.items():
            assert all(parameter.holds(setting[name]) for setting in found) is (name in CHANGEABLE)


def test_untuned_setting_in_hyperopts_terms(space: SearchSpace) -> None:
    setting = {"learning_rate": 0.001, "n_layers": 2, "label_smoothing": 0.0, "n_gnn_steps": 1}
    assert _hyperopt_point(space, setting) == {**setting, "n_layers": 1}  # the position in the list
    for name, value in (("learning_rate", 1.0), ("n_layers", 3), ("label_smoothing", 0.31), ("n_gnn_steps", 0)):
        assert _hyperopt_point(space, {**setting, name: value}) is None
    assert _hyperopt_point(space, {**setting, "label_smoothing": None}) is None
    assert _hyperopt_point(space, None) is None


def test_metric() -> None:
    assert metric_and_mode(options(), bigger=True) == ("best_score", "max")
    assert metric_and_mode(options(scheduler="pbt"), bigger=False) == ("score", "min")


def test_bayes_begins_with_the_untuned_setting_and_follows_the_seed(space: SearchSpace) -> None:
    pytest.importorskip("ray")
    untuned = {"learning_rate": 0.001, "n_layers": 2, "label_smoothing": 0.0, "n_gnn_steps": 1}
    drawn = []
    for seed in (3, 3, 4):
        searcher = make_searcher(options(algorithm="bayes", trials=9), space, True, seed, untuned)
        suggestions = []
        for n in range(9):
            suggestions.append(space.plain(searcher.suggest(f"t{n}")["setting"]))
            searcher.on_trial_complete(f"t{n}", {"best_score": float(n)})
        drawn.append(suggestions)
    assert drawn[0][0] == untuned
    assert drawn[0] == drawn[1] != drawn[2]
    assert all(type(s["n_gnn_steps"]) is int and s["n_gnn_steps"] in (1, 2, 3) for s in drawn[0])


def test_schedulers(space: SearchSpace) -> None:
    schedulers = pytest.importorskip("ray.tune.schedulers")
    asha = make_scheduler(options(grace_epochs=9), space, epochs=6, seed=1)
    assert isinstance(asha, schedulers.ASHAScheduler)
    assert (asha._max_t, asha._time_attr) == (6, "epoch")
    assert isinstance(make_scheduler(options(scheduler="pbt"), space, 6, 1), schedulers.PopulationBasedTraining)
    assert make_scheduler(options(scheduler="none"), space, 6, 1) is None


def test_population_based_training_has_an_end(space: SearchSpace) -> None:
    schedulers = pytest.importorskip("ray.tune.schedulers")
    pbt = make_scheduler(options(scheduler="pbt", perturbation_epochs=9), space, 3, 1)
    pbt.set_search_properties("score", "max")
    trial = MagicMock(trial_id="a", config={})
    trial.run_metadata.checkpoint_manager.checkpoint_config.num_to_keep = None
    controller = MagicMock(search_alg=None)
    pbt.on_trial_add(controller, trial)
    goes_on, stops = schedulers.TrialScheduler.CONTINUE, schedulers.TrialScheduler.STOP

    def report(**result: object) -> str:
        return pbt.on_trial_result(controller, trial, {"epoch": 2, "score": 1.0, "is_complete": False, **result})

    assert [report(), report(), report(is_complete=True), report(problem="nan"), report()] == [goes_on] * 4 + [stops]
