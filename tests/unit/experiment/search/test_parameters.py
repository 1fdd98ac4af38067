"""Kinds of parameters: draws, grids, steps, hyperopt's and configurations' values."""

import math
from collections import Counter

import numpy as np
import pytest
from hyperopt.pyll.stochastic import sample as hyperopt_sample

from recbole_tagnnpp.experiment.search.parameters import (
    Choice,
    LogUniform,
    Parameter,
    QUniform,
    RandInt,
    Uniform,
    is_same_value,
    plain_value,
)

CHOICE = Choice("a", 1, ("x", None, [64, 32], 0.5))
UNIFORM = Uniform("b", 2, -1.0, 3.0)
LOG = LogUniform("c", 3, -8.0, -5.0)
WHOLE = QUniform("d", 4, 50.0, 170.0, 50.0)
STEPS = QUniform("e", 5, 0.1, 0.7, 0.1)
INTEGER = RandInt("f", 6, 2, 4)
ALL = [CHOICE, UNIFORM, LOG, WHOLE, STEPS, INTEGER]


def is_inside(parameter: Parameter, value: object) -> bool:
    values = parameter.grid()
    if values is not None:
        return any(is_same_value(value, entry) for entry in values)
    low, high = parameter.extremes()
    return isinstance(value, float) and low <= value <= high


@pytest.mark.parametrize("parameter", ALL)
def test_draws_and_steps_stay_inside(parameter: Parameter) -> None:
    generator = np.random.default_rng(1)
    value = parameter.sample(generator)
    moves = 0
    for _ in range(200):
        assert is_inside(parameter, parameter.sample(generator))
        moved = parameter.moved(value, generator)
        assert is_inside(parameter, moved)
        moves += not is_same_value(moved, value)
        value = moved
    assert moves > 30


@pytest.mark.parametrize("parameter", ALL)
def test_hyperopt_draws_what_we_draw(parameter: Parameter) -> None:
    generator = np.random.default_rng(2)
    for _ in range(100):
        value = parameter.plain(hyperopt_sample(parameter.hyperopt(), generator))
        assert is_inside(parameter, value)
        assert type(value) in (str, type(None), list, float, int)


def test_grids() -> None:
    assert CHOICE.grid() == ["x", None, [64, 32], 0.5]
    assert UNIFORM.grid() is LOG.grid() is None
    assert WHOLE.grid() == [50, 100, 150]
    assert all(isinstance(value, int) for value in WHOLE.grid())
    assert STEPS.grid() == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    assert INTEGER.grid() == [2, 3, 4]


def test_extremes() -> None:
    assert LOG.extremes() == [math.exp(-8), math.exp(-5)]
    assert UNIFORM.extremes() == [-1.0, 3.0]
    assert WHOLE.extremes() == [50, 150]
    assert INTEGER.extremes() == [2, 4]


def test_integers_include_both_ends_evenly() -> None:
    generator = np.random.default_rng(3)
    counts = Counter(INTEGER.sample(generator) for _ in range(3000))
    assert counts.keys() == {2, 3, 4}
    assert min(counts.values()) > 900


def test_loguniform_is_even_in_the_exponent() -> None:
    generator = np.random.default_rng(4)
    exponents = np.log([LOG.sample(generator) for _ in range(3000)])
    assert np.mean(exponents) == pytest.approx(-6.5, abs=0.06)
    assert np.mean(exponents < -7.25) == pytest.approx(0.25, abs=0.03)


def test_plain_values() -> None:
    assert plain_value(np.float64(0.5)) == 0.5
    assert type(plain_value(np.float64(0.5))) is float
    assert plain_value(((1, np.int64(2)),)) == [[1, 2]]
    assert CHOICE.plain((64, 32)) == [64, 32]
    assert WHOLE.plain(np.float64(150.0)) == 150
    assert type(WHOLE.plain(150.0)) is int
    assert STEPS.plain(3 * 0.1) == 0.3
    assert INTEGER.plain(3.0) == 3
    assert type(INTEGER.plain(3.0)) is int


def test_position_in_a_choice_tells_true_from_one() -> None:
    choice = Choice("a", 1, (1, True, 0, False))
    assert [choice.hyperopt_value(value) for value in (1, True, 0, False)] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("parameter", "value"),
    [(WHOLE, 120), (WHOLE, None), (WHOLE, math.inf), (WHOLE, True), (STEPS, 0.25), (INTEGER, None), (INTEGER, 2.5),
     (INTEGER, True), (CHOICE, "elsewhere"), (UNIFORM, None), (LOG, 1.0)],
)  # fmt: skip
def test_a_value_that_is_not_held_stays_what_it_is(parameter: Parameter, value: object) -> None:
    """It belongs to the configuration that a search begins with."""
    assert not parameter.holds(value)
    assert is_same_value(parameter.plain(value), value)


@pytest.mark.parametrize("parameter", ALL)
def test_what_is_drawn_is_held(parameter: Parameter) -> None:
    assert all(parameter.holds(value) for value in parameter.extremes())
    assert parameter.holds(parameter.sample(np.random.default_rng(5)))
