"""The whole model on a GPU against itself on the CPU."""

from collections.abc import Iterator

import pytest
import torch

from recbole_tagnnpp.training.gradient_clipping import clip_unit_gradients_
from recbole_tagnnpp.training.random_states import seed_everything
from recbole_tagnnpp.transfer import to_device
from tests.unit.model.small_model import interaction, random_sessions, small_model

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.fixture(autouse=True)
def determinism_as_before() -> Iterator[None]:
    before = torch.are_deterministic_algorithms_enabled()
    yield
    torch.use_deterministic_algorithms(before, warn_only=True)


@pytest.mark.parametrize(
    "changes", [{}, {"normalize_embeddings": True, "label_smoothing": 0.1}, {"use_transformer": False}, {"use_gnn": False}]
)
@pytest.mark.parametrize("backend", ["auto", "reference"])
def test_loss_gradients_and_best_items_are_those_of_the_cpu(changes: dict[str, object], backend: str) -> None:
    changes = {**changes, "target_attention_backend": backend}
    exact, on_gpu = small_model(1, **changes), small_model(1, torch.float32, **changes).cuda()
    batch = interaction(random_sessions(23, seed=3))
    there = {field: column.cuda() for field, column in batch.items()}
    assert on_gpu.backend_in_use == ("cuda" if backend == "auto" else "reference")
    loss, expected = on_gpu.calculate_loss(there), exact.calculate_loss(batch)
    torch.testing.assert_close(loss.cpu().double(), expected, rtol=1e-5, atol=1e-5)
    weights = dict(exact.named_parameters())
    found = torch.autograd.grad(loss, list(on_gpu.parameters()))
    for name, ours, wanted in zip(weights, found, torch.autograd.grad(expected, list(weights.values())), strict=True):
        torch.testing.assert_close(ours.cpu().double(), wanted, rtol=1e-3, atol=1e-5, msg=name)
    scores = on_gpu.full_sort_predict(there)
    torch.testing.assert_close(scores.cpu().double(), exact.full_sort_predict(batch), rtol=1e-4, atol=1e-4)
    best, items = on_gpu.top_items(there, 5)
    torch.testing.assert_close(best, scores.gather(1, items), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(best, scores.topk(5).values, rtol=1e-5, atol=1e-5)


def test_batches_of_the_host_give_the_same_bits() -> None:
    seed_everything(1, True)
    model, batch = small_model(1, torch.float32).cuda(), interaction(random_sessions(23, seed=3))
    there = {field: column.cuda() for field, column in batch.items()}
    for training_batch in (batch, there):
        loss = model.calculate_loss(training_batch)
        assert loss.item() == model.calculate_loss(there).item()


def test_tensors_reach_a_gpu_together() -> None:
    tensors = [
        torch.arange(n, dtype=dtype).view(-1, 1) for n in (0, 1, 7) for dtype in (torch.int64, torch.float32, torch.int8)
    ]
    there = to_device([*tensors, tensors[-1] > 3], torch.device("cuda"))
    assert all(tensor.device.type == "cuda" for tensor in there)
    for found, expected in zip(there, [*tensors, tensors[-1] > 3], strict=True):
        assert torch.equal(found.cpu(), expected) and found.dtype == expected.dtype


def test_gradients_are_clipped_as_on_the_cpu() -> None:
    torch.manual_seed(3)
    here = [torch.nn.Parameter(torch.randn(shape)) for shape in [(23, 7), (7,), (5, 7), (11, 7, 1), (3,)]]
    for parameter in here:
        parameter.grad = torch.randn_like(parameter)
    there = [torch.nn.Parameter(parameter.detach().cuda()) for parameter in here]
    for parameter, twin in zip(there, here, strict=True):
        parameter.grad = twin.grad.cuda()
    for parameters in (here, there):
        clip_unit_gradients_(parameters, 0.5, 1e-3)
    for parameter, twin in zip(there, here, strict=True):
        torch.testing.assert_close(parameter.grad.cpu(), twin.grad)


@pytest.mark.parametrize("size", [{}, {"embedding_size": 64}])  # torch's fused attention wants heads of a multiple of 8
def test_the_same_seed_gives_the_same_bits(size: dict[str, int]) -> None:
    assert _train(211, 10, training_candidates=None, **size) == _train(211, 10, training_candidates=None, **size)


def test_training_against_a_sample_learns_there() -> None:
    losses = _train(23, 60, training_candidates=5)
    assert sum(losses[-10:]) < 0.85 * sum(losses[:10])


def _train(sessions: int, steps: int, training_candidates: int | None, **size: int) -> list[float]:
    """Loss of every step, as a run trains: from a seed, with every dropout."""
    seed_everything(7, True)
    dropout = {f"{part}_dropout_prob": 0.1 for part in ("hidden", "attn", "embedding")}
    cuda = torch.device("cuda")
    changes = {"training_candidates": training_candidates, **dropout, **size}
    model = small_model(1, torch.float32, device=cuda, **changes).cuda().train()
    batch = {field: column.cuda() for field, column in interaction(random_sessions(sessions, seed=3)).items()}
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = model.calculate_loss(batch)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
