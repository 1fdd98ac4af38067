"""Every backend against the naive twin and against each other."""

import functools
import logging
import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.model.target_attention import (
    cpu,
    cpu_kernels,
    dispatch,
    products,
    reference,
    select_backend,
    target_attention_loss,
    target_attention_pairs,
    target_attention_scores,
    target_attention_topk,
)
from recbole_tagnnpp.model.target_attention.cpu_kernels import COLUMNS
from tests.conftest import REPOSITORY
from tests.reference.naive_target_attention import naive_loss, naive_scores

SIZE = 7


def inputs(
    lengths: list[int], n_items: int, seed: int, scale: float = 1.0, dtype: torch.dtype = torch.float64
) -> list[Tensor]:
    """keys, values, session, items."""
    generator = torch.Generator().manual_seed(seed)
    shapes = [(sum(lengths), SIZE), (sum(lengths), SIZE), (len(lengths), SIZE), (n_items, SIZE)]
    return [
        (scale * torch.randn(shape, generator=generator, dtype=torch.float64)).to(dtype).requires_grad_()
        for shape in shapes
    ]


def relative_error(found: Tensor, expected: Tensor) -> float:
    found, expected = found.detach().double(), expected.detach().double()
    return float((found - expected).norm() / expected.norm().clamp(min=1e-12))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("lengths", [[1], [3], [2, 1, 5, 1, 3], [11, 2]])
def test_reference_equals_naive_twin(lengths: list[int], smoothing: float) -> None:
    keys, values, session, items = tensors = inputs(lengths, 13, seed=1)
    targets = torch.arange(len(lengths)) * 5 % 13
    expected_scores = naive_scores(keys, values, session, lengths, items)
    expected = naive_loss(expected_scores, targets, smoothing)
    sizes = torch.tensor(lengths)
    loss = target_attention_loss(
        keys, values, session, sizes, items, targets, label_smoothing=smoothing, backend="reference"
    )
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=1e-12)
    for found, wanted in zip(torch.autograd.grad(loss, tensors), torch.autograd.grad(expected, tensors), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-12)
    scores = target_attention_scores(keys, values, session, sizes, items, backend="reference")
    torch.testing.assert_close(scores, naive_scores(keys, values, session, lengths, items), rtol=1e-12, atol=1e-12)


def assert_cpu_equals_reference(
    lengths: list[int], n_items: int, seed: int, scale: float, smoothing: float, tolerance: float, precision: str
) -> None:
    tensors = inputs(lengths, n_items, seed, scale, torch.float32)
    exact = [t.detach().double().requires_grad_() for t in tensors]
    targets = torch.from_numpy(np.random.default_rng(seed).integers(0, n_items, len(lengths)))
    targets[0], targets[-1] = n_items - 1, 0
    sizes = torch.tensor(lengths)
    k, v, s, e = exact
    expected = target_attention_loss(k, v, s, sizes, e, targets, label_smoothing=smoothing, backend="reference")
    expected_gradients = torch.autograd.grad(expected, exact)
    k, v, s, e = tensors
    loss = target_attention_loss(k, v, s, sizes, e, targets, label_smoothing=smoothing, backend="cpu", precision=precision)
    gradients = torch.autograd.grad(loss, tensors)
    assert loss.dtype == torch.float32
    assert abs(loss.item() - expected.item()) <= tolerance * max(1.0, abs(expected.item()))
    # the gradient of the keys can vanish (sessions of one click); it is compared on the scale of that of the values
    floor = float(expected_gradients[1].norm())
    for found, wanted in zip(gradients, expected_gradients, strict=True):
        assert float((found.double() - wanted).norm()) <= 10 * tolerance * max(float(wanted.norm()), floor) + 2e-6


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 50), min_size=1, max_size=12),
    n_items=st.sampled_from([2, 17, 211, COLUMNS - 1, COLUMNS, COLUMNS + 1, 2 * COLUMNS + 37]),
    seed=st.integers(0, 10_000),
    scale=st.sampled_from([0.01, 0.5, 2.0]),
    smoothing=st.sampled_from([0.0, 0.1]),
)
def test_cpu_equals_reference_on_ragged_batches(
    lengths: list[int], n_items: int, seed: int, scale: float, smoothing: float
) -> None:
    assert_cpu_equals_reference(lengths, n_items, seed, scale, smoothing, 5e-6, "float32")


def test_thousands_of_sessions_in_many_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "CHUNK_BYTES", 4 * 300 * 97)
    monkeypatch.setattr(cpu, "FEWEST_ROWS", 8)
    monkeypatch.setattr(reference, "BLOCK_ELEMENTS", 5_000)
    lengths = np.minimum(np.random.default_rng(3).geometric(0.25, 2003), 50).tolist()
    assert len(list(cpu._chunks(torch.tensor(lengths), torch.empty(97, 1), "float32"))) > 10
    assert_cpu_equals_reference(lengths, 97, 3, 0.5, 0.0, 5e-6, "float32")


def test_session_with_more_rows_than_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "CHUNK_BYTES", 1)
    monkeypatch.setattr(cpu, "FEWEST_ROWS", 4)
    assert_cpu_equals_reference([1, 9, 1, 2, 30], 61, 4, 0.5, 0.1, 5e-6, "float32")


@pytest.mark.skipif(cpu.unavailable_reason("bfloat16") != "", reason=cpu.unavailable_reason("bfloat16"))
@pytest.mark.parametrize("fewest_rows", [4, 64])
def test_bfloat16_products_are_close(monkeypatch: pytest.MonkeyPatch, fewest_rows: int) -> None:
    monkeypatch.setattr(cpu, "CHUNK_BYTES", 1)  # one session a chunk, or several
    monkeypatch.setattr(cpu, "FEWEST_ROWS", fewest_rows)
    assert_cpu_equals_reference([1, 4, 2, 7, 50], 2 * COLUMNS + 37, 5, 0.5, 0.0, 2e-2, "bfloat16")


def test_passes_read_and_round_bfloat16_as_torch_does() -> None:
    numbers = torch.randn(2, 31, 7, generator=torch.Generator().manual_seed(7)) * 10.0 ** torch.arange(-3, 4)
    numbers[0, 0, :2] = torch.tensor([1.0 + 2.0**-8, 1.0 + 3.0 * 2.0**-8])  # halfway: one is rounded down, one up
    low = numbers.bfloat16()
    total = np.zeros((2, 31, 7), np.float32)
    cpu_kernels.add_into(total, products.as_array(low))
    assert torch.equal(torch.from_numpy(total), low.float())
    summed = np.zeros((31, 7), np.float32)
    cpu_kernels.add_blocks_into(summed, products.as_array(low))
    assert torch.equal(torch.from_numpy(summed), low[0].float() + low[1].float())
    rounded = torch.empty(1, 62 * 7, dtype=torch.bfloat16)

    @numba.njit
    def write(bits: np.ndarray, values: np.ndarray) -> None:
        for i in range(len(values)):
            bits[i] = cpu_kernels._like(values[i], bits[i])

    write(products.as_array(rounded)[0], numbers.flatten().numpy())
    assert torch.equal(rounded[0], low.flatten())


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_extreme_scores_stay_finite_and_exact(backend: str) -> None:
    lengths = [1, 3, 2]
    tensors = inputs(lengths, 23, 6, scale=12.0, dtype=torch.float32)  # logits of several hundreds
    k, v, s, e = tensors
    targets = torch.tensor([3, 0, 22])
    loss = target_attention_loss(k, v, s, torch.tensor(lengths), e, targets, backend=backend)
    gradients = torch.autograd.grad(loss, tensors)
    assert torch.isfinite(loss) and all(torch.isfinite(g).all() for g in gradients)
    double = [t.detach().double() for t in tensors]
    scores = target_attention_scores(*double[:3], torch.tensor(lengths), double[3], backend="reference")
    expected = torch.nn.functional.cross_entropy(scores, targets)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_same_call_gives_same_bits_and_no_stale_buffer_is_read() -> None:
    first, second = inputs([3, 1, 6], COLUMNS + 5, 7, dtype=torch.float32), inputs([2] * 9, 29, 8, dtype=torch.float32)

    def loss_and_gradients(tensors: list[Tensor], lengths: list[int]) -> list[Tensor]:
        k, v, s, e = tensors
        targets = torch.zeros(len(lengths), dtype=torch.int64)
        loss = target_attention_loss(k, v, s, torch.tensor(lengths), e, targets, backend="cpu")
        return [loss, *torch.autograd.grad(loss, tensors)]

    before = loss_and_gradients(first, [3, 1, 6])
    loss_and_gradients(second, [2] * 9)
    for a, b in zip(before, loss_and_gradients(first, [3, 1, 6]), strict=True):
        assert torch.equal(a, b)


def test_kernels_just_compiled_and_kernels_from_the_cache_give_the_same_bits(tmp_path: Path) -> None:
    # LLVM optimises them in other ways, which fastmath lets show in the results
    script = """
import hashlib, torch
from recbole_tagnnpp.model.target_attention import cpu
torch.set_num_threads(1)
draw = torch.Generator().manual_seed(3)
lengths = torch.tensor([3, 1, 7, 2, 5] * 5)
shapes = [(int(lengths.sum()), 29), (int(lengths.sum()), 29), (25, 29), (1511, 29)]
tensors = [torch.randn(shape, generator=draw).requires_grad_() for shape in shapes]
targets = torch.randint(1511, (25,), generator=draw)
loss = cpu.target_attention_loss(*tensors[:3], lengths, tensors[3], targets, label_smoothing=0.1)
scores = cpu.target_attention_scores(*[t.detach() for t in tensors[:3]], lengths, tensors[3].detach())
found = [loss.detach(), scores, *torch.autograd.grad(loss, tensors)]
print(hashlib.md5(b"".join(t.numpy().tobytes() for t in found)).hexdigest())
"""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(REPOSITORY)}
    run = functools.partial(
        subprocess.run, [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    compiled = run().stdout
    assert list(tmp_path.rglob("*.nbc"))
    assert run().stdout == compiled != ""


def test_the_number_of_torch_threads_stays_as_it_was() -> None:
    # in a process of its own: Numba starts its threads once
    code = (
        "import torch; torch.set_num_threads(1)\n"
        "from recbole_tagnnpp.model.target_attention import target_attention_loss as loss\n"
        "x = torch.ones(1, 3)\n"
        "loss(x, x, x, torch.tensor([1]), x, torch.tensor([0]), backend='cpu')\n"
        "assert torch.get_num_threads() == 1"
    )
    environment = {**os.environ, "NUMBA_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPOSITORY, env=environment)


def test_threads_agree_to_rounding() -> None:
    lengths = [3, 1, 6, 2]
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        k, v, s, e = tensors = inputs(lengths, 3 * COLUMNS + 5, 9, dtype=torch.float32)
        loss = target_attention_loss(k, v, s, torch.tensor(lengths), e, torch.tensor([0, 1, 2, 3]), backend="cpu")
        found.append([loss, *torch.autograd.grad(loss, tensors)])
    for a, b in zip(*found, strict=True):
        assert relative_error(a, b) < 1e-5


def test_backward_scales_with_the_upstream_gradient_and_two_losses_can_wait() -> None:
    k, v, s, e = tensors = inputs([2, 3], 19, 10, dtype=torch.float32)
    sizes, targets = torch.tensor([2, 3]), torch.tensor([4, 18])
    plain = torch.autograd.grad(target_attention_loss(k, v, s, sizes, e, targets, backend="cpu"), tensors)
    one = target_attention_loss(k, v, s, sizes, e, targets, backend="cpu")
    two = target_attention_loss(k, v, s, sizes, e, targets, backend="cpu")
    for found, wanted in zip(torch.autograd.grad(65536.0 * two + 0.5 * one, tensors), plain, strict=True):
        torch.testing.assert_close(found, 65536.5 * wanted, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("backend", ["reference", "cpu"])
@pytest.mark.parametrize("which", [0, 1, 2, 3])
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_weight_that_is_no_number_shows_in_the_loss(backend: str, which: int, value: float) -> None:
    k, v, s, e = tensors = inputs([2, 3], 19, 10, dtype=torch.float32)
    with torch.no_grad():
        tensors[which][-1, -1] = value
    loss = target_attention_loss(k, v, s, torch.tensor([2, 3]), e, torch.tensor([4, 18]), backend=backend)
    assert not torch.isfinite(loss)
    loss.backward()


@pytest.mark.parametrize("backend", ["reference", "cpu"])
@pytest.mark.parametrize("item", [0, 7, COLUMNS, COLUMNS + 4])
def test_one_item_that_is_no_number_shows_in_the_loss_of_single_clicks(backend: str, item: int) -> None:
    # no softmax over positions here that would carry it on
    k, v, s, e = inputs([1, 1], COLUMNS + 5, 17, dtype=torch.float32)
    with torch.no_grad():
        e[item, 0] = torch.nan
    loss = target_attention_loss(k, v, s, torch.tensor([1, 1]), e, torch.tensor([1, 2]), backend=backend)
    assert not torch.isfinite(loss)


def test_second_backward_is_refused() -> None:
    k, v, s, e = inputs([2], 5, 11, dtype=torch.float32)
    loss = target_attention_loss(k, v, s, torch.tensor([2]), e, torch.tensor([1]), backend="cpu")
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="second backward"):
        loss.backward()


def test_loss_without_gradient() -> None:
    k, v, s, e = (t.detach() for t in inputs([2, 4], 31, 12, dtype=torch.float32))
    sizes, targets = torch.tensor([2, 4]), torch.tensor([30, 2])
    expected = target_attention_loss(k, v, s, sizes, e, targets, backend="reference")
    assert target_attention_loss(k, v, s, sizes, e, targets, backend="cpu").item() == pytest.approx(
        expected.item(), rel=1e-6
    )


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_scores_topk_and_pairs_agree(backend: str) -> None:
    lengths = [1, 4, 2, 13]
    k, v, s, e = (t.detach().float() for t in inputs(lengths, COLUMNS + 71, 13))
    sizes = torch.tensor(lengths)
    scores = target_attention_scores(k, v, s, sizes, e, backend=backend)
    double = [t.double() for t in (k, v, s, e)]
    exact = target_attention_scores(*double[:3], sizes, double[3], backend="reference")
    torch.testing.assert_close(scores.double(), exact, rtol=1e-5, atol=1e-5)
    best, chosen = target_attention_topk(k, v, s, sizes, e, 20, backend=backend)
    assert torch.equal(chosen, scores.sort(dim=1, descending=True, stable=True).indices[:, :20])
    assert torch.equal(best, scores.gather(1, chosen))
    some = torch.tensor([0, 5, COLUMNS, COLUMNS + 70])
    pairs = target_attention_pairs(k, v, s, sizes, e[some])
    torch.testing.assert_close(pairs, scores.gather(1, some[:, None]).squeeze(1), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_of_equal_scores_the_lower_item_comes_first(backend: str) -> None:
    # whole numbers and equal attention weights: no rounding, so that equal items have equal scores on every machine
    k, v, s, e = (t.detach().round().float() for t in inputs([2, 1], 11, 14, scale=3.0))
    e[[1, 4, 9]] = e[1].clone()
    e[[0, 2, 3]] = e[10].clone()
    _, chosen = target_attention_topk(0 * k, v, s, torch.tensor([2, 1]), e, 11, backend=backend)
    _, few = target_attention_topk(0 * k, v, s, torch.tensor([2, 1]), e, 5, backend=backend)
    assert torch.equal(few, chosen[:, :5])
    for row in chosen.tolist():
        for group in ([1, 4, 9], [0, 2, 3, 10]):
            places = [row.index(item) for item in group]
            assert places == sorted(places)


def test_backend_choice_and_its_one_log_line(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert select_backend("auto", "cpu", torch.float32, "float32") == "cpu"
    assert select_backend("auto", "cpu", torch.float64, "float32") == "reference"
    assert select_backend("reference", "cpu", torch.float32, "float32") == "reference"
    dispatch._select_fast.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert select_backend("auto", "cuda", torch.float32, "float32") == "reference"
        assert select_backend("auto", "cuda", torch.float32, "float32") == "reference"
    assert len(caplog.records) == 1
    assert "using reference" in caplog.text
    assert select_backend("cpu", "cuda", torch.float32, "float32") == "reference"


def test_bfloat16_needs_a_processor_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # AVX-512 without bfloat16: oneDNN would compute, in software
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert cpu.unavailable_reason("bfloat16") == "the processor has no bfloat16 arithmetic"
    assert cpu.unavailable_reason("float32") == ""


def test_tf32_is_float32_on_a_cpu() -> None:
    k, v, s, e = (t.detach() for t in inputs([2, 4], 31, 12, dtype=torch.float32))
    sizes = torch.tensor([2, 4])
    targets = torch.tensor([3, 0])
    for backend in ("reference", "cpu"):
        plain, tf32 = (
            target_attention_loss(k, v, s, sizes, e, targets, backend=backend, precision=p) for p in ("float32", "tf32")
        )
        assert torch.equal(plain, tf32)


@pytest.mark.parametrize(("key", "value"), [("backend", "gpu"), ("precision", "float16")])
def test_unknown_backend_and_precision(key: str, value: str) -> None:
    k, v, s, e = inputs([2], 5, 15)
    with pytest.raises(UserError, match=f"target_attention_{key}='{value}': allowed are"):
        target_attention_loss(k, v, s, torch.tensor([2]), e, torch.tensor([0]), **{key: value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.update(lengths=torch.tensor([2, 0])), "lengths must be at least 1"),
        (lambda t: t.update(lengths=torch.tensor([2, 2])), "add up to 3 rows"),
        (lambda t: t.update(values=t["values"][:2]), "same shape"),
        (lambda t: t.update(items=t["items"][:, :5]), "embedding size 5"),
        (lambda t: t.update(targets=torch.tensor([0, 5])), r"targets must lie in \[0, 5\)"),
        (lambda t: t.update(targets=torch.tensor([0, -1])), r"targets must lie in \[0, 5\)"),
        (lambda t: t.update(label_smoothing=1.0), "label_smoothing"),
    ],
)
def test_tensors_that_do_not_fit(change: object, message: str) -> None:
    k, v, s, e = inputs([2, 1], 5, 16)
    arguments = dict(keys=k, values=v, session=s, lengths=torch.tensor([2, 1]), items=e, targets=torch.tensor([0, 4]))
    change(arguments)  # type: ignore[operator]
    with pytest.raises(ValueError, match=message):
        target_attention_loss(**arguments)
