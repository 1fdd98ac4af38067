"""Scores and rankings equal those of plain loops written from the papers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from recbole_tagnnpp.baselines.counting import neighbours, recommender
from recbole_tagnnpp.baselines.counting.item_knn import ItemKNN
from recbole_tagnnpp.baselines.counting.popularity import Pop
from recbole_tagnnpp.baselines.counting.recommender import CountingRecommender
from recbole_tagnnpp.baselines.counting.session_popularity import SessionPop
from recbole_tagnnpp.baselines.counting.stan import STAN
from recbole_tagnnpp.baselines.counting.vs_knn import VSKNN
from tests.reference import naive_neighbours as naive
from tests.unit.baselines.counting.small_counting import N_ITEMS, batch, fitted, random_sessions

Twin = Callable[[list[list[int]], list[int]], dict[int, float]]


def scaled(scores: dict[int, float], factor: float) -> dict[int, float]:
    return {item: factor * score for item, score in scores.items()}


def vs_knn_twin(**settings: Any) -> Twin:
    return lambda training, s: scaled(naive.vs_knn(training, s, **settings), len(s))


def stan_twin(**settings: Any) -> Twin:
    return lambda training, s: scaled(naive.stan(training, s, **settings), len(set(s)) ** 0.5)


def case(kind: type[CountingRecommender], twin: Callable[..., Twin], **settings: Any) -> tuple:
    return kind, twin(**settings), settings


LAMBDAS = ("lambda_1", "lambda_2", "lambda_3")
CASES = {
    "Pop": (Pop, lambda training, s: {}, {}),
    "SessionPop": (SessionPop, naive.session_pop, {}),
    "ItemKNN": case(
        ItemKNN,
        lambda **settings: lambda training, s: naive.item_knn(training, s, **settings, n_items=N_ITEMS),
        n_similar_items=5,
        shrinkage=2.5,
    ),
    "ItemKNN, all, no shrinkage": case(
        ItemKNN,
        lambda **settings: lambda training, s: naive.item_knn(training, s, **settings, n_items=N_ITEMS),
        n_similar_items=100,
        shrinkage=0,
    ),
    "VSKNN": case(VSKNN, vs_knn_twin, n_neighbors=7, sample_size=11),
    "VSKNN, all candidates": case(VSKNN, vs_knn_twin, n_neighbors=5, sample_size=None),
    "VSKNN, all neighbours": case(VSKNN, vs_knn_twin, n_neighbors=1000, sample_size=1000),
    "STAN": case(STAN, stan_twin, n_neighbors=7, sample_size=13, lambda_1=1.3, lambda_2=9.0, lambda_3=0.8),
    "STAN, all candidates": case(
        STAN, stan_twin, n_neighbors=11, sample_size=None, lambda_1=0.4, lambda_2=31.0, lambda_3=2.2
    ),
    **{
        f"STAN, {name} off": case(
            STAN,
            stan_twin,
            n_neighbors=7,
            sample_size=13,
            **{"lambda_1": 1.7, "lambda_2": 17.0, "lambda_3": 1.7, name: None},
        )
        for name in LAMBDAS
    },
    "STAN, all off": case(STAN, stan_twin, n_neighbors=4, sample_size=9, **dict.fromkeys(LAMBDAS)),
}


def dense(twin_scores: dict[int, float], training: list[list[int]]) -> np.ndarray:
    """[n_items + 1] as full_sort_predict documents them."""
    order = naive.ranking({}, training, N_ITEMS)
    expected = np.array([-np.inf, *(-(order.index(item) + 1) / N_ITEMS for item in range(1, N_ITEMS + 1))])
    for item, score in twin_scores.items():
        expected[item] = score
    return expected


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", CASES)
def test_scores_and_order_equal_the_twin(name: str, seed: int) -> None:
    kind, twin, settings = CASES[name]
    training = random_sessions(60, seed, n_items=N_ITEMS - 3)  # the last three items are never seen
    current = [*random_sessions(30, 100 + seed, shortest=1), [N_ITEMS], [N_ITEMS - 1, N_ITEMS], [3, 3, 3], training[-1]]
    model = fitted(kind, training, **settings)
    scores = model.full_sort_predict(batch(current)).numpy()
    for k in (1, 5, N_ITEMS):
        top_scores, top_items = model.top_items(batch(current), k)
        for row, session in enumerate(current):
            expected = twin(training, session)
            assert top_items[row].tolist() == naive.ranking(expected, training, N_ITEMS)[:k], (row, session)
            assert top_scores[row].tolist() == scores[row][top_items[row].numpy()].tolist()
    for row, session in enumerate(current):
        expected = twin(training, session)
        if kind is SessionPop:
            clicks, most = naive.popularity(training), max(naive.popularity(training).values())
            expected = {item: score + clicks[item] / (most + 1) for item, score in expected.items()}
        np.testing.assert_allclose(scores[row], dense(expected, training), rtol=2e-12)


@pytest.mark.parametrize("name", CASES)
def test_batch_padding_and_chunks_change_no_bit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, _, settings = CASES[name]
    current = random_sessions(17, 5, shortest=1, longest=11)
    model = fitted(kind, random_sessions(50, 4), **settings)
    top_scores, top_items = model.top_items(batch(current), 19)
    dense_scores = model.full_sort_predict(batch(current))

    def agree(sessions: dict, index: list[int]) -> None:
        scores, items = model.top_items(sessions, 19)
        assert torch.equal(scores, top_scores[index])
        assert torch.equal(items, top_items[index])
        assert torch.equal(model.full_sort_predict(sessions), dense_scores[index])
        assert torch.equal(model.predict(sessions), dense_scores[index].gather(1, sessions["item_id"][:, None])[:, 0])

    everything = list(range(17))
    agree(batch(current, width=29, junk=7), everything)
    agree(batch(current[::-1]), everything[::-1])
    for row in (0, 5, 16):
        agree(batch([current[row]]), [row])
    monkeypatch.setattr(recommender, "CHUNK_VALUES", 5 * (N_ITEMS + 1))
    agree(batch(current), everything)
    monkeypatch.setattr(neighbours, "CHUNK_CANDIDATES", 1)
    agree(batch(current), everything)


@pytest.mark.parametrize("name", CASES)
def test_only_the_newest_clicks_of_a_long_session_count(name: str) -> None:
    kind, _, settings = CASES[name]
    model = fitted(kind, random_sessions(50, 4), **settings)
    newest = random_sessions(1, 6, shortest=13, longest=13)[0]
    for long, short in ((model.full_sort_predict(batch([[9, 9, 2, *newest]])), model.full_sort_predict(batch([newest]))),):
        assert torch.equal(long, short)
