"""What a trainer keeps in its checkpoints, and how it goes on from them."""

import math
from logging import getLogger
from pathlib import Path
from typing import Any

import torch

import recbole_tagnnpp.recbole_compat  # noqa: F401  isort: skip
from recbole.model.abstract_recommender import AbstractRecommender
from recbole.trainer import Trainer

from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.training.checkpoint import (
    check_resumable,
    check_settings,
    load_checkpoint,
    load_weights,
    save_checkpoint,
)
from recbole_tagnnpp.training.distributed.ranks import ALONE, Ranks
from recbole_tagnnpp.training.random_states import get_random_states, set_random_states


class ResumableTrainer(Trainer):
    """The state of a training, and its two files.

    ``last.pth`` holds everything that training needs to continue, ``best.pth`` the weights of the best epoch.

    Args:
        config: see ``properties/overall.yaml``.
        model: a RecBole sequential model.
        folder: of the two checkpoints, default ``checkpoint_dir``; one run alone may use it.
        item_tokens: tokens of items 1, 2, ..., kept in checkpoints.
        ranks: the processes that train this model together; all of them call the same methods.
    """

    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler

    def __init__(
        self,
        config: SessionConfig,
        model: AbstractRecommender,
        folder: Path | None = None,
        item_tokens: list[str] | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        # RecBole's own constructor is passed over: it writes TensorBoard folders into the working directory and names
        # checkpoints by the second, so that two runs collide (trainer.py:132).
        self.config = config
        self.model = model
        self.logger = getLogger()
        self.device: torch.device = config["device"]
        self.folder = Path(config["checkpoint_dir"]) if folder is None else folder
        self.saved_model_file = str(self.folder / "best.pth")
        self.item_tokens = item_tokens or []
        self.ranks = ranks
        self.learner = config["learner"]
        self.valid_metric_bigger = config["valid_metric_bigger"]

        self.sequences_checksum: str | None = None
        """Of what this training learns from and is chosen by; ``None`` where nobody says."""

        self.start_epoch = 0
        self.cur_step = 0  # evaluations without improvement, RecBole's name
        self.best_valid_score = -math.inf if self.valid_metric_bigger else math.inf
        self.best_valid_result: dict[str, float] | None = None
        self.best_epoch = -1
        self.history: list[dict[str, Any]] = []
        self.is_finished = False
        self.resumed = False

    @property
    def last_file(self) -> Path:
        """Checkpoint that an interrupted run continues from."""
        return self.folder / "last.pth"

    def _save(self, is_best: bool) -> None:
        """Write ``best.pth`` first: a kill between the two files repeats the epoch, which writes the same again.

        Where it does not (``reproducibility=False``), ``evaluate`` tells.
        """
        learner_state = self._learner_state()
        if not self.ranks.is_first:
            return
        config = self.config.to_plain_dict()
        progress = {
            "epoch": self.start_epoch - 1,
            "best_epoch": self.best_epoch,
            "history": self.history,
            "sequences_checksum": self.sequences_checksum,
        }
        if is_best:
            save_checkpoint(Path(self.saved_model_file), self.model, config, self.item_tokens, progress)
        training = {
            **progress,
            "cur_step": self.cur_step,
            "best_valid_score": self.best_valid_score,
            "best_valid_result": self.best_valid_result,
            "is_finished": self.is_finished,
            **learner_state,
        }
        save_checkpoint(self.last_file, self.model, config, self.item_tokens, training)

    def _learner_state(self) -> dict[str, Any]:
        random_states, *of_others = self.ranks.gather(get_random_states())
        return {
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "random_states": random_states,
            "random_states_of_others": of_others,
        }

    def _load_learner_state(self, training: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(training["optimizer"])
        self.scaler.load_state_dict(training["scaler"])
        of_ranks = [training["random_states"], *training.get("random_states_of_others", [])]
        set_random_states(of_ranks[self.ranks.rank])

    def _load(self, path: Path, resumable: bool = False, own: bool = False) -> dict[str, Any]:
        """Read a checkpoint, check that it fits and put its weights into the model."""
        checkpoint = self._read(path, resumable, own)
        load_weights(self.model, checkpoint, path)
        return checkpoint

    def _read(self, path: Path, resumable: bool = False, own: bool = False) -> dict[str, Any]:
        """Read a checkpoint of these items; ``own`` asks for one of this very training."""
        checkpoint = load_checkpoint(path, self.device)
        if resumable:
            check_resumable(checkpoint, path)
        theirs, ours = checkpoint["item_tokens"], self.item_tokens
        if theirs and ours and theirs != ours:
            raise UserError(f"{path}: its items are not those of this dataset, or are numbered otherwise")
        if own:
            check_settings(checkpoint, self.config.to_plain_dict(), path)
            learnt_from = checkpoint["training"].get("sequences_checksum")  # which older checkpoints do not have
            if learnt_from not in (None, self.sequences_checksum):
                raise UserError(f"{path}: comes from a training on other sequences, of another preparation or phase")
        if len(set(self.ranks.gather(checkpoint["training"].get("epoch")))) > 1:
            raise UserError(f"{path}: not the same file for all processes; all nodes need one shared folder")
        return checkpoint

    def _check_is_best(self, checkpoint: dict[str, Any]) -> None:
        """Ask whether the weights are those of the best epoch that this run remembers.

        Raises:
            UserError: a kill between the two files was followed by an epoch that came out otherwise.
        """
        epoch = checkpoint["training"].get("epoch")
        if self.history and epoch != self.best_epoch:
            raise UserError(
                f"{self.saved_model_file}: is not of the best epoch, {self.best_epoch + 1}: training was killed while it "
                "was written, and went on otherwise; --resume=False trains anew"
            )

    def resume_run(self, needs_best: bool = True) -> None:
        """Continue the very training whose two checkpoints ``folder`` holds; no other one's, which would pass for it.

        Args:
            needs_best: the weights of the best epoch will be asked for.

        Raises:
            UserError: as ``resume_checkpoint``; or one of the two comes from a run with other settings or a training on
                other sequences, or ``best.pth`` is missing, damaged or not of the best epoch that ``last.pth`` knows.
        """
        self._continue_from(self._load(self.last_file, resumable=True, own=True), self.last_file)
        if self.best_epoch < 0 or not needs_best:
            return
        best_file = Path(self.saved_model_file)
        epoch = self._read(best_file, own=True)["training"].get("epoch")
        if epoch not in (self.best_epoch, self.start_epoch):  # the latter is repeated after a kill
            raise UserError(f"{best_file}: is not of the best epoch of {self.last_file.name}, {self.best_epoch + 1}")

    def resume_checkpoint(self, resume_file: str | Path) -> None:
        """Continue from any ``last.pth``: weights, optimizer, scaler, random states, early stopping, history.

        As with RecBole's trainer, settings may have changed since.

        Raises:
            UserError: the checkpoint is missing, damaged, of other weights, of other items or not resumable.
        """
        path = Path(resume_file)
        self._continue_from(self._load(path, resumable=True), path)

    def _continue_from(self, checkpoint: dict[str, Any], path: Path) -> None:
        training, learner = checkpoint["training"], checkpoint["config"].get("learner")
        if learner != self.learner:
            raise UserError(f"{path}: was trained with learner={learner}, which learner={self.learner} cannot continue")
        n_ranks = 1 + len(training.get("random_states_of_others", []))
        if n_ranks != self.ranks.size and training["optimizer"]:
            raise UserError(
                f"{path}: was trained by {n_ranks} processes, which {self.ranks.size} cannot continue; nproc={n_ranks}"
            )
        try:
            self._load_learner_state(training)
        except Exception as problem:  # whatever type torch, numpy and Python raise for states of another form
            raise UserError(f"{path}: its training state does not fit ({problem or type(problem).__name__})") from problem
        self.start_epoch = training["epoch"] + 1
        self.best_epoch = training["best_epoch"]
        self.history = training["history"]
        self.cur_step = training["cur_step"]
        self.best_valid_score = training["best_valid_score"]
        self.best_valid_result = training["best_valid_result"]
        self.is_finished = training["is_finished"]
        self.resumed = True
