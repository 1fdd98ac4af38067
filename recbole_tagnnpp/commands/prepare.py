"""``prepare``: atomic files from a raw click log."""

from pathlib import Path
from typing import Any

from recbole_tagnnpp.config.command_line import check_argument_names, config_files, model_of
from recbole_tagnnpp.config.layers import merge_layers
from recbole_tagnnpp.errors import UserError

HELP = """\
usage: python -m recbole_tagnnpp prepare --dataset=NAME [--source=PATH] [--output=dataset] [--config_files=A,B]

Filters and splits a raw click log as properties/dataset/NAME.yaml says, writes RecBole's atomic benchmark files and a
manifest to OUTPUT/NAME, and prints the counts beside published ones.

  --source=PATH           a file, or the folder that holds it: Diginetica's train-item-views.csv, yoochoose-clicks.dat,
                          SR-GNN's all_train_seq.txt and test.txt, or an atomic .inter file; default OUTPUT/NAME
  --output=FOLDER         default dataset"""


def prepare(settings: dict[str, Any]) -> int:
    """Prepare a dataset."""
    check_argument_names("prepare", settings, ("dataset", "source", "output", "config_files"))
    for key in ("dataset", *(["source"] if "source" in settings else [])):
        if not isinstance(settings.get(key), (str, int)) or isinstance(settings.get(key), bool):
            raise UserError(f"prepare needs --{key}=..., see prepare --help")
    from recbole_tagnnpp.data.prepare import prepare as prepare_dataset
    from recbole_tagnnpp.data.rules import PreparationRules
    from recbole_tagnnpp.data.sources.detection import find_source
    from recbole_tagnnpp.data.statistics import table_three

    name, files = str(settings["dataset"]), config_files(settings)
    output = Path(str(settings.get("output", "dataset"))).expanduser()
    if "source" in settings:
        source: Path | None = Path(str(settings["source"])).expanduser()
    else:
        source = find_source(output / name, name)
    if source is None:
        raise UserError(f"prepare needs --source=..., as no raw source lies in {output / name}; see prepare --help")
    preparation = merge_layers(model_of(files), name, files).final.get("preparation")
    if preparation is None:
        raise UserError(
            f"dataset={name}: no rules to prepare it by; copy properties/dataset/example.yaml to "
            f"properties/dataset/{name}.yaml, or name a file with a 'preparation' mapping in --config_files"
        )
    rules = PreparationRules.from_mapping(preparation, where=f"preparation of dataset {name}")
    manifest = prepare_dataset(name, source, output, rules)
    from rich.console import Console

    Console().print(table_three(manifest))
    return 0
