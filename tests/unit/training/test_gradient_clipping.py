"""AGC at, below and above its threshold, against its naive twin, and inside a training step."""

import copy
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.training.gradient_clipping import AdaptiveGradientClipping, clip_unit_gradients_
from tests.reference.naive_clipping import naive_clip
from tests.unit.training.small_run import loader, tiny_trainer


def parameter(weight: torch.Tensor, gradient: torch.Tensor) -> nn.Parameter:
    made = nn.Parameter(weight.clone())
    made.grad = gradient.clone()
    return made


@pytest.mark.parametrize("shape", [(), (7,), (5, 3), (2, 3, 5)])
@pytest.mark.parametrize("scale", [1e-4, 1e-2, 1.0])
def test_equals_naive_twin(shape: tuple[int, ...], scale: float) -> None:
    torch.manual_seed(1)
    weight, gradient = torch.randn(shape, dtype=torch.float64), scale * torch.randn(shape, dtype=torch.float64)
    clipped = parameter(weight, gradient)
    clip_unit_gradients_([clipped], 0.01, 1e-3)
    torch.testing.assert_close(clipped.grad, naive_clip(weight, gradient, 0.01, 1e-3), rtol=1e-12, atol=0)


def test_parameters_are_clipped_each_for_itself() -> None:
    torch.manual_seed(2)
    shapes = [(5, 3), (3,), (), (7, 3), (2, 3, 5), (15,), (1,), (0, 3), (3, 5, 3)]
    together = [parameter(torch.randn(s, dtype=torch.float64), torch.randn(s, dtype=torch.float64)) for s in shapes]
    with_another_layout = parameter(torch.randn(7, 3, dtype=torch.float64), torch.empty(7, 3, dtype=torch.float64))
    with_another_layout.grad = torch.randn(3, 7, dtype=torch.float64).T
    together += [with_another_layout, nn.Parameter(torch.ones(3, dtype=torch.float64))]
    expected = [None if p.grad is None else naive_clip(p.data, p.grad, 0.3, 1e-3) for p in together]
    clip_unit_gradients_(together, 0.3, 1e-3)
    for clipped, wanted in zip(together, expected, strict=True):
        assert (clipped.grad is None) == (wanted is None)
        if wanted is not None:
            torch.testing.assert_close(clipped.grad, wanted, rtol=1e-12, atol=0)


def test_at_below_and_above_the_threshold() -> None:
    # three rows of norm 5; threshold 0.2 allows gradients of norm 1
    weight = torch.tensor([[3.0, 4.0]] * 3)
    below, at, above = [0.6, 0.799], [0.0, 1.0], [1.2, 1.6]
    clipped = parameter(weight, torch.tensor([below, at, above]))
    clip_unit_gradients_([clipped], 0.2, 1e-3)
    expected = torch.tensor([below, at, [0.6, 0.8]])
    assert torch.equal(clipped.grad[:2], expected[:2])  # bit for bit
    torch.testing.assert_close(clipped.grad[2], expected[2])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.floats(-3, 3), min_size=3, max_size=3), min_size=2, max_size=2),
    st.lists(st.lists(st.floats(-3, 3), min_size=3, max_size=3), min_size=2, max_size=2),
    st.sampled_from([0.01, 0.5, 2.0]),
)
def test_no_unit_keeps_more_than_the_threshold(weight: list, gradient: list, threshold: float) -> None:
    w, g = torch.tensor(weight, dtype=torch.float64), torch.tensor(gradient, dtype=torch.float64)
    clipped = parameter(w, g)
    clip_unit_gradients_([clipped], threshold, 1e-3)
    for row in range(2):
        found, largest = clipped.grad[row], threshold * max(float(w[row].norm()), 1e-3)
        assert float(found.norm()) <= largest * (1 + 1e-12)
        if float(g[row].norm()) <= largest:
            assert torch.equal(found, g[row])
        else:  # same direction
            torch.testing.assert_close(found / found.norm(), g[row] / g[row].norm(), rtol=1e-9, atol=1e-12)


def test_units_that_start_at_zero_can_move() -> None:
    clipped = parameter(torch.zeros(2, 2), torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    clip_unit_gradients_([clipped], 0.5, 0.01)
    torch.testing.assert_close(clipped.grad, torch.tensor([[0.003, 0.004], [0.0, 0.0]]))


def test_a_bias_is_one_unit_and_a_table_has_one_per_row() -> None:
    bias = parameter(torch.tensor([3.0, 4.0]), torch.tensor([30.0, 0.001]))
    clip_unit_gradients_([bias], 0.01, 1e-3)
    torch.testing.assert_close(bias.grad, torch.tensor([30.0, 0.001]) * 0.05 / 30.0)
    table = parameter(torch.tensor([[3.0, 4.0], [3.0, 4.0]]), torch.tensor([[30.0, 0.0], [0.001, 0.002]]))
    clip_unit_gradients_([table], 0.01, 1e-3)
    torch.testing.assert_close(table.grad, torch.tensor([[0.05, 0.0], [0.001, 0.002]]))


def test_parameters_without_gradient_are_left_alone() -> None:
    clip_unit_gradients_([nn.Parameter(torch.ones(3))], 0.01, 1e-3)


@pytest.mark.parametrize(
    ("exclude", "clipped"),
    [
        ([], {"item_embedding.weight", "item.weight", "item.bias"}),
        (["item_embedding"], {"item.weight", "item.bias"}),
        (["item_embedding.weight"], {"item.weight", "item.bias"}),
        (["*.bias", "item_embedding"], {"item.weight"}),
        (["item"], {"item_embedding.weight"}),  # a module's name is not a prefix of another module's
    ],
)
def test_exclusion(exclude: list[str], clipped: set[str]) -> None:
    model = nn.ModuleDict({"item_embedding": nn.Embedding(3, 2), "item": nn.Linear(2, 2)})
    assert AdaptiveGradientClipping(model.named_parameters(), 0.01, 1e-3, exclude).clipped.keys() == clipped


def test_exclusion_that_names_nothing() -> None:
    with pytest.raises(UserError, match=r"agc_exclude: 'embeding' names no parameter; there are weight, bias"):
        AdaptiveGradientClipping(nn.Linear(2, 2).named_parameters(), 0.01, 1e-3, ["embeding"])
    model = nn.ModuleDict({"embedding": nn.ModuleDict({"part": nn.Sequential(nn.Linear(2, 2))}), "item": nn.Linear(2, 2)})
    with pytest.raises(UserError, match=r"agc_exclude: 'embeding' names no parameter; did you mean embedding\?"):
        AdaptiveGradientClipping(model.named_parameters(), 0.01, 1e-3, ["embeding"])


def test_inside_a_training_step(tmp_path: Path) -> None:
    rate, threshold = 0.5, 0.02
    trainer = tiny_trainer(
        tmp_path, learner="sgd", learning_rate=rate, weight_decay=0.0, agc_lambda=threshold, agc_exclude=["readout"]
    )
    batch = next(iter(loader(trainer)))
    twin = copy.deepcopy(trainer.model)
    twin.load_state_dict(trainer.model.state_dict())
    torch.manual_seed(4)
    twin.train().calculate_loss(batch).backward()
    torch.manual_seed(4)
    trainer.model.train()
    trainer.train_step(batch)
    moved = dict(trainer.model.named_parameters())
    changed_by_clipping = 0
    for name, weight in twin.named_parameters():
        clipped = weight.grad if name.startswith("readout") else naive_clip(weight.data, weight.grad, threshold, 1e-3)
        changed_by_clipping += not torch.equal(clipped, weight.grad)
        torch.testing.assert_close(moved[name].data, weight.data - rate * clipped, rtol=1e-4, atol=1e-7)
    assert changed_by_clipping > 5


@pytest.mark.parametrize(
    ("threshold", "norm_clipping"), [(0.01, None), (0.01, {"max_norm": 0.05}), (None, {"max_norm": 0.05}), (None, None)]
)
def test_gradient_scaling_does_not_change_the_step(
    tmp_path: Path, threshold: float | None, norm_clipping: dict | None
) -> None:
    steps = []
    for scaled in (False, True):
        precision = {"enable_amp": True, "enable_scaler": scaled}
        trainer = tiny_trainer(tmp_path, learner="sgd", agc_lambda=threshold, clip_grad_norm=norm_clipping, **precision)
        assert trainer.scaler.get_scale() == (65536.0 if scaled else 1.0)
        trainer.model.train()
        torch.manual_seed(5)
        trainer.train_step(next(iter(loader(trainer))))
        steps.append({name: p.detach().clone() for name, p in trainer.model.named_parameters()})
    for name, weight in steps[0].items():
        torch.testing.assert_close(steps[1][name], weight, rtol=1e-5, atol=1e-7, msg=name)


def test_overflow_under_gradient_scaling_skips_the_step_and_lowers_the_scale(tmp_path: Path) -> None:
    trainer = tiny_trainer(tmp_path, learner="sgd", agc_lambda=0.01, enable_amp=True, enable_scaler=True)
    before = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}
    trainer.model.readout.key.weight.register_hook(lambda gradient: gradient + torch.inf)
    trainer.model.train()
    trainer.train_step(next(iter(loader(trainer))))
    assert trainer.scaler.get_scale() == 32768.0
    for name, parameter_now in trainer.model.named_parameters():
        assert torch.equal(parameter_now, before[name]), name


def test_adaptive_clipping_comes_before_clipping_of_the_whole_norm(tmp_path: Path) -> None:
    rate, threshold, most = 0.5, 0.02, 0.01
    trainer = tiny_trainer(
        tmp_path, learner="sgd", learning_rate=rate, agc_lambda=threshold, agc_exclude=[], clip_grad_norm={"max_norm": most}
    )
    batch = next(iter(loader(trainer)))
    twin = copy.deepcopy(trainer.model)
    for model, step in (
        (twin, lambda: twin.calculate_loss(batch).backward()),
        (trainer.model, lambda: trainer.train_step(batch)),
    ):
        torch.manual_seed(4)
        model.train()
        step()
    clipped = {name: naive_clip(w.data, w.grad, threshold, 1e-3) for name, w in twin.named_parameters()}
    norm = sum(float((g**2).sum()) for g in clipped.values()) ** 0.5
    assert norm > most
    for name, weight in trainer.model.named_parameters():
        expected = dict(twin.named_parameters())[name].data - rate * clipped[name] * most / norm
        torch.testing.assert_close(weight.data, expected, rtol=1e-4, atol=1e-7, msg=name)
