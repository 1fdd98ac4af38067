"""``tune``: search hyper-parameters, on one machine or on a Ray cluster."""

from typing import Any

from recbole_tagnnpp.config.command_line import config_files, take_model
from recbole_tagnnpp.errors import UserError

HELP = """\
usage: python -m recbole_tagnnpp tune --dataset=NAME --params_file=FILE [--model=TAGNNPP] [--key=value ...]

Trains many settings of a model, selects on validation data, writes the best one as a configuration file, and tests it
once. An interrupted search continues when the same command is given again. docs/search.md says more.

  --params_file=FILE      the space in RecBole's format; TAGNNPP needs it (hyper.test, for example), other models have
                          properties/search/MODEL.test by default
  --algorithm=NAME        random (default), bayes or exhaustive (every combination)
  --scheduler=NAME        asha (weak trials stop early; default on Ray, but not for exhaustive), pbt (population based
                          training) or none (default otherwise)
  --trials=N              settings to try, default 20
  --workers=N             trials at once, default what this machine holds; 0 runs them in this process, without Ray
  --cpus_per_trial=N, --gpus_per_trial=X   of each trial; GPUs can be shared, for example 0.5
  --address=HOST:PORT     of a running Ray cluster, or auto for the one on this machine
  --resume                insist on continuing; --resume=False forgets an earlier search of the same name
  --training_share=X      trials learn from this share of the training sessions, the most recent ones
  --final=False           leave out the final run: refit on training + validation, one test
  --name=NAME             of the search, default made of its settings; --output=FOLDER, default results/search
  --grace_epochs, --reduction_factor   of asha; --perturbation_epochs of pbt; --retries of trials whose process died
  --KEY=VALUE             any key of a configuration, the same in all trials"""


def tune(settings: dict[str, Any]) -> int:
    """Search hyper-parameters."""
    files = config_files(settings)
    if "dataset" not in settings and not files:
        raise UserError("no dataset given: --dataset=NAME, for example --dataset=demo")
    from recbole_tagnnpp.experiment.search.plan import plan_search

    plan = plan_search(take_model(settings, files), files, settings)  # mistakes show before torch loads
    from recbole_tagnnpp.experiment.search.search import search

    search(plan)
    return 0
