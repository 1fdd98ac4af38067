"""Holm's correction."""

import numpy as np
import pytest

from recbole_tagnnpp.experiment.statistics.holm import holm


def naive_rejections(p_values: list[float], alpha: float) -> list[bool]:
    """Holm's procedure as his paper states it: step down from the smallest, stop at the first that stays."""
    rejected = [False] * len(p_values)
    left = len(p_values)
    for index in sorted(range(len(p_values)), key=p_values.__getitem__):
        if p_values[index] > alpha / left:
            break
        rejected[index] = True
        left -= 1
    return rejected


def test_known_answer() -> None:
    assert holm(np.array([0.04, 0.01, 0.03, 0.005])).tolist() == pytest.approx([0.06, 0.03, 0.06, 0.02])
    assert holm(np.array([0.9, 0.6])).tolist() == [1.0, 1.0]
    assert holm(np.array([])).tolist() == []


@pytest.mark.parametrize("seed", range(20))
def test_rejects_what_the_step_down_procedure_rejects(seed: int) -> None:
    p_values = np.random.default_rng(seed).beta(0.3, 3, 13)
    for alpha in (0.01, 0.05, 0.2):
        assert (holm(p_values) <= alpha).tolist() == naive_rejections(p_values.tolist(), alpha)
