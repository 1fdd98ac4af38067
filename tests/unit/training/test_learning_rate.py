"""Schedules at their boundaries."""

import pytest

from recbole_tagnnpp.training.learning_rate import LearningRateSchedule


def test_constant() -> None:
    schedule = LearningRateSchedule("constant", 0.3, steps_per_epoch=7, epochs=2)
    assert [schedule.at(step) for step in (0, 6, 7, 1000)] == [0.3] * 4


def test_step_decays_at_the_first_step_of_every_third_epoch() -> None:
    schedule = LearningRateSchedule("step", 1e-4, steps_per_epoch=7, epochs=15, decay_epochs=3, decay_factor=0.1)
    expected = {0: 1e-4, 20: 1e-4, 21: 1e-5, 41: 1e-5, 42: 1e-6, 104: 1e-8}
    assert {step: schedule.at(step) for step in expected} == pytest.approx(expected)


def test_cosine_starts_full_is_half_way_in_the_middle_and_ends_at_the_minimum() -> None:
    schedule = LearningRateSchedule("cosine", 0.9, steps_per_epoch=5, epochs=4, minimum=0.1)
    assert [schedule.at(step) for step in (0, 10, 20, 25)] == pytest.approx([0.9, 0.5, 0.1, 0.1])
    assert all(schedule.at(step) > schedule.at(step + 1) for step in range(20))


def test_warm_up_rises_to_the_full_rate_and_the_cosine_starts_behind_it() -> None:
    schedule = LearningRateSchedule("cosine", 0.8, steps_per_epoch=5, epochs=4, warmup_steps=4)
    assert [schedule.at(step) for step in range(5)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8])
    assert schedule.at(12) == pytest.approx(0.4)
    constant = LearningRateSchedule("constant", 0.8, steps_per_epoch=5, epochs=4, warmup_steps=4)
    assert [constant.at(step) for step in (0, 3, 4)] == pytest.approx([0.2, 0.8, 0.8])
