"""Reading from and writing to the memory of sessions."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recbole_tagnnpp.baselines.csrm.outer_memory import OuterMemoryEncoder
from tests.reference.naive_csrm import naive_outer_memory


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 12), max_size=8), st.integers(1, 7))
@example([4, 1], 3)  # more sessions at once than slots, then the oldest of those that stayed goes
@example([2, 2, 3, 1], 5)
def test_memory_holds_the_last_sessions(batches: list[int], n_slots: int) -> None:
    memory, sessions = OuterMemoryEncoder(n_slots, 2, 1), []
    for size in batches:
        batch = torch.arange(len(sessions), len(sessions) + size, dtype=torch.float32)
        sessions += batch.tolist()
        memory.write(batch[:, None])
    assert memory.n_written == len(sessions)
    filled = memory.slots[: min(len(sessions), n_slots), 0].tolist()
    assert sorted(filled) == sessions[-n_slots:]
    assert not memory.slots[len(filled) :].any()


@pytest.mark.parametrize("filled", [0, 1, 2, 3, 11, 40])
def test_reading_equals_naive_twin(filled: int) -> None:
    torch.manual_seed(filled)
    memory = OuterMemoryEncoder(11, 3, 7).double()
    kept = torch.randn(filled, 7, dtype=torch.float64)
    for part in kept.split(5):
        memory.write(part)
    sessions = torch.randn(13, 7, dtype=torch.float64, requires_grad=True)
    found = memory.read(sessions)
    expected = torch.stack([naive_outer_memory(session, list(kept[-11:]), 3) for session in sessions])
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    mix = torch.randn(7, dtype=torch.float64)
    (one,), (other,) = (torch.autograd.grad((result @ mix).sum(), [sessions]) for result in (found, expected))
    torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)
    assert one.any() or filled == 1  # a single neighbour has weight 1, whoever asks


def test_a_session_between_two_neighbours() -> None:
    memory = OuterMemoryEncoder(4, 2, 2)
    memory.write(torch.tensor([[2.0, 0.0], [0.0, -9.0], [0.0, 3.0]]))
    found = memory.read(torch.tensor([[5.0, 5.0], [0.0, -1.0]]))
    weight = torch.tensor(1.0).exp() / (torch.tensor(1.0).exp() + 1)  # cosines 1 and 0
    expected = torch.stack(
        [torch.tensor([1.0, 1.5]), weight * torch.tensor([0.0, -9.0]) + (1 - weight) * torch.tensor([2.0, 0])]
    )
    torch.testing.assert_close(found, expected)


def test_backward_after_the_memory_was_written_sees_what_was_read() -> None:
    torch.manual_seed(3)
    memory = OuterMemoryEncoder(5, 2, 7)
    memory.write(torch.randn(5, 7))
    sessions = torch.randn(4, 7, requires_grad=True)
    (expected,) = torch.autograd.grad(memory.read(sessions).sum(), [sessions])
    read = memory.read(sessions)
    memory.write(sessions)
    (found,) = torch.autograd.grad(read.sum(), [sessions])
    assert torch.equal(found, expected)
    assert not memory.slots.requires_grad


def test_the_memory_is_part_of_the_state_but_no_parameter() -> None:
    memory, other = OuterMemoryEncoder(5, 2, 7), OuterMemoryEncoder(5, 2, 7)
    assert not list(memory.parameters())
    memory.write(torch.randn(8, 7))
    other.load_state_dict(memory.state_dict())
    assert torch.equal(other.slots, memory.slots)
    more = torch.randn(3, 7)
    memory.write(more)
    other.write(more)
    assert torch.equal(other.slots, memory.slots)
    assert other.n_written == 11
