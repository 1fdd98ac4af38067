"""RecBole's own ``HyperTuning`` with an objective that looks at validation data only.

Everything that does not work in RecBole 1.2.1 with hyperopt 0.3 is mended here:

- exhaustive search makes ``RandomState``s, which hyperopt 0.3 refuses, and draws until it meets a new combination;
  ours walks the grid;
- spaces are read with ``eval``; ours with ``space.read_space``;
- every search draws from a fresh seed; ours from the configuration's;
- ``early_stop=10`` cuts an exhaustive search short; ours runs to its end unless it is asked to stop;
- its objective reports test results to Ray; ours never opens the test.
"""

import itertools
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from logging import getLogger
from pathlib import Path
from typing import Any

import numpy as np

import recbole_tagnnpp.recbole_compat  # noqa: F401  isort: skip
from recbole.trainer import HyperTuning

from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.data.session_dataset import LoadedSessions, SessionDataset
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.record import run_digest, run_name
from recbole_tagnnpp.experiment.run import prepare_data
from recbole_tagnnpp.experiment.search.parameters import plain_value
from recbole_tagnnpp.experiment.search.settings import values_of_keys
from recbole_tagnnpp.experiment.search.space import SearchSpace, read_space
from recbole_tagnnpp.experiment.search.trial import TrialJob, TrialProgress, train_setting
from recbole_tagnnpp.files import alone_in

Objective = Callable[[Mapping[str, Any], Sequence[str | Path] | None], dict[str, Any]]

ALGORITHMS = ("exhaustive", "random", "bayes")


def make_objective(
    model: str | None = None, dataset: str | None = None, settings: Mapping[str, Any] | None = None
) -> Objective:
    """Objective function for ``HyperTuning``: trains one setting and returns its best validation result.

    Sessions are loaded once and kept for all trials.

    Args:
        model, dataset: names, default those of the configuration files.
        settings: keys of the configuration that all trials share.

    Returns:
        ``objective(setting, config_files)``, whose dictionary has RecBole's keys; ``test_result`` is empty, and scores
        are fractions as in RecBole.  A trial whose loss is not finite has the worst score and an empty result.
    """
    loaded: dict[tuple[str, str], tuple[LoadedSessions, str]] = {}

    def objective(setting: Mapping[str, Any], config_files: Sequence[str | Path] | None = None) -> dict[str, Any]:
        chosen = {name: plain_value(value) for name, value in setting.items()}
        config = SessionConfig(model, dataset, config_files, config_dict={**(settings or {}), **chosen})
        place = (config["dataset"], str(config["data_path"]))
        if place not in loaded:
            checksum = prepare_data(config).checksum
            loaded[place] = SessionDataset(config).load(), checksum
        sessions, checksum = loaded[place]
        bigger, plain = bool(config["valid_metric_bigger"]), config.to_plain_dict()
        trial = run_name(plain, run_digest(plain, checksum))
        folder = Path(config["checkpoint_dir"]) / "search" / config["dataset"] / "hyper_tuning" / trial
        history: list[dict[str, Any]] = []

        def on_epoch(progress: TrialProgress) -> None:
            history[:] = progress.history

        job = TrialJob.of(config, SearchSpace("", {}), folder, config["threads"])
        best: dict[str, Any] = {"score": job.worst_score, "valid_result": {}}
        with alone_in(folder, "trains this very setting"):
            try:
                train_setting(job, sessions, {}, folder, on_epoch)
                best = (max if bigger else min)(history, key=lambda entry: entry["score"])
            except UserError as problem:  # a loss that is not finite; RecBole's search has no word for failed trials
                getLogger().warning(f"{chosen}: {problem}; counted as the worst score")
            shutil.rmtree(folder, ignore_errors=True)
        return {
            "model": config["model"],
            "best_valid_score": best["score"] / 100,
            "valid_score_bigger": bigger,
            "best_valid_result": {name: value / 100 for name, value in best["valid_result"].items()},
            "test_result": {},
        }

    return objective


class SessionHyperTuning(HyperTuning):
    """RecBole's class with the mends above; ``run``, ``best_params``, ``params2result``, ``export_result`` are its own.

    Args:
        objective_function: see :func:`make_objective`.
        params_file: a space in RecBole's format.
        fixed_config_file_list: configuration files of all trials.
        algo: exhaustive, random or bayes.
        max_evals: trials of random and bayes; exhaustive runs every combination.
        early_stop: stop after so many trials without improvement, default never.
        seed: of random and bayes.

    Raises:
        UserError: the file is wrong, the algorithm is unknown, or exhaustive meets a key without a list of values.
    """

    def __init__(
        self,
        objective_function: Objective,
        params_file: str | Path,
        fixed_config_file_list: Sequence[str | Path] | None = None,
        algo: str = "exhaustive",
        max_evals: int = 100,
        early_stop: int | None = None,
        seed: int = 2020,
    ) -> None:
        if algo not in ALGORITHMS:
            raise UserError(f"algo={algo!r}: allowed is one of {', '.join(ALGORITHMS)}")
        self.search_space = read_space(Path(params_file))
        self.seed = seed
        if algo == "exhaustive":
            grid = values_of_keys(self.search_space)
            max_evals = math.prod(len(values) for values in grid.values())
        super().__init__(
            objective_function,
            space={name: parameter.hyperopt() for name, parameter in self.search_space.parameters.items()},
            fixed_config_file_list=fixed_config_file_list,
            algo=exhaustive_search(self.search_space) if algo == "exhaustive" else algo,
            max_evals=max_evals,
            early_stop=early_stop or max_evals + 1,
        )

    def trial(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Run one trial with plain values: hyperopt hands on floats for integers and tuples for lists."""
        result: dict[str, Any] = super().trial(self.search_space.plain(params))
        return result

    def run(self) -> None:
        """Run all trials, drawn from the seed."""
        from hyperopt import fmin

        fmin(
            self.trial,
            self.space,
            algo=self.algo,
            max_evals=self.max_evals,
            early_stop_fn=self.early_stop_fn,
            rstate=np.random.default_rng(self.seed),
            show_progressbar=False,
        )


def exhaustive_search(space: SearchSpace) -> Callable[..., list[dict[str, Any]]]:
    """An ``algo`` for hyperopt's ``fmin`` (and for RecBole's own class) that walks the grid of a space.

    Raises:
        UserError: a key has no list of values.
    """
    grid = values_of_keys(space)
    positions = list(itertools.product(*(range(len(values)) for values in grid.values())))

    def suggest(new_ids: list[int], domain: Any, trials: Any, seed: int) -> list[dict[str, Any]]:
        from hyperopt.base import miscs_update_idxs_vals

        documents: list[dict[str, Any]] = []
        for new_id in new_ids:
            tried = len(trials.trials) + len(documents)
            if tried >= len(positions):
                break  # nothing left, which ends fmin
            values = {
                name: [space.parameters[name].hyperopt_value(of_key[position])]
                for (name, of_key), position in zip(grid.items(), positions[tried], strict=True)
            }
            misc = {"tid": new_id, "cmd": domain.cmd, "workdir": domain.workdir}
            miscs_update_idxs_vals([misc], {name: [new_id] for name in values}, values)
            documents += trials.new_trial_docs([new_id], [None], [domain.new_result()], [misc])
        return documents

    return suggest
