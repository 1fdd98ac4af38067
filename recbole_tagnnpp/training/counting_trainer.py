"""The trainer of models that count training sessions instead of descending a gradient."""

from pathlib import Path
from typing import Any

from recbole_tagnnpp.baselines.counting.recommender import CountingRecommender
from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.data.session_loader import SessionLoader
from recbole_tagnnpp.training.distributed.ranks import ALONE, Ranks
from recbole_tagnnpp.training.learning_rate import LearningRateSchedule
from recbole_tagnnpp.training.trainer import SessionTrainer


class CountingTrainer(SessionTrainer):
    """Fits a counting model in a single epoch; checkpoints, evaluation and resume are those of every run.

    There is neither a loss nor an optimizer: in the history ``train_loss`` and ``learning_rate`` are ``None``.  Keys of
    the training (``epochs``, ``learner``, ``learning_rate``, ``agc_lambda`` and the like) change nothing.

    Args:
        config: see ``properties/overall.yaml``.
        model: what to fit.
        folder: of the two checkpoints, default ``checkpoint_dir``.
        item_tokens: tokens of items 1, 2, ..., kept in checkpoints.
        ranks: processes that evaluate together; each counts all sequences.

    Raises:
        UserError: ``topk`` asks for more items than there are.
    """

    def __init__(
        self,
        config: SessionConfig,
        model: CountingRecommender,
        folder: Path | None = None,
        item_tokens: list[str] | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        super().__init__(config, model, folder, item_tokens, ranks)
        self.epochs = self.eval_step = 1

    def _build_optimizer(self, **kwargs: Any) -> None:  # type: ignore[override]
        """None: there is no parameter."""

    def _build_clipping(self) -> None:
        """None: there is no gradient."""

    def _train_epoch(  # type: ignore[override]
        self, train_data: SessionLoader, epoch_idx: int, show_progress: bool, schedule: LearningRateSchedule
    ) -> None:
        """Count all training sequences."""
        self.model.fit_sequences(train_data.sequences)

    def _last_learning_rate(self) -> None:
        return None

    def _learner_state(self) -> dict[str, Any]:
        return {"optimizer": {}, "scaler": {}, "random_states": {}}

    def _load_learner_state(self, training: dict[str, Any]) -> None:
        """Nothing: a counting model draws no random numbers."""
