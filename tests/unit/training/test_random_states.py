"""Seeds, and sums whose order does not depend on threads."""

import os
import random
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from recbole_tagnnpp.training.random_states import get_random_states, seed_everything, set_random_states


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(2)
    yield
    torch.use_deterministic_algorithms(before, warn_only=True)


def test_gradients_of_a_gathered_row_are_the_same_bits_in_every_run() -> None:
    seed_everything(7, True)
    index, weights = torch.randint(3, (20_011,)), torch.randn(20_011, 17)
    found = set()
    for _ in range(20):
        rows = torch.zeros(3, 17, requires_grad=True)
        (rows[index] * weights).sum().backward()
        found.add(rows.grad.numpy().tobytes())
    assert len(found) == 1


def test_reproducibility_can_be_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    seed_everything(7, False)
    assert not torch.are_deterministic_algorithms_enabled()
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ


def test_products_on_a_gpu_are_reproducible_unless_the_user_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    seed_everything(7, True)
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    seed_everything(7, True)
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_seeds_and_states_cover_every_generator() -> None:
    def draw() -> list[float]:
        return [random.random(), float(np.random.rand()), float(torch.rand(()))]

    seed_everything(7, True)
    first, states = draw(), get_random_states()
    second = draw()
    set_random_states(states)
    assert draw() == second
    seed_everything(7, True)
    assert draw() == first != second
