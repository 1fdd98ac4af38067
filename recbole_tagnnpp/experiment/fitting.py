"""Train one model on some sequences: the step that runs, grids and searches share."""

from collections.abc import Callable
from logging import getLogger
from pathlib import Path

from torch import nn

from recbole_tagnnpp.baselines.counting.recommender import CountingRecommender
from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.data.session_dataset import SessionDataset
from recbole_tagnnpp.data.session_loader import SessionLoader
from recbole_tagnnpp.data.session_sequences import SessionSequences, training_checksum
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.training.counting_trainer import CountingTrainer
from recbole_tagnnpp.training.distributed.environment import check_processes
from recbole_tagnnpp.training.distributed.ranks import ALONE, Ranks
from recbole_tagnnpp.training.model_building import build_model
from recbole_tagnnpp.training.random_states import seed_everything
from recbole_tagnnpp.training.trainer import SessionTrainer


def fit_model(
    config: SessionConfig,
    dataset: SessionDataset,
    folder: Path,
    validation: SessionSequences | None,
    epochs: int | None = None,
    callback_fn: Callable[[int, float], None] | None = None,
    ranks: Ranks = ALONE,
) -> SessionTrainer:
    """Train one model from its seed, or continue where an interrupted run stood.

    Args:
        config: final configuration.
        dataset: its training sequences are what there is to learn.
        folder: of the checkpoints.
        validation: sequences that choose the epoch; ``None`` keeps the last.
        epochs: number of epochs, default ``config["epochs"]``; schedules keep the shape of the latter.
        callback_fn: called with epoch and validation score after each epoch's checkpoint is written.
        ranks: the processes that train it together; all of them call this.

    Returns:
        The trainer, with its model as it was after the last epoch; ``evaluate()`` loads the best one.

    Raises:
        UserError: a checkpoint does not fit, the loss is not finite, or the configuration asks for more processes.
    """
    check_processes(config["nproc"], ranks.size)
    seed_everything(config["seed"], config["reproducibility"])
    model = build_model(config, dataset)
    ranks.seed(config["seed"])  # from here on the processes draw different numbers
    trainer = trainer_class(model)(config, model, folder, dataset.item_tokens, ranks)
    if epochs is not None:
        trainer.epochs = epochs
    trainer.sequences_checksum = training_checksum(dataset.training, validation)
    if ranks.gather(bool(config["resume"] and trainer.last_file.is_file()))[0]:
        try:
            # of a selection before a refit, what counts is the number of epochs
            trainer.resume_run(needs_best=validation is None or not config["refit"])
        except UserError as problem:
            raise UserError(f"{problem}; without {trainer.last_file} training begins anew") from problem
        getLogger().info(f"continuing an interrupted run after epoch {trainer.start_epoch}: {trainer.last_file}")
    if trainer.start_epoch > trainer.epochs:
        raise UserError(
            f"{trainer.last_file}: was trained for {trainer.start_epoch} epochs, now validation has chosen "
            f"{trainer.epochs}; --resume=False trains anew"
        )
    valid_data = None if validation is None else make_loader(config, dataset, validation, training=False, model=model)
    trainer.fit(
        make_loader(config, dataset, dataset.training, training=True, model=model),
        valid_data,
        show_progress=config["show_progress"],
        callback_fn=callback_fn,
    )
    return trainer


def trainer_class(model: nn.Module) -> type[SessionTrainer]:
    """The trainer of a model: by gradients, or in one pass for models that count."""
    return CountingTrainer if isinstance(model, CountingRecommender) else SessionTrainer


def make_loader(
    config: SessionConfig, dataset: SessionDataset, sequences: SessionSequences, training: bool, model: nn.Module
) -> SessionLoader:
    """Batches of sequences as a model wants them, shuffled for training."""
    return SessionLoader(
        dataset,
        sequences,
        batch_size=config["train_batch_size" if training else "eval_batch_size"],
        shuffle=training and config["shuffle"],
        seed=config["seed"],
        pad_to_longest=getattr(model, "pads_to_longest", False),
    )
