"""The trainer of every model that learns by gradients."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import recbole_tagnnpp.recbole_compat  # noqa: F401  isort: skip
from recbole.data.interaction import Interaction
from recbole.evaluator import Evaluator
from recbole.model.abstract_recommender import AbstractRecommender
from recbole.utils import calculate_valid_score, early_stopping

from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.config.value_checks import check_cut_offs
from recbole_tagnnpp.data.session_loader import SessionLoader
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.progress import progress_bar
from recbole_tagnnpp.training.distributed.ranks import ALONE, Ranks
from recbole_tagnnpp.training.epoch_log import describe_epoch
from recbole_tagnnpp.training.evaluation import rank_items
from recbole_tagnnpp.training.gradient_clipping import AdaptiveGradientClipping
from recbole_tagnnpp.training.learning_rate import LearningRateSchedule
from recbole_tagnnpp.training.resumable_trainer import ResumableTrainer
from recbole_tagnnpp.training.target_collector import TargetCollector
from recbole_tagnnpp.transfer import to_device

NAN_CHECK_STEPS = 50


class SessionTrainer(ResumableTrainer):
    """RecBole's trainer with AGC, schedules, exact resume and safe checkpoints.

    ``fit`` and ``evaluate`` keep RecBole's signatures and results.  What is ours:

    - a step is: loss, backward, mean over processes, unscale, AGC, norm clipping, optimizer, in this order;
    - ``last.pth`` holds everything that training needs to continue, after every epoch; ``best.pth`` the weights of
      the best epoch on validation data (without validation data: of the last);
    - evaluation asks the model for its best items only, where it can give them (``top_items``).

    Args:
        config: see ``properties/overall.yaml``.
        model: a RecBole sequential model.
        folder: of the two checkpoints, default ``checkpoint_dir``; one run alone may use it.
        item_tokens: tokens of items 1, 2, ..., kept in checkpoints.
        ranks: the processes that train this model together; all of them call the same methods.

    Raises:
        UserError: ``topk`` asks for more items than there are, ``agc_exclude`` names no parameter, several processes
            cannot train this model or measure these metrics.
    """

    def __init__(
        self,
        config: SessionConfig,
        model: AbstractRecommender,
        folder: Path | None = None,
        item_tokens: list[str] | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        super().__init__(config, model, folder, item_tokens, ranks)
        self.learning_rate = config["learning_rate"]
        self.weight_decay = config["weight_decay"]
        self.epochs = config["epochs"]
        self.eval_step = min(config["eval_step"], self.epochs)
        self.stopping_step = config["stopping_step"]
        self.clip_grad_norm = config["clip_grad_norm"]
        self.valid_metric = config["valid_metric"].lower()
        check_cut_offs(config.to_plain_dict(), model.n_items - 1)
        self.optimizer = self._build_optimizer()
        self.adaptive_clipping = self._build_clipping()
        self.enable_amp: bool = config["enable_amp"]
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=config["enable_scaler"])
        self.eval_collector = TargetCollector(config)
        self.evaluator = Evaluator(config)
        if ranks.size > 1:
            self._check_divisible()

        self.target_ranks: Tensor | None = None
        """[N] int64 of the last evaluation: rank of each sequence's target item, from 1; 0 is beyond the largest K."""

    def _build_optimizer(self, **kwargs: Any) -> torch.optim.Optimizer:
        """RecBole's optimizers, Adam and AdamW in their fused form: one pass over the item table instead of ten."""
        optimizer: torch.optim.Optimizer = super()._build_optimizer(**kwargs)
        if isinstance(optimizer, torch.optim.Adam):  # AdamW is one
            for group in optimizer.param_groups:
                group["fused"] = True
        return optimizer

    def _build_clipping(self) -> AdaptiveGradientClipping | None:
        config = self.config
        if not config["agc_lambda"]:
            return None
        return AdaptiveGradientClipping(
            self.model.named_parameters(), config["agc_lambda"], config["agc_eps"], config["agc_exclude"]
        )

    # --- training -------------------------------------------------------------------------------------------------

    def fit(
        self,
        train_data: SessionLoader,
        valid_data: SessionLoader | None = None,
        verbose: bool = True,
        saved: bool = True,
        show_progress: bool = False,
        callback_fn: Callable[[int, float], None] | None = None,
    ) -> tuple[float, dict[str, float] | None]:
        """Train until ``epochs`` or until validation stops improving; continue where a resumed run stood.

        Args:
            train_data: training sequences.
            valid_data: validation sequences; without them there is no early stopping and the last epoch is kept.
            verbose: log each epoch.
            saved: write checkpoints.
            show_progress: progress bars.
            callback_fn: called with epoch and validation score after each evaluation.

        Returns:
            Best validation score and result, as RecBole's trainer.

        Raises:
            UserError: the loss is not finite.
        """
        self.ranks.copy_from_first_(self.model.state_dict().values())
        schedule = LearningRateSchedule.of_config(self.config, len(train_data))
        self.eval_collector.data_collect(train_data)
        while not self.is_finished and self.start_epoch < self.epochs:
            epoch = self.start_epoch
            started = time.perf_counter()
            train_data.set_epoch(epoch)
            train_loss = self._train_epoch(train_data, epoch, show_progress=show_progress, schedule=schedule)
            trained = time.perf_counter()
            entry: dict[str, Any] = {
                "epoch": epoch,
                "train_loss": train_loss,
                "learning_rate": self._last_learning_rate(),
                "train_seconds": trained - started,
            }
            is_best, valid_score = valid_data is None, None
            if valid_data is not None and (epoch + 1) % self.eval_step == 0:
                valid_score, valid_result = self._valid_epoch(valid_data, show_progress=show_progress)
                entry["valid_result"] = valid_result
                entry["valid_seconds"] = time.perf_counter() - trained
                self.best_valid_score, self.cur_step, self.is_finished, is_best = early_stopping(
                    valid_score, self.best_valid_score, self.cur_step, self.stopping_step, self.valid_metric_bigger
                )
                if is_best:
                    self.best_valid_result = valid_result
            if is_best:
                self.best_epoch = epoch
            self.history.append(entry)
            self.start_epoch = epoch + 1
            if saved:
                self._save(is_best)
            if verbose:
                self.logger.info(describe_epoch(entry, is_best and valid_data is not None))
            if callback_fn is not None and valid_score is not None:
                callback_fn(epoch, valid_score)
        return self.best_valid_score, self.best_valid_result

    def _train_epoch(  # type: ignore[override]
        self, train_data: SessionLoader, epoch_idx: int, show_progress: bool, schedule: LearningRateSchedule
    ) -> float | None:
        """One pass over the training sequences; returns the mean loss of its steps, ``None`` where there is no loss."""
        self.model.train()
        own_batches = self.ranks.training_batches(train_data)
        batches = progress_bar(own_batches, f"epoch {epoch_idx + 1} train", show_progress, total=len(train_data))
        total_loss = torch.zeros((), device=self.device)
        for step, interaction in enumerate(batches):
            for group in self.optimizer.param_groups:
                group["lr"] = schedule.at(epoch_idx * len(train_data) + step)
            total_loss += self.train_step(interaction)
            if step % NAN_CHECK_STEPS == NAN_CHECK_STEPS - 1 or step + 1 == len(train_data):
                mean_loss = total_loss.item() / (step + 1)  # the only wait for the device
                self._check_finite(mean_loss, epoch_idx, step)
                batches.set_postfix(loss=f"{mean_loss:.4f}", refresh=False)
        return mean_loss

    def _last_learning_rate(self) -> float | None:
        """Of the last step; ``None`` where there are no steps."""
        return self.optimizer.param_groups[0]["lr"]

    def train_step(self, interaction: Interaction | None) -> Tensor:
        """One optimizer step on one batch, or on a piece of it beside other processes.

        Args:
            interaction: the sequences; ``None`` where other processes have them all.

        Returns:
            The loss of the whole batch, a detached scalar on the device.
        """
        self.optimizer.zero_grad()
        loss, n_sequences = torch.zeros((), device=self.device), 0
        if interaction is not None:
            loss, n_sequences = self._loss(self._where_model_takes_it(interaction)), len(interaction)
        scaled_loss = self.scaler.scale(loss)
        if interaction is not None:
            scaled_loss.backward()
        loss = loss.detach().reshape(())  # GCSAN's has one dimension of size 1
        loss = self.ranks.average_gradients_(self.model.parameters(), loss, n_sequences)
        if self.adaptive_clipping is not None or self.clip_grad_norm:
            self.scaler.unscale_(self.optimizer)
        if self.adaptive_clipping is not None:
            self.adaptive_clipping.clip_gradients_()
        if self.clip_grad_norm:
            nn.utils.clip_grad_norm_(self.model.parameters(), **self.clip_grad_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return loss

    def _where_model_takes_it(self, interaction: Interaction) -> Interaction:
        """A training batch on the device, or as it is for a model that begins on the host."""
        if getattr(self.model, "takes_batches_on_host", False):
            return interaction
        columns = interaction.interaction
        return Interaction(dict(zip(columns, to_device(list(columns.values()), self.device), strict=True)))

    def _loss(self, interaction: Interaction) -> Tensor:
        with torch.autocast(device_type=self.device.type, enabled=self.enable_amp):
            losses = self.model.calculate_loss(interaction)
        return torch.stack(losses).sum() if isinstance(losses, tuple) else losses

    def _check_divisible(self) -> None:
        """A sum over pieces of a batch must be the sum over the batch."""
        if not self.eval_collector.needs_only_top_items:
            raise UserError(f"nproc={self.ranks.size}: of metrics={self.config['metrics']} one needs a single process")
        remembered = [name for name, _ in self.model.named_buffers()]
        if remembered and any(True for _ in self.model.parameters()):
            raise UserError(
                f"nproc={self.ranks.size}: {type(self.model).__name__} remembers what it saw in batches "
                f"({remembered[0]}), so pieces of a batch would teach it something else; nproc=1"
            )

    def _check_finite(self, loss: float, epoch: int, step: int) -> None:
        if not math.isfinite(loss):
            raise UserError(
                f"training loss is {loss} in epoch {epoch + 1} at step {step}; a smaller learning_rate "
                f"(now {self.learning_rate}) or agc_lambda may help"
            )

    # --- evaluation -----------------------------------------------------------------------------------------------

    def evaluate(  # type: ignore[override]
        self,
        eval_data: SessionLoader,
        load_best_model: bool = True,
        model_file: str | Path | None = None,
        show_progress: bool = False,
    ) -> dict[str, float]:
        """Rank all items for every sequence.

        Args:
            eval_data: sequences with their target items.
            load_best_model: use the weights of ``best.pth``.
            model_file: use the weights of this checkpoint instead.
            show_progress: progress bar.

        Returns:
            Metrics as RecBole names them, fractions.

        Raises:
            UserError: the checkpoint is missing, damaged, of another configuration or of other items.
        """
        if load_best_model:
            self.ranks.gather(None)  # the first process may still be writing it
            checkpoint = self._load(Path(model_file or self.saved_model_file))
            if model_file is None:
                self._check_is_best(checkpoint)
        self.model.eval()
        self.target_ranks = rank_items(self.model, eval_data, self.eval_collector, self.config, self.ranks, show_progress)
        self.eval_collector.model_collect(self.model)
        result = self.evaluator.evaluate(self.eval_collector.get_data_struct())
        plain = {name: float(value) for name, value in result.items()}  # numpy scalars do not belong in checkpoints
        return self.ranks.gather(plain)[0]  # another kind of processor may round otherwise, and all must stop together

    def _valid_epoch(self, valid_data: SessionLoader, show_progress: bool = False) -> tuple[float, dict[str, float]]:
        result = self.evaluate(valid_data, load_best_model=False, show_progress=show_progress)
        return calculate_valid_score(result, self.valid_metric), result
