"""The first half of a run: what validation data chose."""

from dataclasses import asdict, dataclass
from logging import getLogger
from typing import Any, Self

from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.data.manifest import Manifest
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.environment import describe_machine, describe_versions
from recbole_tagnnpp.experiment.record import percent
from recbole_tagnnpp.experiment.report.records import checked_content
from recbole_tagnnpp.experiment.run_place import place_of_run
from recbole_tagnnpp.training.distributed.ranks import Ranks
from recbole_tagnnpp.training.trainer import SessionTrainer


@dataclass(frozen=True)
class Selection:
    """The chosen epoch, and the training that it was chosen from, as records hold them.

    Attributes:
        best_epoch: from 0.
        valid_result: of that epoch, percent.
        epochs: one entry per epoch, see :func:`epoch_records`.
        resumed: whether the training was interrupted and continued.
        selected_in: name of the run that trained it; ``None`` is the very run that uses it.
    """

    best_epoch: int
    valid_result: dict[str, float] | None
    epochs: list[dict[str, Any]]
    resumed: bool
    selected_in: str | None = None

    @property
    def n_epochs(self) -> int:
        """For how many epochs to train again."""
        return self.best_epoch + 1

    @classmethod
    def of_trainer(cls, trainer: SessionTrainer) -> Self:
        """What a trainer with validation data has chosen."""
        return cls(trainer.best_epoch, percent(trainer.best_valid_result), epoch_records(trainer), trainer.resumed)


def epoch_records(trainer: SessionTrainer) -> list[dict[str, Any]]:
    """The history of a training as records hold it, metrics in percent."""
    return [{**entry, "valid_result": percent(entry.get("valid_result"))} for entry in trainer.history]


def recorded_selection(config: SessionConfig, manifest: Manifest, ranks: Ranks) -> Selection | None:
    """The selection of the same run with another ``refit``, where that has ended here.

    Up to the selection such runs are one: on the same machine the same seed would choose the same epoch in the same hours
    once more.  Elsewhere it may choose another one, so that the record must name this machine and these versions, and as
    processors of one name differ, the run's model must be here, too.

    Args:
        config: final configuration; ``resume=False`` asks for everything anew.
        manifest: of the prepared data.
        ranks: the processes that train together; all of them call this, the first one reads.

    Raises:
        UserError: the record is damaged.
    """
    found = _find(config, manifest) if ranks.is_first and config["resume"] else None
    shared = ranks.gather(None if found is None else asdict(found))[0]
    return None if shared is None else Selection(**shared)


def _find(config: SessionConfig, manifest: Manifest) -> Selection | None:
    own = place_of_run(config, manifest)
    if own.last_of("selection").is_file() and own.last_of("refit").is_file():
        return None  # an interrupted refit goes on for as many epochs as it began with
    here = {"machine": describe_machine(config["device"]), "versions": describe_versions()}
    for refit in (False, True, "all"):
        place = place_of_run(config, manifest, refit)
        if refit == config["refit"] or not place.is_finished:
            continue
        try:
            record = checked_content(place.record)
        except UserError as problem:
            raise UserError(f"{problem}; without that record validation chooses again") from problem
        if any(record.get(key) != value for key, value in here.items()):
            continue
        found = Selection(
            best_epoch=record["best_epoch"],
            valid_result=record["valid_result"],
            epochs=record["epochs"],
            resumed=bool(record.get("resumed")),
            selected_in=record.get("selected_in") or place.record.stem,
        )
        getLogger().info(
            f"validation has chosen {found.n_epochs} epochs in an earlier run of this training, which is not repeated "
            f"(--resume=False repeats it): {place.record}"
        )
        return found
    return None
