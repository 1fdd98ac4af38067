"""Transformer, readout and position vectors against their naive twins."""

import pytest
import torch

from recbole_tagnnpp.model.gated_gnn import GatedGNN
from recbole_tagnnpp.model.packing import pack_sessions
from recbole_tagnnpp.model.position_embedding import PositionEmbedding
from recbole_tagnnpp.model.readout import SessionReadout
from recbole_tagnnpp.model.session_graph import build_session_graphs
from recbole_tagnnpp.model.transformer import TransformerEncoder, TransformerLayer, in_fixed_order
from tests.reference.naive_model import naive_readout, naive_transformer_layer
from tests.unit.model.small_model import MAX_LENGTH, N_ITEMS, SESSIONS, interaction

BATCH = interaction(SESSIONS, width=MAX_LENGTH + 6)
PACKED = pack_sessions(BATCH["item_id_list"], BATCH["item_length"], MAX_LENGTH)
ROWS = [slice(f, f + n) for f, n in zip(PACKED.first_position.tolist(), PACKED.lengths.tolist(), strict=True)]


def randomized(layer: torch.nn.Module) -> torch.nn.Module:
    torch.manual_seed(2)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return layer.double()


def assert_same_gradients(found: torch.Tensor, expected: torch.Tensor, inputs: list[torch.Tensor]) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    pull = torch.randn_like(found)
    for a, b in zip(torch.autograd.grad(found, inputs, pull), torch.autograd.grad(expected, inputs, pull), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(("heads", "activation"), [(1, "relu"), (3, "relu"), (7, "gelu")])
def test_transformer_layer_equals_naive_twin(heads: int, activation: str) -> None:
    layer = randomized(TransformerLayer(21, heads, 11, 0.0, 0.0, activation, 1e-3))
    states = torch.randn(len(PACKED.items), 21, dtype=torch.float64, requires_grad=True)
    weights = dict(layer.named_parameters())
    expected = torch.cat([naive_transformer_layer(states[rows], weights, heads, 1e-3, activation) for rows in ROWS])
    assert_same_gradients(layer(states, PACKED), expected, [states, *weights.values()])


def test_encoder_applies_its_layers_in_turn() -> None:
    options = dict(embedding_size=6, n_heads=2, inner_size=5, hidden_dropout_prob=0.0, attn_dropout_prob=0.0)
    encoder = randomized(TransformerEncoder(2, **options, hidden_act="gelu", layer_norm_eps=1e-5))
    states = torch.randn(len(PACKED.items), 6, dtype=torch.float64)
    first, second = encoder.layers
    assert torch.equal(encoder(states, PACKED), second(first(states, PACKED), PACKED))
    assert not torch.allclose(first(states, PACKED), second(states, PACKED))


@pytest.mark.parametrize(("hidden", "attention"), [(0.5, 0.0), (0.0, 0.5)])
def test_dropout_acts_in_training_only(hidden: float, attention: float) -> None:
    layer = randomized(TransformerLayer(6, 2, 5, hidden, attention, "relu", 1e-5))
    states = torch.randn(len(PACKED.items), 6, dtype=torch.float64)
    assert not torch.equal(layer.train()(states, PACKED), layer(states, PACKED))
    assert torch.equal(layer.eval()(states, PACKED), layer(states, PACKED))


def test_dropout_acts_on_what_attention_and_feed_forward_add() -> None:
    layer = randomized(TransformerLayer(6, 2, 5, 0.5, 0.0, "relu", 1e-5))
    dropped, added = [], []
    layer.dropout.register_forward_hook(lambda _, given, result: dropped.append(given[0]))
    for part in (layer.attention_output, layer.feed_forward):
        part.register_forward_hook(lambda _, given, result: added.append(result))
    layer(torch.randn(len(PACKED.items), 6, dtype=torch.float64), PACKED)
    assert [id(part) for part in dropped] == [id(part) for part in added]
    assert len(dropped) == 2


def test_graph_network_takes_states_of_half_precision_from_its_own_step() -> None:
    graphs = build_session_graphs(PACKED, N_ITEMS + 1, torch.float32)
    layer = randomized(GatedGNN(6, 2)).float()
    states = torch.randn(len(graphs.node_items), 6)
    exact = layer(states, graphs)
    # what autocast does to a GRU cell on a GPU, but not on a CPU
    layer.gru_cell.register_forward_pre_hook(lambda _, given: tuple(part.float() for part in given))
    layer.gru_cell.register_forward_hook(lambda _, given, result: result.bfloat16())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = layer(states, graphs)
    assert mixed.dtype == torch.bfloat16
    torch.testing.assert_close(mixed.float(), exact, rtol=0.05, atol=0.05)


def test_readout_equals_naive_twin() -> None:
    layer = randomized(SessionReadout(7))
    states = torch.randn(len(PACKED.items), 7, dtype=torch.float64, requires_grad=True)
    weights = dict(layer.named_parameters())
    pairs = [naive_readout(states[rows], weights) for rows in ROWS]
    expected = torch.cat([torch.stack([local for local, _ in pairs]), torch.stack([whole for _, whole in pairs])])
    assert_same_gradients(torch.cat(layer(states, PACKED)), expected, [states, *weights.values()])


def test_positions_from_end_and_from_start() -> None:
    for order in ("from_end", "from_start"):
        layer = PositionEmbedding(MAX_LENGTH, 3, order)  # type: ignore[arg-type]
        expected = []
        for session in SESSIONS:
            places = range(len(session))
            expected += [len(session) - 1 - p if order == "from_end" else p for p in places]
        assert torch.equal(layer(PACKED), layer.embedding.weight[torch.tensor(expected)])


@pytest.mark.parametrize("fixed", [True, False])
def test_attention_on_a_gpu_takes_no_kernel_without_a_fixed_order(fixed: bool) -> None:
    kernels = torch.backends.cuda
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    allowed = kernels.flash_sdp_enabled(), kernels.mem_efficient_sdp_enabled()
    torch.use_deterministic_algorithms(fixed, warn_only=True)
    try:
        with in_fixed_order(torch.device("cuda")):
            assert kernels.math_sdp_enabled()
            assert (kernels.flash_sdp_enabled(), kernels.mem_efficient_sdp_enabled()) == (
                (False, False) if fixed else allowed
            )
        with in_fixed_order(torch.device("cpu")):
            assert (kernels.flash_sdp_enabled(), kernels.mem_efficient_sdp_enabled()) == allowed
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
