"""What can be told before hours of training: results that would find no place, metrics of more items than there are."""

from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.config.value_checks import check_cut_offs
from recbole_tagnnpp.data.manifest import Manifest
from recbole_tagnnpp.experiment.run_place import RunPlace
from recbole_tagnnpp.experiment.target_ranks import facts_file, ranks_file
from recbole_tagnnpp.files import check_file_name, check_folder


def check_before_training(config: SessionConfig, manifest: Manifest, place: RunPlace) -> None:
    """Check what the settings of a run ask of its data and of the machine.

    Raises:
        UserError: record or checkpoints cannot be written where they belong, or ``topk`` exceeds the number of items.
    """
    check_cut_offs(config.to_plain_dict(), manifest.n_items)
    check_folder(place.record.parent, "results_path")
    check_folder(place.checkpoints, "checkpoint_dir")
    for file in (place.record, ranks_file(place.record), facts_file(place.record, manifest.checksum), place.weights):
        check_file_name(file)
