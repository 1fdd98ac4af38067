"""What ``tune`` takes beside the keys of a configuration."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from recbole_tagnnpp.config.value_rules import BOOLEAN, TEXT, Rule, integer, number, number_from, one_of
from recbole_tagnnpp.config.yaml_files import shortened
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.files import user_path

ALGORITHMS = ("random", "bayes", "exhaustive")
SCHEDULERS = ("asha", "pbt", "none")
DEFAULT_TRIALS = 20


@dataclass(frozen=True)
class SearchOptions:
    """Arguments of a search.

    Attributes:
        params_file: the space, see ``space.py``.
        algorithm: random, bayes (hyperopt's TPE) or exhaustive (every combination).
        scheduler: asha (stops weak trials early), pbt (population based training) or none; ``None`` is asha on Ray for
            algorithms other than exhaustive, else none.
        trials: how many settings, default 20; exhaustive runs all.
        workers: trials at once; 0 trains them one after the other in this process, without Ray; ``None`` is as many as
            the machine or the cluster holds.
        address: of a running Ray cluster, host:port, or auto for the one on this machine.
        name: of the search, default made of its settings.
        resume: ``None`` and True continue a search of this name, False starts it anew.
        cpus_per_trial, gpus_per_trial: of each trial; GPUs may be shared (0.5).
        training_share: share of the training sessions that trials learn from, the most recent ones.
        grace_epochs: asha: epochs that every trial gets.
        reduction_factor: asha: one in so many trials goes on at each rung.
        perturbation_epochs: pbt: epochs between two exchanges.
        retries: how often a trial whose process dies is started again from its checkpoint.
        final: train the best setting again with ``refit`` and test it, once.
        output: folder of results, ``output/<dataset>/<name>/``.
    """

    params_file: Path
    algorithm: str = "random"
    scheduler: str | None = None
    trials: int | None = None
    workers: int | None = None
    address: str | None = None
    name: str | None = None
    resume: bool | None = None
    cpus_per_trial: int | None = None
    gpus_per_trial: float | None = None
    training_share: float = 1.0
    grace_epochs: int = 1
    reduction_factor: int = 3
    perturbation_epochs: int = 1
    retries: int = 3
    final: bool = True
    output: Path = Path("results/search")

    @property
    def uses_ray(self) -> bool:
        """Whether trials run on Ray."""
        return self.workers != 0

    @property
    def schedule(self) -> str:
        """The scheduler, chosen if it was not given."""
        if self.scheduler is not None:
            return self.scheduler
        return "asha" if self.uses_ray and self.algorithm != "exhaustive" else "none"

    @classmethod
    def take_from(cls, settings: dict[str, Any], default_params_file: Path | None = None) -> "SearchOptions":
        """Take the search's own arguments out of ``settings``, which keeps the keys of the configuration.

        Raises:
            UserError: a value is not allowed, arguments do not go together, or there is no params_file.
        """
        given = {field.name: settings.pop(field.name) for field in fields(cls) if field.name in settings}
        for name, value in given.items():
            rule = RULES[name]
            if not rule.accepts(value):
                hint = ""
                if isinstance(value, str) and name in ("algorithm", "scheduler"):
                    near = difflib.get_close_matches(value, ALGORITHMS + SCHEDULERS, n=1)
                    hint = f" (did you mean {near[0]}?)" if near else ""
                raise UserError(f"--{name}={shortened(value)}: allowed is {rule.allowed}{hint}")
        if "params_file" not in given:
            if default_params_file is None:
                raise UserError(
                    "tune needs --params_file=FILE: this model has no space of its own in properties/search "
                    "(hyper.test is one for TAGNNPP)"
                )
            given["params_file"] = default_params_file
        for name in ("params_file", "output"):
            if name in given:
                given[name] = user_path(given[name])
        options = cls(**given)
        options._check_combinations()
        return options

    def _check_combinations(self) -> None:
        if self.workers == 0:
            for name in ("address", "gpus_per_trial", "cpus_per_trial"):
                if getattr(self, name) is not None:
                    raise UserError(f"--{name}: has no effect with --workers=0, which runs trials in this process")
            if self.scheduler not in (None, "none"):
                raise UserError(f"--scheduler={self.scheduler}: needs Ray, so --workers of at least 1")
            if self.algorithm not in ("random", "exhaustive"):
                raise UserError(f"--algorithm={self.algorithm}: needs Ray, so --workers of at least 1")
        if self.schedule == "pbt" and self.algorithm != "random":
            raise UserError(f"--scheduler=pbt: allowed with --algorithm=random only, not {self.algorithm}")
        if self.algorithm == "exhaustive" and self.trials is not None:
            raise UserError("--trials: has no effect with --algorithm=exhaustive, which runs every combination")
        if self.gpus_per_trial is not None and self.gpus_per_trial > 1 and not float(self.gpus_per_trial).is_integer():
            raise UserError(f"--gpus_per_trial={self.gpus_per_trial}: above 1 allowed are whole numbers only")


def _name_rule() -> Rule:
    accepts: Callable[[Any], bool] = lambda v: (  # noqa: E731
        isinstance(v, str) and v.replace("-", "").replace("_", "").replace(".", "").isalnum() and not v.startswith(".")
    )
    return Rule("letters, digits, '-', '_' and '.'", accepts)


RULES: dict[str, Rule] = {
    "params_file": TEXT,
    "algorithm": one_of(*ALGORITHMS),
    "scheduler": one_of(*SCHEDULERS),
    "trials": integer(1),
    "workers": integer(0),
    "address": TEXT,
    "name": _name_rule(),
    "resume": BOOLEAN,
    "cpus_per_trial": integer(1),
    "gpus_per_trial": number_from(0.0),
    "training_share": Rule("a number above 0 and at most 1", lambda v: number(0.0).accepts(v) and v <= 1),
    "grace_epochs": integer(1),
    "reduction_factor": integer(2),
    "perturbation_epochs": integer(1),
    "retries": integer(0),
    "final": BOOLEAN,
    "output": TEXT,
}
