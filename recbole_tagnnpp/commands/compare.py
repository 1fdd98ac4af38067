"""``compare``: several systems beside each other."""

from typing import Any

HELP = """\
usage: python -m recbole_tagnnpp compare --dataset=A,B [--models=X,Y] [--seeds=1,2,3] [--workers=N] [--key=value ...]

Trains and tests every system of the paper's Table I, and the simple baselines beside them, on the same data with the
same evaluator. Runs that have a record are skipped, so the same command continues an interrupted grid.

  --dataset=A,B           one or more datasets
  --models=X,Y            default all; MODEL, MODEL:PRESET, or a title of the table: TAGNNPP, TAGNNPP:paper, STAN, ...
  --seeds=1,2,3           default 2020
  --workers=N             N runs at the same time, as Ray tasks; default 0: one after the other, without Ray
  --address=HOST:PORT     of a running Ray cluster (auto: the one on this machine); without --workers it runs as many at
                          the same time as it holds, each with --threads cores, default 1
  --gpus_per_run=0.5      GPUs that a run on Ray gets; with a fraction runs share one
  --attempts=2            how often a run that dies on Ray is started; it continues from its last epoch
  --config_files=A,B      YAML files of settings for every run, later ones win
  --KEY=VALUE             any key, for every run: --refit=True, --epochs=5, --threads=1, ..."""


def compare(settings: dict[str, Any]) -> int:
    """Run systems beside each other."""
    from recbole_tagnnpp.experiment.grid.command import compare as run_comparison

    return run_comparison(settings)
