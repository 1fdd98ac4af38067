"""The demo sessions: clicks with a hidden structure that models can find and popularity cannot.

Items lie on rings, one ring a cluster.  A shopper walks along a ring; the next step depends on the last one, that is, on
the last two clicks, by a rule of the cluster.  Now and then the shopper returns to an item of the session, takes a
random step, or moves on to a related cluster.  Only raw 64-bit numbers of PCG64 and integer arithmetic are used, so
that every machine and numpy version makes the same bytes.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from recbole_tagnnpp.files import atomic_write

SEED = 20_260_101
N_SESSIONS = 8_000
N_CLUSTERS, CLUSTER_SIZE = 12, 50
STEPS = (1, 2, 5, -1, -3, 9)
DAYS, FIRST_SECOND = 28, 1_700_000_000
PERCENT_RULE, PERCENT_RETURN, PERCENT_RANDOM_STEP = 66, 12, 16  # the rest moves to a related cluster
MAX_CLICKS = 30


class RandomIntegers:
    """Integers from the raw stream of PCG64, which numpy never changes."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.PCG64(seed)

    def below(self, limit: int) -> int:
        """A number in [0, limit); the bias of the remainder, below 2^-50 here, does not matter."""
        return int(self._bits.random_raw()) % limit


def next_step_rules(draw: RandomIntegers) -> list[list[int]]:
    """For each cluster, the step that follows each step, a permutation without fixed points in most places."""
    rules = []
    for _ in range(N_CLUSTERS):
        order = list(range(len(STEPS)))
        for last in range(len(order) - 1, 0, -1):  # Fisher-Yates
            other = draw.below(last + 1)
            order[last], order[other] = order[other], order[last]
        rules.append(order)
    return rules


def walk(draw: RandomIntegers, rules: list[list[int]], go_on: Callable[[int], bool]) -> list[int]:
    """Items of one session.

    Args:
        draw: source of chance.
        rules: see :func:`next_step_rules`.
        go_on: whether there is another click after so many.
    """
    cluster = draw.below(draw.below(N_CLUSTERS) + 1)  # low clusters are more popular
    place = draw.below(CLUSTER_SIZE)
    step = draw.below(len(STEPS))
    clicks = [cluster * CLUSTER_SIZE + place]
    while len(clicks) < MAX_CLICKS and go_on(len(clicks)):
        chance = draw.below(100)
        if chance < PERCENT_RULE:
            step = rules[cluster][step]
            place = (place + STEPS[step]) % CLUSTER_SIZE
        elif chance < PERCENT_RULE + PERCENT_RETURN:
            earlier = clicks[draw.below(len(clicks))]
            cluster, place = divmod(earlier, CLUSTER_SIZE)
        elif chance < PERCENT_RULE + PERCENT_RETURN + PERCENT_RANDOM_STEP:
            step = draw.below(len(STEPS))
            place = (place + STEPS[step]) % CLUSTER_SIZE
        else:
            cluster = (cluster + 1) % N_CLUSTERS
        clicks.append(cluster * CLUSTER_SIZE + place)
    return clicks


def demo_log() -> str:
    """Text of ``demo.inter``: all clicks, sessions by time."""
    draw = RandomIntegers(SEED)
    rules = next_step_rules(draw)
    lines = ["session_id:token\titem_id:token\ttimestamp:float"]
    for session in range(N_SESSIONS):
        second = FIRST_SECOND + DAYS * 86_400 * session // N_SESSIONS
        clicks = walk(draw, rules, lambda count: count < 2 or draw.below(100) < 72)
        for item in clicks:
            lines.append(f"{session + 1}\t{item + 1}\t{second}")
            second += 10 + draw.below(110)
    return "\n".join(lines) + "\n"


def write_demo_log(path: Path) -> None:
    """Write the demo's raw log."""
    with atomic_write(path) as handle:
        handle.write(demo_log())


if __name__ == "__main__":
    write_demo_log(Path("dataset/demo/demo.inter"))
