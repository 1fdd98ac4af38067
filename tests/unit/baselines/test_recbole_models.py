"""SRGNN, GCSAN, GRU4Rec and NARM compute what RecBole's own classes compute."""

import copy
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from recbole_tagnnpp.baselines.gcsan import GCSAN
from recbole_tagnnpp.baselines.gru4rec import GRU4Rec
from recbole_tagnnpp.baselines.narm import NARM
from recbole_tagnnpp.baselines.srgnn import SRGNN
from recbole_tagnnpp.config.models import find_model
from recbole_tagnnpp.recbole_compat import import_sequential_model
from tests.unit.model.small_model import CONFIG, MAX_LENGTH, N_ITEMS, SESSIONS, interaction, random_sessions

RECBOLE: dict[type, type] = {
    SRGNN: import_sequential_model("srgnn").SRGNN,
    GCSAN: import_sequential_model("gcsan").GCSAN,
    GRU4Rec: import_sequential_model("gru4rec").GRU4Rec,
    NARM: import_sequential_model("narm").NARM,
}
KEYS: dict[str, Any] = {
    **CONFIG, "step": 2, "loss_type": "CE", "weight": 0.6, "hidden_size": 10, "reg_weight": 0.01, "initializer_range": 0.3,
    "num_layers": 1, "dropout_prob": 0.3, "dropout_probs": [0.3, 0.3],
}  # fmt: skip
BATCHES = [SESSIONS, [[4]], [[2, 2, 2], [1]], random_sessions(29, 3), random_sessions(31, 4, 2)]


def model(of: type, seed: int = 3) -> Any:
    torch.manual_seed(seed)
    return of(KEYS, SimpleNamespace(num=lambda field: N_ITEMS + 1)).eval()


@pytest.mark.parametrize("ours", RECBOLE)
@pytest.mark.parametrize("batch", range(len(BATCHES)))
def test_loss_gradients_and_scores_are_recboles_on_shorter_batches(ours: type, batch: int) -> None:
    fast, stock = model(ours), model(RECBOLE[ours])
    stock.load_state_dict(copy.deepcopy(fast.state_dict()))
    short, wide = interaction(BATCHES[batch]), interaction(BATCHES[batch], MAX_LENGTH + 7)
    fast.calculate_loss(short).backward()
    stock.calculate_loss(wide).backward()
    for (name, mine), other in zip(fast.named_parameters(), stock.parameters(), strict=True):
        torch.testing.assert_close(
            mine.grad, other.grad, rtol=1e-4, atol=1e-6, msg=lambda text, name=name: f"{name}: {text}"
        )
    with torch.no_grad():
        torch.testing.assert_close(fast.full_sort_predict(short), stock.full_sort_predict(wide), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("ours", RECBOLE)
def test_a_session_alone_scores_the_same(ours: type) -> None:
    sessions = random_sessions(7, 8)
    fast = model(ours)
    with torch.no_grad():
        together = fast.full_sort_predict(interaction(sessions))
        alone = torch.cat([fast.full_sort_predict(interaction([session])) for session in sessions])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("place", ["attn_dropout_prob", "hidden_dropout_prob"])
def test_dropout_of_gcsan_acts_in_training_only(place: str) -> None:
    fast = GCSAN({**KEYS, place: 0.5}, SimpleNamespace(num=lambda field: N_ITEMS + 1)).eval()  # type: ignore[arg-type]
    batch = interaction(SESSIONS)
    assert torch.equal(fast.full_sort_predict(batch), fast.full_sort_predict(batch))
    fast.train()
    assert not torch.equal(fast.full_sort_predict(batch), fast.full_sort_predict(batch))


@pytest.mark.parametrize("ours", RECBOLE)
def test_they_are_what_the_names_stand_for(ours: type) -> None:
    assert find_model(ours.__name__) is ours
    assert ours.pads_to_longest
