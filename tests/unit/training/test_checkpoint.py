"""Checkpoints: round trip, atomic writing, and files that must be refused."""

import errno
import math
import os
import pickle
import random
import resource
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.training.checkpoint import load_checkpoint, load_weights, save_checkpoint
from recbole_tagnnpp.training.random_states import get_random_states, set_random_states
from tests.unit.model.small_model import small_model


def saved(path: Path) -> Path:
    save_checkpoint(path, small_model(), {"seed": 1, "topk": [5]}, ["a", "b"], {"epoch": 3, "none": None})
    return path


def test_round_trip(tmp_path: Path) -> None:
    checkpoint = load_checkpoint(saved(tmp_path / "deep" / "c.pth"))
    assert checkpoint["config"] == {"seed": 1, "topk": [5]}
    assert checkpoint["item_tokens"] == ["a", "b"]
    assert checkpoint["training"] == {"epoch": 3, "none": None}
    other = small_model(seed=9)
    load_weights(other, checkpoint, tmp_path)
    for name, weight in small_model().state_dict().items():
        assert torch.equal(other.state_dict()[name], weight)


class Attack:
    def __reduce__(self) -> tuple:
        return os.system, (f"touch {Attack.trace}",)

    trace = ""


def edited(change: Callable[[dict], None]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        checkpoint = torch.load(saved(path), weights_only=True)
        change(checkpoint)
        torch.save(checkpoint, path)

    return write


def truncated(path: Path) -> None:
    path.write_bytes(saved(path).read_bytes()[:-900])


def foreign_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello.txt", "hello")


def one_wrong_bit(path: Path) -> None:
    content = bytearray(saved(path).read_bytes())
    weight = small_model().state_dict()["target_key.weight"].numpy().tobytes()
    content[content.index(weight) + 11] ^= 1
    path.write_bytes(content)


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, "no such checkpoint"),
    "empty": (lambda path: path.write_bytes(b""), "damaged, or not a checkpoint of this package"),
    "text": (lambda path: path.write_text("hello"), "refused|damaged"),
    "zeros": (lambda path: path.write_bytes(bytes(1000)), "damaged, or not a checkpoint of this package"),
    "truncated": (truncated, "damaged, or not a checkpoint of this package"),
    "foreign zip": (foreign_zip, "damaged, or not a checkpoint of this package"),
    "pickle that runs code": (lambda path: path.write_bytes(pickle.dumps(Attack())), "refused"),
    "torch file that runs code": (lambda path: torch.save({"a": Attack()}, path), "refused"),
    "plain tensor": (lambda path: torch.save(torch.ones(3), path), "not a recbole-tagnnpp checkpoint"),
    "foreign dictionary": (lambda path: torch.save({"state_dict": {}}, path), "not a recbole-tagnnpp checkpoint"),
    "other version": (edited(lambda c: c.update(format_version=2)), "format_version 2, this version reads 1"),
    "no weights": (edited(lambda c: c.pop("state_dict")), "'state_dict' must be a dict, found NoneType"),
    "weight that is no tensor": (
        edited(lambda c: c["state_dict"].update({"target_key.weight": "x"})),
        "must be a tensor, found str",
    ),
    "weight of another type": (
        edited(lambda c: c["state_dict"].update({"target_key.weight": c["state_dict"]["target_key.weight"].half()})),
        "'target_key.weight' is of torch.float16, the model needs torch.float64",
    ),
    "weight that is no number": (
        edited(lambda c: c["state_dict"]["target_key.weight"][3, 2:3].fill_(math.nan)),
        "'target_key.weight' holds values that are no finite numbers",
    ),
    "weight without a name": (
        edited(lambda c: c["state_dict"].update({3: torch.ones(2)})),
        "weight 3 is missing in the model",
    ),
    "one wrong bit": (one_wrong_bit, "damaged: .* differs from its checksum"),
    "wrong type": (edited(lambda c: c.update(item_tokens="a")), "'item_tokens' must be a list, found str"),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", BROKEN)
def test_broken_files_give_one_line_and_run_nothing(tmp_path: Path, case: str) -> None:
    write, message = BROKEN[case]
    Attack.trace = str(tmp_path / "trace")
    path = tmp_path / "c.pth"
    write(path)
    with pytest.raises(UserError, match=message) as caught:
        load_weights(small_model(), load_checkpoint(path), path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "weights_only" not in str(caught.value)  # torch advises to do without
    assert not (tmp_path / "trace").exists()


def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    path = saved(tmp_path / "c.pth")
    monkeypatch.setattr(zipfile, "is_zipfile", refuse)
    with pytest.raises(UserError, match=r"c\.pth: cannot be read \(Permission denied\)$"):
        load_checkpoint(path)


@pytest.mark.filterwarnings("error")
def test_no_damage_escapes_as_another_error(tmp_path: Path) -> None:
    generator = random.Random(3)
    path, model = tmp_path / "c.pth", small_model()
    whole = saved(path).read_bytes()
    start = whole.index(b"data.pkl")
    refused = 0

    def load(content: bytes) -> bool:
        path.write_bytes(content)
        try:
            load_weights(model, load_checkpoint(path), path)
        except UserError:
            return False
        return True

    for _ in range(150):  # without a container: what is told apart by its first bytes, legacy files
        letters = b"c(}]l.tqRbuseX\x80\x02\x8a0N123\n U"
        assert not load(bytes(generator.choice(letters) for _ in range(generator.randrange(1, 30))))
    for _ in range(150):
        content = bytearray(whole)
        content[start + generator.randrange(3000)] ^= 1 << generator.randrange(8)
        refused += not load(bytes(content))
    assert refused > 100  # the rest hit unused bytes between two parts
    for _ in range(30):
        assert not load(whole[: generator.randrange(len(whole))])
    assert load(whole)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"embedding_size": 12}, "has shape"),
        ({"use_gnn": False}, "missing in the model"),
        ({"n_layers": 3}, "missing in the checkpoint"),
    ],
)
def test_weights_of_another_configuration(tmp_path: Path, change: dict, message: str) -> None:
    checkpoint = load_checkpoint(saved(tmp_path / "c.pth"))
    with pytest.raises(UserError, match=message):
        load_weights(small_model(**change), checkpoint, tmp_path / "c.pth")


def test_failed_writing_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "c.pth")
    before = path.read_bytes()

    def full_disk(checkpoint: object, handle: object) -> None:
        handle.write(b"half")  # type: ignore[attr-defined]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match="No space left"):
        saved(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["c.pth"]


def test_random_states_come_back(tmp_path: Path) -> None:
    np.random.seed(5)
    np.random.randn()  # numpy and Python draw normal numbers in pairs and keep the second one
    random.gauss(0, 1)
    torch.save(get_random_states(), tmp_path / "states")

    def draw() -> list[float]:
        return [
            torch.rand(1).item(),
            float(np.random.randn()),
            float(np.random.rand()),
            random.gauss(0, 1),
            random.random(),
        ]

    first = draw()
    assert draw() != first
    set_random_states(torch.load(tmp_path / "states", weights_only=True))
    assert draw() == first


def test_a_file_that_cannot_be_written_is_told_as_such_and_leaves_the_old_one(tmp_path: Path) -> None:
    file = tmp_path / "c.pth"
    file.write_text("old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # as if the disk were full behind that
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            save_checkpoint(file, small_model(), {}, [], {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(file))
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]
