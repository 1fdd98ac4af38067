"""The learning rate as a function of the step, without state, so that a resumed run has the same one."""

import math
from dataclasses import dataclass
from typing import Literal, Self

from recbole_tagnnpp.config.session_config import SessionConfig


@dataclass(frozen=True)
class LearningRateSchedule:
    """Warm-up followed by a constant, stepwise decaying or cosine learning rate.

    Attributes:
        shape: ``constant``, ``step`` (times ``decay_factor`` every ``decay_epochs`` epochs) or ``cosine`` (half a
            cosine from the start to ``minimum`` at the end of ``epochs``).
        learning_rate: at the start, after warm-up.
        steps_per_epoch: optimizer steps of an epoch.
        epochs: planned number of epochs, the horizon of ``cosine``.
        warmup_steps: steps over which the rate rises linearly from 1 / warmup_steps of its value.
        decay_epochs, decay_factor: of ``step``.
        minimum: of ``cosine``.
    """

    shape: Literal["constant", "step", "cosine"]
    learning_rate: float
    steps_per_epoch: int
    epochs: int
    warmup_steps: int = 0
    decay_epochs: int = 3
    decay_factor: float = 0.1
    minimum: float = 0.0

    @classmethod
    def of_config(cls, config: SessionConfig, steps_per_epoch: int) -> Self:
        """The schedule of a configuration, see ``properties/overall.yaml``."""
        return cls(
            shape=config["learning_rate_schedule"],
            learning_rate=config["learning_rate"],
            steps_per_epoch=steps_per_epoch,
            epochs=config["epochs"],
            warmup_steps=config["warmup_steps"],
            decay_epochs=config["step_decay_epochs"],
            decay_factor=config["step_decay_factor"],
            minimum=config["minimum_learning_rate"],
        )

    def at(self, step: int) -> float:
        """Learning rate of optimizer step ``step``, counted from 0."""
        rate = self._shaped(step)
        if step < self.warmup_steps:
            rate *= (step + 1) / self.warmup_steps
        return rate

    def _shaped(self, step: int) -> float:
        if self.shape == "step":
            epoch = step // self.steps_per_epoch
            return self.learning_rate * self.decay_factor ** (epoch // self.decay_epochs)
        if self.shape == "cosine":
            total = max(1, self.epochs * self.steps_per_epoch - self.warmup_steps)
            progress = min(1.0, max(0.0, (step - self.warmup_steps) / total))
            return self.minimum + (self.learning_rate - self.minimum) * (1 + math.cos(math.pi * progress)) / 2
        return self.learning_rate
