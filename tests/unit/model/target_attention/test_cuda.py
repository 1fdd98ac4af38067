"""The Triton kernels against the reference: on a GPU where there is one, else in Triton's interpreter on the CPU."""

import os

import numpy as np
import pytest
import torch
from torch import Tensor

HAS_GPU = torch.cuda.is_available()
if not HAS_GPU:
    os.environ.setdefault("TRITON_INTERPRET", "1")  # read when the kernels are imported
pytest.importorskip("triton", reason="Triton is not installed")

from recbole_tagnnpp.model.target_attention import cuda, cuda_kernels, reference  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning:triton.*")  # the interpreter computes what masks hide

DEVICE = "cuda" if HAS_GPU else "cpu"
SIZE = 7


def inputs(lengths: list[int], n_items: int, seed: int, scale: float) -> list[Tensor]:
    """keys, values, session, items."""
    generator = torch.Generator().manual_seed(seed)
    shapes = [(sum(lengths), SIZE), (sum(lengths), SIZE), (len(lengths), SIZE), (n_items, SIZE)]
    return [(scale * torch.randn(shape, generator=generator)).to(DEVICE).requires_grad_() for shape in shapes]


def assert_equals_reference(
    lengths: list[int], n_items: int, scale: float, smoothing: float, precision: str, tolerance: float
) -> None:
    k, v, s, e = tensors = inputs(lengths, n_items, 1, scale)
    targets = torch.from_numpy(np.random.default_rng(1).integers(0, n_items, len(lengths)))
    targets[0], targets[-1] = n_items - 1, 0
    sizes, targets = torch.tensor(lengths), targets.to(DEVICE)
    exact = [t.detach().double().requires_grad_() for t in tensors]
    expected = reference.target_attention_loss(*exact[:3], sizes, exact[3], targets, label_smoothing=smoothing)
    expected_gradients = torch.autograd.grad(expected, exact)
    loss = cuda.target_attention_loss(k, v, s, sizes, e, targets, label_smoothing=smoothing, precision=precision)
    gradients = torch.autograd.grad(4.0 * loss, tensors)
    assert abs(loss.item() - expected.item()) <= tolerance * max(1.0, abs(expected.item()))
    # the gradient of the keys can vanish (sessions of one click); it is compared on the scale of that of the values
    floor = float(expected_gradients[1].norm())
    for found, wanted in zip(gradients, expected_gradients, strict=True):
        error = float((found.double() / 4.0 - wanted).norm())
        assert error <= 10 * tolerance * max(float(wanted.norm()), floor) + 2e-6

    plain = [t.detach() for t in tensors]
    scores = cuda.target_attention_scores(*plain[:3], sizes, plain[3])
    wanted = reference.target_attention_scores(*exact[:3], sizes, exact[3]).detach()
    assert float((scores.double() - wanted).norm()) <= 10 * tolerance * float(wanted.norm())
    count = min(5, n_items)
    best, chosen = cuda.target_attention_topk(*plain[:3], sizes, plain[3], count)
    assert torch.equal(chosen, scores.sort(dim=1, descending=True, stable=True).indices[:, :count])
    assert torch.equal(best, scores.gather(1, chosen))
    with torch.no_grad():
        again = cuda.target_attention_loss(k, v, s, sizes, e, targets, label_smoothing=smoothing, precision=precision)
    assert torch.equal(again, loss.detach())


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize(
    ("lengths", "n_items"),
    [([1], 1), ([1, 1, 1], 61), ([50], 17), ([2, 1, 5, 1, 3], 211), ([3, 1], cuda_kernels.BLOCK + 1), ([4, 2], 1024)],
)
def test_float32_equals_reference(lengths: list[int], n_items: int, smoothing: float) -> None:
    assert_equals_reference(lengths, n_items, 0.5, smoothing, "float32", 5e-6)


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 5e-6), ("bfloat16", 2e-2)])
def test_several_chunks(monkeypatch: pytest.MonkeyPatch, precision: str, tolerance: float) -> None:
    monkeypatch.setattr(cuda, "CHUNK_ELEMENTS", 1)
    monkeypatch.setattr(cuda, "FEWEST_ROWS", 8)
    lengths = [1, 9, 1, 2, 30, 1, 1, 3, 2]
    assert len(cuda._chunks_of(torch.tensor(lengths), 61)) > 3
    assert_equals_reference(lengths, 61, 0.5, 0.1, precision, tolerance)


def test_scores_of_hundreds_stay_finite() -> None:
    lengths = [1, 3, 2]
    k, v, s, e = tensors = inputs(lengths, 23, 6, scale=12.0)
    targets = torch.tensor([3, 0, 22], device=DEVICE)
    loss = cuda.target_attention_loss(k, v, s, torch.tensor(lengths), e, targets)
    assert all(bool(torch.isfinite(g).all()) for g in torch.autograd.grad(loss, tensors))
    double = [t.detach().double() for t in tensors]
    expected = reference.target_attention_loss(*double[:3], torch.tensor(lengths), double[3], targets)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_bfloat16_and_tf32_are_close() -> None:
    assert_equals_reference([1, 4, 2, 7], 211, 0.5, 0.0, "bfloat16", 2e-2)
    assert_equals_reference([1, 4, 2, 7], 211, 0.5, 0.0, "tf32", 2e-3)


def test_precision_of_the_process_is_left_as_it_was() -> None:
    before = torch.get_float32_matmul_precision()
    try:
        for setting in ("highest", "high"):
            torch.set_float32_matmul_precision(setting)
            for precision in ("float32", "tf32"):
                assert_equals_reference([2], 13, 0.5, 0.0, precision, 2e-3)
                assert torch.get_float32_matmul_precision() == setting
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize("which", [0, 1, 2, 3])
def test_a_weight_that_is_no_number_shows_in_the_loss(which: int) -> None:
    k, v, s, e = tensors = inputs([2, 3], 19, 10, 0.5)
    with torch.no_grad():
        tensors[which][-1, -1] = torch.nan
    loss = cuda.target_attention_loss(k, v, s, torch.tensor([2, 3]), e, torch.tensor([4, 18], device=DEVICE))
    assert not torch.isfinite(loss)


def test_second_backward_is_refused() -> None:
    k, v, s, e = inputs([2], 5, 11, 0.5)
    loss = cuda.target_attention_loss(k, v, s, torch.tensor([2]), e, torch.tensor([1], device=DEVICE))
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="second backward"):
        loss.backward()
