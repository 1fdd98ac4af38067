"""Ray's population based training with an end: no trial trains longer than it would have without it."""

from collections import Counter
from typing import Any

from ray.tune.schedulers import PopulationBasedTraining, TrialScheduler


class BoundedPopulationBasedTraining(PopulationBasedTraining):
    """Population based training in which a trial trains ``epochs`` epochs of its own at most.

    A trial that takes over a checkpoint may go back in time, again and again where few run at once; and one that has
    come to its end would be sent back for being weaker than the best.  Ray's synchronous mode, which has neither
    problem, waits for ever when a trial fails while the others pause.

    Args:
        epochs: budget of each trial.
        options: those of Ray's class.
    """

    def __init__(self, epochs: int, **options: Any) -> None:
        super().__init__(**options)
        self._epochs = epochs
        self._trained: Counter[str] = Counter()

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Let a trial that has ended be, stop one whose budget is used up, and treat others as Ray does."""
        if result.get("is_complete") or result.get("problem"):
            return str(TrialScheduler.CONTINUE)
        self._trained[trial.trial_id] += 1
        if self._trained[trial.trial_id] >= self._epochs:
            return str(TrialScheduler.STOP)
        return str(super().on_trial_result(tune_controller, trial, result))
