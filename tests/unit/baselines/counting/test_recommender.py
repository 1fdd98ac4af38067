"""What every counting model keeps, refuses and reads back."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from recbole_tagnnpp.baselines.counting.item_knn import ItemKNN
from recbole_tagnnpp.baselines.counting.popularity import Pop
from recbole_tagnnpp.baselines.counting.recommender import CountingRecommender
from recbole_tagnnpp.baselines.counting.session_popularity import SessionPop
from recbole_tagnnpp.baselines.counting.stan import STAN
from recbole_tagnnpp.baselines.counting.vs_knn import VSKNN
from recbole_tagnnpp.config.models import OUR_MODELS, find_model
from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.data.whole_sessions import SessionClicks
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.training.checkpoint import load_checkpoint, load_weights, save_checkpoint
from tests.unit.baselines.counting.small_counting import batch, fitted, new_model, random_sessions, sequences_of

NEIGHBOURS = {"n_neighbors": 5, "sample_size": 20}
SETTINGS: dict[type[CountingRecommender], dict[str, Any]] = {
    Pop: {},
    SessionPop: {},
    ItemKNN: {"n_similar_items": 6, "shrinkage": 1.5},
    VSKNN: NEIGHBOURS,
    STAN: {**NEIGHBOURS, "lambda_1": 1.0, "lambda_2": 20.0, "lambda_3": 2.0},
}
KINDS = list(SETTINGS)
TRAINING = random_sessions(40, 1)
CURRENT = batch(random_sessions(13, 2, shortest=1))


@pytest.mark.parametrize("kind", KINDS)
def test_names_resolve_to_ours_with_our_settings(kind: type[CountingRecommender]) -> None:
    assert OUR_MODELS[kind.__name__] == kind.__module__
    assert find_model(kind.__name__) is kind
    config = SessionConfig(kind.__name__, "demo", config_dict={"use_gpu": False})
    assert config.model_class is kind
    assert all(config[key] is not None for key in SETTINGS[kind])
    assert config["epochs"] == 1
    with pytest.raises(UserError, match="knn_method: unknown key"):  # RecBole's ItemKNN has it
        SessionConfig(kind.__name__, "demo", config_dict={"knn_method": "item"})


@pytest.mark.parametrize(
    ("model", "key", "value"),
    [
        ("VSKNN", "n_neighbors", 0),
        ("VSKNN", "sample_size", 0),
        ("VSKNN", "sample_size", 1.5),
        ("STAN", "lambda_1", 0),
        ("STAN", "lambda_2", -1.0),
        ("STAN", "lambda_3", float("inf")),
        ("ItemKNN", "shrinkage", -0.1),
        ("ItemKNN", "n_similar_items", 0),
    ],
)
def test_values_out_of_range_are_refused(model: str, key: str, value: Any) -> None:
    with pytest.raises(UserError, match=f"{key}=.*allowed is a"):
        SessionConfig(model, "demo", config_dict={key: value})


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_learnt_survives_a_checkpoint(kind: type[CountingRecommender], tmp_path: Path) -> None:
    model = fitted(kind, TRAINING, **SETTINGS[kind])
    assert not list(model.parameters())
    path = tmp_path / "c.pth"
    save_checkpoint(path, model, {}, [], {})
    other = new_model(kind, **SETTINGS[kind])
    load_weights(other, load_checkpoint(path), path)
    assert torch.equal(other.full_sort_predict(CURRENT), model.full_sort_predict(CURRENT))
    assert other.state_dict().keys() == model.state_dict().keys() == kind.learnt_dtypes.keys()
    grown = fitted(kind, random_sessions(90, 8), **SETTINGS[kind])
    load_weights(grown, load_checkpoint(path), path)  # over another size
    assert torch.equal(grown.full_sort_predict(CURRENT), model.full_sort_predict(CURRENT))


@pytest.mark.parametrize("kind", KINDS)
def test_fitting_again_forgets(kind: type[CountingRecommender]) -> None:
    model = fitted(kind, random_sessions(90, 8), **SETTINGS[kind])
    model.fit_sequences(sequences_of(TRAINING))
    once = fitted(kind, TRAINING, **SETTINGS[kind])
    for name, values in once.state_dict().items():
        assert torch.equal(model.state_dict()[name], values)
    assert torch.equal(model.full_sort_predict(CURRENT), once.full_sort_predict(CURRENT))


@pytest.mark.parametrize("kind", KINDS)
def test_scoring_before_fitting_and_losses_give_one_line(kind: type[CountingRecommender]) -> None:
    model = new_model(kind, **SETTINGS[kind])
    for use in (model.full_sort_predict, model.predict, lambda b: model.top_items(b, 3)):
        with pytest.raises(UserError, match=f"model={kind.__name__}: has learnt nothing yet"):
            use(CURRENT)
    with pytest.raises(UserError, match=f"model={kind.__name__}: learns by counting"):
        model.calculate_loss(CURRENT)


def test_more_items_than_there_are() -> None:
    with pytest.raises(ValueError, match="k=24: there are only 23 items"):
        fitted(Pop, TRAINING).top_items(CURRENT, 24)


@pytest.mark.parametrize("kind", KINDS)
def test_scoring_leaves_the_sessions_as_they_are(kind: type[CountingRecommender]) -> None:
    model = fitted(kind, TRAINING, **SETTINGS[kind])
    sessions = SessionClicks(np.array([4, 4, 9, 4, 2, 2], dtype=np.int32), np.array([0, 4, 6], dtype=np.int32))
    model.session_scores(sessions)  # scipy takes arrays of int32 without a copy
    assert sessions.items.tolist() == [4, 4, 9, 4, 2, 2]
    assert sessions.ends.tolist() == [0, 4, 6]


def changed(name: str, place: int | slice, value: float) -> Any:
    def change(state: dict[str, torch.Tensor]) -> None:
        state[name] = state[name].clone()
        state[name][place] = value

    return change


def replaced(name: str, make: Any) -> Any:
    def change(state: dict[str, torch.Tensor]) -> None:
        state[name] = make(state[name])

    return change


def repeat_a_similar_item(state: dict[str, torch.Tensor]) -> None:
    row = int(state["similar_ends"].diff().argmax())
    start = int(state["similar_ends"][row])
    changed("similar_items", start, int(state["similar_items"][start + 1]))(state)


HUGE = 2**62
DAMAGES = [
    (Pop, lambda s: s.pop("popularity"), "missing in the checkpoint"),
    (Pop, lambda s: s.update(more=torch.zeros(1)), "missing in the model"),
    (Pop, lambda s: s.update(popularity=[1, 2]), "must be a tensor"),
    (Pop, replaced("popularity", lambda t: t[:-1]), "'popularity' counts 23 items .*needs 24"),
    (Pop, replaced("popularity", lambda t: t[:0]), "'popularity' counts 0 items"),
    (Pop, replaced("popularity", lambda t: t.double()), "'popularity' must be int64 .* found float64"),
    (Pop, replaced("popularity", lambda t: t[None]), "one dimension, found int64 of shape"),
    (Pop, replaced("popularity", lambda t: t.bfloat16()), "must be a dense tensor of int64"),
    (Pop, replaced("popularity", lambda t: t.to_sparse()), "must be a dense tensor of int64"),
    (Pop, replaced("popularity", lambda t: t.to("meta")), "must be a dense tensor of int64"),
    (Pop, changed("popularity", 5, -1), "'popularity' holds -1 at place 5, allowed is at least 0"),
    (Pop, changed("popularity", 0, 1), "padding, is 1, allowed is 0"),
    (ItemKNN, replaced("similarities", lambda t: t[:-1]), "'similar_items' has"),
    (ItemKNN, replaced("similarities", lambda t: t.float()), "'similarities' must be float64"),
    (ItemKNN, changed("similarities", 3, float("nan")), "'similarities' holds nan at place 3"),
    (ItemKNN, changed("similarities", 3, float("inf")), "'similarities' holds inf at place 3"),
    (ItemKNN, changed("similarities", 3, 0.0), "'similarities' holds 0.0 at place 3"),
    (ItemKNN, changed("similar_items", 2, 24), "'similar_items' holds 24 at place 2, allowed is at least 1 and below 24"),
    (ItemKNN, changed("similar_items", 2, 0), "'similar_items' holds 0 at place 2"),
    (ItemKNN, repeat_a_similar_item, "'similar_items' lists an item twice in one row"),
    (ItemKNN, changed("similar_ends", 0, 1), "'similar_ends' must rise from 0"),
    (ItemKNN, changed("similar_ends", -1, HUGE), "'similar_ends' must rise from 0"),
    (ItemKNN, changed("similar_ends", 7, -HUGE), "'similar_ends' must rise from 0"),
    (ItemKNN, replaced("similar_ends", lambda t: t[:-1]), "'similar_ends' has 24 entries, 25 are needed"),
    *[
        (kind, damage, message)
        for kind in (VSKNN, STAN)
        for damage, message in (
            (changed("session_items", 4, 24), "'session_items' holds 24 at place 4"),
            (changed("session_items", 4, 0), "'session_items' holds 0 at place 4"),
            (changed("session_items", 4, -HUGE), "'session_items' holds -"),
            (changed("session_ends", 3, HUGE), "'session_ends' must rise from 0"),
            (changed("session_ends", slice(3, 5), 12), "in steps of at least 1"),
            (replaced("session_ends", lambda t: t[:-1]), "'session_ends' must rise from 0"),
            (replaced("session_ends", lambda t: t[:1]), "'session_ends' has 1 entries, 2 are needed"),
            (replaced("session_ends", lambda t: t[:0]), "'session_ends' has 0 entries"),
            (replaced("session_items", lambda t: t[:-1]), "'session_ends' must rise from 0"),
            (replaced("session_items", lambda t: t.int()), "'session_items' must be int64"),
        )
    ],
]


@pytest.mark.parametrize(("kind", "damage", "message"), DAMAGES)
def test_damaged_files_give_one_line_and_leave_the_model_as_it_was(
    kind: type[CountingRecommender], damage: Any, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "c.pth"
    save_checkpoint(path, fitted(kind, TRAINING, **SETTINGS[kind]), {}, [], {})
    checkpoint = torch.load(path, weights_only=True)
    damage(checkpoint["state_dict"])
    torch.save(checkpoint, path)
    model = fitted(kind, random_sessions(30, 9), **SETTINGS[kind])
    before = model.full_sort_predict(CURRENT)
    with pytest.raises(UserError, match=message) as caught:
        load_weights(model, load_checkpoint(path), path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
    assert torch.equal(model.full_sort_predict(CURRENT), before)


@pytest.mark.parametrize("kind", KINDS)
def test_no_plausible_damage_crashes_scoring(kind: type[CountingRecommender]) -> None:
    """Whatever numbers a file holds: it is refused, or every session gets a whole ranking."""
    generator = np.random.default_rng(7)
    good = {name: t.clone() for name, t in fitted(kind, TRAINING, **SETTINGS[kind]).state_dict().items()}
    model, refused = new_model(kind, **SETTINGS[kind]), 0
    for _ in range(120):
        state = {name: t.clone() for name, t in good.items()}
        for _ in range(int(generator.integers(1, 3))):
            values = state[list(state)[generator.integers(len(state))]]
            values[generator.integers(len(values))] = int(generator.choice([-1, 0, 1, 7, 23, 24, 10**6, HUGE, -HUGE]))
        try:
            model.load_learnt(state)
        except ValueError:
            refused += 1
            continue
        items = model.top_items(CURRENT, 23)[1]
        assert torch.equal(items.sort(dim=1).values, torch.arange(1, 24).expand(13, 23))
        assert not model.full_sort_predict(CURRENT).isnan().any()
    assert 0 < refused < 120
