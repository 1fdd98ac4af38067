"""Where a search keeps its files, and whose they are."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recbole_tagnnpp.config.same_experiment import settings_that_count
from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.config.yaml_files import shortened
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.record import write_record
from recbole_tagnnpp.experiment.search.plan import SearchPlan
from recbole_tagnnpp.files import read_json


@dataclass(frozen=True)
class SearchPlace:
    """Where a search keeps its files.

    Attributes:
        results: best.yaml, tables, plot, record.
        state: trial records, checkpoints and Ray's state; what an interrupted search continues from.
    """

    results: Path
    state: Path


def identity_of(plan: SearchPlan, config: SessionConfig, checksum: str) -> dict[str, Any]:
    """What makes two searches the same, as plain values; asking for more trials or workers changes nothing."""
    options = plan.options
    settings = settings_that_count(config.to_plain_dict())
    space = {f"space of {name}": values for name, values in plan.space.describe().items()}
    names = ("algorithm", "schedule", "training_share", "grace_epochs", "reduction_factor", "perturbation_epochs")
    return {**settings, **space, **{name: getattr(options, name) for name in names}, "checksum of the data": checksum}


def place_of_search(plan: SearchPlan, config: SessionConfig, identity: Mapping[str, Any]) -> SearchPlace:
    """Folders of a search, the same for the same search.

    Args:
        plan: checked arguments; its ``name``, else a digest of the identity, names the folders.
        config: of its runs.
        identity: see ``identity_of``.
    """
    options = plan.options
    name = options.name
    if name is None:
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]
        name = f"{config['model']}-{options.algorithm}-{options.schedule}-seed{config['seed']}-{digest}"
    return SearchPlace(
        options.output / config["dataset"] / name,
        Path(config["checkpoint_dir"]) / "search" / config["dataset"] / name,
    )


def claim_folder(place: SearchPlace, identity: dict[str, Any]) -> None:
    """Write down which search the folders belong to.

    Raises:
        UserError: to another one, whose trials would be taken for trials of this, or whose results would be replaced.
    """
    state, file = place.state, place.state / "identity.json"
    if file.is_file():
        try:
            earlier = read_json(file)
            keys = [key for key in {**earlier, **identity} if earlier.get(key) != identity.get(key)]
        except (OSError, ValueError, TypeError, AttributeError) as problem:
            raise UserError(f"{file}: not readable ({problem}); --resume=False forgets that search") from problem
        if keys:
            raise UserError(
                f"{state}: a search of this name has {keys[0]}={shortened(earlier.get(keys[0]))}, this one has "
                f"{shortened(identity.get(keys[0]))}; give it another --name, or --resume=False to forget the earlier one"
            )
    elif (place.results / "search.json").is_file():
        raise UserError(
            f"{place.results}: holds the results of a search whose trials are not in {state}; give this one another --name "
            "or --output, or --resume=False to replace them"
        )
    write_record(file, identity)


def clear_folders(place: SearchPlace) -> None:
    """Forget an earlier search of the same name."""
    (place.state / "identity.json").unlink(missing_ok=True)
    for entry in place.state.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
    for name in ("best.yaml", "trials.csv", "trials.md", "parallel_coordinates.svg", "search.json"):
        (place.results / name).unlink(missing_ok=True)
