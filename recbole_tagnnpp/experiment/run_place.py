"""Where a run keeps its files."""

from dataclasses import dataclass
from pathlib import Path

from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.data.manifest import Manifest
from recbole_tagnnpp.experiment.record import run_digest, run_name


@dataclass(frozen=True)
class RunPlace:
    """Where a run keeps its files.

    Attributes:
        checkpoints: folder of its checkpoints, ``checkpoint_dir/dataset/run``.
        record: its record, ``results_path/dataset/run.json``.
    """

    checkpoints: Path
    record: Path

    def last_of(self, phase: str) -> Path:
        """Checkpoint that an interrupted phase continues from: ``selection``, ``refit`` or ``all``."""
        return self.checkpoints / phase / "last.pth"

    @property
    def weights(self) -> Path:
        """The tested weights (with ``refit="all"`` those that know the test, too), kept when the run has ended."""
        return self.checkpoints / "model.pth"

    @property
    def is_finished(self) -> bool:
        """Whether the run ended here before; a record alone may come from another machine."""
        return self.record.is_file() and self.weights.is_file()


def place_of_run(config: SessionConfig, manifest: Manifest, refit: bool | str | None = None) -> RunPlace:
    """Where the run of a configuration on prepared data keeps its files; the same for the same experiment.

    Args:
        config: final configuration.
        manifest: of the prepared data.
        refit: look for the same run with this ``refit`` instead of its own.
    """
    plain = config.to_plain_dict()
    if refit is not None:
        plain["refit"] = refit
    name = run_name(plain, run_digest(plain, manifest.checksum))
    return RunPlace(
        Path(config["checkpoint_dir"]) / config["dataset"] / name,
        Path(config["results_path"]) / config["dataset"] / f"{name}.json",
    )
