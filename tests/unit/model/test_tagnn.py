"""TAGNN is TAGNN++ without positions and Transformer."""

from types import SimpleNamespace

import torch

from recbole_tagnnpp.config.layers import merge_layers
from recbole_tagnnpp.model.tagnn import TAGNN
from tests.unit.model.small_model import CONFIG, N_ITEMS, SESSIONS, interaction, small_model


def tagnn() -> TAGNN:
    torch.manual_seed(2)
    dataset = SimpleNamespace(num=lambda field: N_ITEMS + 1)
    keys = {key: CONFIG[key] for key in CONFIG if key not in ("use_gnn", "use_position_embedding", "use_transformer")}
    return TAGNN(keys, dataset).double().eval()  # type: ignore[arg-type]


def test_scores_and_gradients_are_those_of_the_reduced_tagnnpp() -> None:
    model = tagnn()
    reduced = small_model(1, use_position_embedding=False, use_transformer=False)
    reduced.load_state_dict(model.state_dict())
    batch = interaction(SESSIONS)
    torch.testing.assert_close(model.full_sort_predict(batch), reduced.full_sort_predict(batch))
    model.calculate_loss(batch).backward()
    reduced.calculate_loss(batch).backward()
    for ours, theirs in zip(model.parameters(), reduced.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_its_paper_trains_it_as_sr_gnn() -> None:
    tagnn, sr_gnn = (
        merge_layers(m, "diginetica", dictionary={"preset": p}).final for m, p in (("TAGNN", None), ("SRGNN", "baseline"))
    )
    for key in (
        "embedding_size",
        "train_batch_size",
        "learning_rate",
        "learning_rate_schedule",
        "weight_decay",
        "agc_lambda",
    ):
        assert tagnn[key] == sr_gnn[key], key
