"""``ablate``: TAGNN++ without each of its parts."""

from typing import Any

HELP = """\
usage: python -m recbole_tagnnpp ablate --dataset=A,B [--preset=recommended] [--seeds=1,2,3] [--key=value ...]

Trains and tests TAGNN++ and TAGNN++ without each of its parts (the paper's Table II), with the Transformer alone and
with the graph network alone; in our presets also with other choices (labels not smoothed, positions from the start, ...).
The other arguments are those of compare.

  --preset=NAME           which TAGNN++: recommended (default), fast, paper, released_code or untuned"""


def ablate(settings: dict[str, Any]) -> int:
    """Run the ablations."""
    from recbole_tagnnpp.experiment.grid.command import ablate as run_ablations

    return run_ablations(settings)
