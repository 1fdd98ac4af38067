"""Tensors on their way to a device: what arrives is what was sent."""

import torch

from recbole_tagnnpp.transfer import ALIGNMENT, stage, to_device, unstage

TENSORS = [
    torch.arange(7),
    torch.tensor([[True, False, True]] * 5),
    torch.empty(0, 3),
    torch.tensor(2.5),
    torch.arange(15, dtype=torch.float32).view(3, 5).T,  # not contiguous
    torch.arange(13, dtype=torch.float64),
]


def test_staged_tensors_come_out_as_they_went_in() -> None:
    staged, places = stage(TENSORS, pin_memory=False)
    assert all(place % ALIGNMENT == 0 for place in places)
    for found, expected in zip(unstage(staged.clone(), TENSORS, places), TENSORS, strict=True):
        assert torch.equal(found, expected) and found.dtype == expected.dtype


def test_tensors_do_not_overlap() -> None:
    staged, places = stage(TENSORS, pin_memory=False)
    views = unstage(staged, TENSORS, places)
    views[0].zero_()
    for found, expected in zip(views[1:], TENSORS[1:], strict=True):
        assert torch.equal(found, expected)


def test_on_the_device_already_nothing_is_copied() -> None:
    here = to_device(TENSORS, torch.device("cpu"))
    assert all(found is expected for found, expected in zip(here, TENSORS, strict=True))
