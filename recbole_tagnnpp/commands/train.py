"""``train``: one run of one model."""

from typing import Any

from recbole_tagnnpp.config.command_line import config_files, take_model
from recbole_tagnnpp.config.layers import merge_layers
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.training.distributed.environment import processes_of_torchrun

HELP = """\
usage: python run_recbole_tagnnpp.py --dataset=NAME [--key=value ...]
       python -m recbole_tagnnpp train --dataset=NAME [--key=value ...]

Trains a model, selects the best epoch on validation data, tests once, prints a table and writes a record.
An interrupted run continues when the same command is given again.

  --dataset=NAME          demo, diginetica, yoochoose1_64, yoochoose1_4, or your own in dataset/NAME/
  --model=NAME            TAGNNPP (default) or a sequential model of RecBole: SRGNN, GCSAN, NARM, GRU4Rec, RepeatNet, ...
  --preset=NAME           recommended (default), fast, paper, released_code or untuned
  --refit=True            retrain on training + validation before the test; all: and on everything after it, to be kept
  --nproc=N               N processes train the model together on this machine; torchrun works too
  --address=HOST:PORT     on a Ray cluster (auto: the one on this machine), with --nproc=N processes in all
  --config_files=A,B      YAML files of settings, later ones win
  --KEY=VALUE             any key of properties/overall.yaml or properties/model/MODEL.yaml"""


def train(settings: dict[str, Any]) -> int:
    """Train and test a model."""
    files = config_files(settings)
    if "dataset" not in settings and not files:
        raise UserError("no dataset given: --dataset=NAME, for example --dataset=demo")
    model = take_model(settings, files)
    address, started = settings.pop("address", None), processes_of_torchrun()
    if started > 1 and (address is not None or settings.setdefault("nproc", started) != started):
        raise UserError(f"started {started} times, by torchrun it seems: leave --nproc and --address out")
    n_processes = merge_layers(model, None, files, command_line=settings).final["nproc"]  # mistakes show before torch loads
    if address is not None:
        from recbole_tagnnpp.experiment.ray_train import train_on_ray

        train_on_ray(model, files, settings, n_processes, str(address))
        return 0
    if n_processes > 1:
        from recbole_tagnnpp.experiment.data_parallel import train_as_rank, train_in_processes

        train_as_rank(model, files, settings) if started > 1 else train_in_processes(model, files, settings, n_processes)
        return 0
    from recbole_tagnnpp.config.session_config import SessionConfig
    from recbole_tagnnpp.experiment.run import run

    run(SessionConfig(model, None, files, command_line=settings))
    return 0
