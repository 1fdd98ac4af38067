"""``prepare``: atomic files from a raw click log."""

from typing import Any

from recbole_tagnnpp.config.command_line import check_argument_names, config_files, model_of
from recbole_tagnnpp.config.layers import merge_layers
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.files import check_folder, user_path
from recbole_tagnnpp.terminal import PlainConsole

HELP = """\
usage: python -m recbole_tagnnpp prepare --dataset=NAME [--source=PATH] [--output=dataset] [--preparation={...}]

Filters and splits a raw click log as properties/dataset/NAME.yaml says, writes RecBole's atomic benchmark files and a
manifest to OUTPUT/NAME, and prints the counts beside published ones.

  --source=PATH           a file, or the folder that holds it: Diginetica's train-item-views.csv, yoochoose-clicks.dat,
                          SR-GNN's all_train_seq.txt and test.txt, an atomic .inter file, or a .csv file with a header;
                          default OUTPUT/NAME
  --output=FOLDER         default dataset
  --preparation="{test_days: 3}" rules, over those of the property file; --config_files=A,B may hold some, too"""


def prepare(settings: dict[str, Any]) -> int:
    """Prepare a dataset."""
    check_argument_names("prepare", settings, ("dataset", "source", "output", "preparation", "config_files"))
    if "dataset" not in settings:
        raise UserError("prepare needs --dataset=..., see prepare --help")
    from recbole_tagnnpp.data.prepare import prepare as prepare_dataset
    from recbole_tagnnpp.data.rules import PreparationRules, no_rules
    from recbole_tagnnpp.data.sources.detection import find_source
    from recbole_tagnnpp.data.statistics import table_three

    name, files = settings["dataset"], config_files(settings)
    output = user_path(settings.get("output", "dataset"))
    source = user_path(settings["source"]) if "source" in settings else find_source(output / name, name)
    if source is None:
        raise UserError(f"prepare needs --source=..., as no raw source lies in {output / name}; see prepare --help")
    rules_here = {key: settings[key] for key in ("preparation",) if key in settings}
    layers = merge_layers(model_of(files), name, files, command_line=rules_here)
    preparation = layers.final.get("preparation")
    if preparation is None:
        raise UserError(no_rules(name))
    rules = PreparationRules.from_mapping(preparation, f"preparation of dataset {name}", layers.origin_of_rule)
    check_folder(output / name, "output")
    manifest = prepare_dataset(name, source, output, rules)
    PlainConsole().print(table_three(manifest))
    return 0
