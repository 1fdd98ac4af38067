"""Search algorithms and schedulers of Ray Tune, as the options name them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.search.options import SearchOptions
from recbole_tagnnpp.experiment.search.space import SearchSpace

CHANGEABLE = {
    "learning_rate", "weight_decay", "label_smoothing", "normalization_scale", "train_batch_size", "agc_lambda", "agc_eps",
    "minimum_learning_rate", "hidden_dropout_prob", "attn_dropout_prob", "embedding_dropout_prob", "dropout_prob",
}  # fmt: skip
"""Keys that may change while a model trains: they neither shape weights nor decide what the optimizer remembers."""


def metric_and_mode(options: SearchOptions, bigger: bool) -> tuple[str, str]:
    """What trials are compared by: their best score so far, with population based training the present one.

    A trial that takes over another's checkpoint takes over its past as well, which says nothing about its own setting.
    """
    return ("score" if options.schedule == "pbt" else "best_score"), ("max" if bigger else "min")


def make_searcher(
    options: SearchOptions, space: SearchSpace, bigger: bool, seed: int, untuned: Mapping[str, Any] | None
) -> Any:
    """Searcher of Ray for ``bayes``; ``None`` where the settings are a list.

    Args:
        options: of the search.
        space: what it draws from.
        bigger: whether larger scores are better.
        seed: of its draws.
        untuned: setting to begin with, if the space holds it.
    """
    if options.algorithm != "bayes":
        return None
    from ray.tune.search.hyperopt import HyperOptSearch

    metric, mode = metric_and_mode(options, bigger)
    expressions = {"setting": {name: parameter.hyperopt() for name, parameter in space.parameters.items()}}
    start = _hyperopt_point(space, untuned)
    return HyperOptSearch(
        space=expressions,
        metric=metric,
        mode=mode,
        points_to_evaluate=None if start is None else [start],
        n_initial_points=max(3, min(20, (options.trials or 20) // 3)),
        random_state_seed=seed,
    )


def _hyperopt_point(space: SearchSpace, setting: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A setting in hyperopt's terms, ``None`` where the space does not hold it."""
    if setting is None or not all(parameter.holds(setting[name]) for name, parameter in space.parameters.items()):
        return None
    return {name: parameter.hyperopt_value(setting[name]) for name, parameter in space.parameters.items()}


class Exploration:
    """How population based training changes a setting that it takes over.

    Each changeable key is drawn anew with probability 1/4, or if the space does not hold its value, and moved a step
    otherwise, always inside the space.
    """

    def __init__(self, space: SearchSpace, seed: int) -> None:
        self.space = space
        self.generator = np.random.default_rng(seed)

    def __call__(self, config: dict[str, Any]) -> dict[str, Any]:
        """A trial's configuration with another setting."""
        setting = dict(config["setting"])
        for name, parameter in self.space.parameters.items():
            if name not in CHANGEABLE:
                continue
            redraw = self.generator.random() < 0.25 or not parameter.holds(setting[name])
            setting[name] = parameter.sample(self.generator) if redraw else parameter.moved(setting[name], self.generator)
        return {**config, "setting": setting}


def make_scheduler(options: SearchOptions, space: SearchSpace, epochs: int, seed: int) -> Any:
    """Scheduler of Ray, ``None`` for none.

    Raises:
        UserError: pbt has no key that may change in mid-training.
    """
    if options.schedule == "asha":
        from ray.tune.schedulers import ASHAScheduler

        return ASHAScheduler(
            time_attr="epoch",
            max_t=epochs,
            grace_period=min(options.grace_epochs, epochs),
            reduction_factor=options.reduction_factor,
        )
    if options.schedule == "pbt":
        check_changeable(space)
        from recbole_tagnnpp.experiment.search.population import BoundedPopulationBasedTraining

        return BoundedPopulationBasedTraining(
            epochs,
            time_attr="epoch",
            perturbation_interval=options.perturbation_epochs,
            custom_explore_fn=Exploration(space, seed),
            require_attrs=True,
        )
    return None


def check_changeable(space: SearchSpace) -> None:
    """Refuse a space without any key that population based training can change.

    Raises:
        UserError: there is none.
    """
    if not CHANGEABLE & space.parameters.keys():
        raise UserError(
            f"{space.file}: scheduler=pbt needs a key that may change in mid-training: {', '.join(sorted(CHANGEABLE))}"
        )
