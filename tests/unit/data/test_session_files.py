"""Prepared files: exact tensors, what is malformed, and the test file that stays closed."""

from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch

from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.data.session_dataset import SessionDataset
from recbole_tagnnpp.data.session_loader import SessionLoader
from recbole_tagnnpp.data.session_sequences import read_item_vocabulary, read_sequences
from recbole_tagnnpp.errors import UserError

HEADER = "session_id:token\titem_id_list:token_seq\titem_id:token\n"
TRAIN = HEADER + "s1\ta\tb\ns1\ta b\tc\ns1\ta b c\ta\ns2\tc\tc\n"
VALID = HEADER + "s3\tb\td\n"
TEST = HEADER + "s4\td c\ta\n"
ITEMS = "item_id:token\na\nb\nc\nd\n"


def write(folder: Path, **changes: str | bytes | None) -> Path:
    files = {"train.inter": TRAIN, "valid.inter": VALID, "test.inter": TEST, "item": ITEMS}
    (folder / "d").mkdir()
    for name, content in {**files, **{key.replace("_", "."): value for key, value in changes.items()}}.items():
        if content is not None:
            (folder / "d" / f"d.{name}").write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def dataset(folder: Path, **settings: object) -> SessionDataset:
    return SessionDataset(SessionConfig("TAGNNPP", "d", config_dict={"data_path": str(folder), **settings}))


def test_exact_fields_and_what_models_ask_for(tmp_path: Path) -> None:
    data = dataset(write(tmp_path), MAX_ITEM_LIST_LENGTH=2)
    assert len(data) == 4
    assert data.num("item_id") == data.item_num == 5
    assert data.num("session_id") == 3
    assert data.field2id_token["item_id"].tolist() == ["[PAD]", "a", "b", "c", "d"]
    assert data.token2id("item_id", "c") == 3
    assert data.item_tokens == ["a", "b", "c", "d"]
    batch = data.interaction(data.training, np.array([2, 0, 3]), width=None)
    assert batch["item_id_list"].tolist() == [[2, 3], [1, 0], [3, 0]]  # the newest two of a b c
    assert batch["item_length"].tolist() == [2, 1, 1]
    assert batch["item_id"].tolist() == [1, 2, 3]
    assert batch["session_id"].tolist() == [1, 1, 2]
    assert batch["item_id_list"].dtype == torch.int64
    assert data[[0]]["item_id_list"].shape == (1, 2)
    assert data.item_counter == {1: 1, 2: 1, 3: 2}
    everything = data.training.followed_by(data.validation)
    assert data.interaction(everything, np.array([4]), width=3)["item_id_list"].tolist() == [[2, 0, 0]]
    assert everything.session_numbers.tolist() == [1, 1, 1, 2, 3]


def test_the_test_file_is_opened_by_test_sequences_alone(tmp_path: Path) -> None:
    data = dataset(write(tmp_path, test_inter=None))
    assert len(data.validation) == 1
    with pytest.raises(UserError, match=r"d\.test\.inter: no such file"):
        data.test_sequences()


def test_order_is_a_function_of_seed_and_epoch(tmp_path: Path) -> None:
    data = dataset(write(tmp_path, train_inter=HEADER + "".join(f"s{n}\ta\tb\n" for n in range(50))))

    def order(seed: int, epoch: int, shuffle: bool = True) -> list[int]:
        loader = SessionLoader(data, data.training, 7, shuffle, seed, pad_to_longest=True)
        loader.set_epoch(epoch)
        assert len(loader) == 8
        batches = list(loader)
        assert [len(batch) for batch in batches] == [7] * 7 + [1]
        return torch.cat([batch["session_id"] for batch in batches]).tolist()

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)
    assert order(1, 1) != order(2, 0)
    assert sorted(order(1, 0)) == order(1, 0, shuffle=False) == list(range(1, 51))


def test_pieces_and_turns_hold_every_sequence_once(tmp_path: Path) -> None:
    data = dataset(write(tmp_path, train_inter=HEADER + "".join(f"s{n}\ta\tb\n" for n in range(50))))
    loader = SessionLoader(data, data.training, 8, True, 1, pad_to_longest=True)  # the last batch has 2
    loader.set_epoch(3)

    def numbers(batch: object) -> list[int]:
        return [] if batch is None else batch["session_id"].tolist()  # type: ignore[index]

    batches = [numbers(batch) for batch in loader]
    pieces = [[numbers(piece) for piece in loader.pieces(n, 3)] for n in range(3)]
    assert [[*chain(*of_batch)] for of_batch in zip(*pieces, strict=True)] == batches
    assert [len(piece) for piece in pieces[0]] == [3] * 6 + [1]
    assert [len(piece) for piece in pieces[2]] == [2] * 6 + [0]
    for turn in range(3):
        assert [numbers(batch) for batch in loader.every(3, first=turn)] == batches[turn::3]
    assert list(loader.every(9, first=8)) == []


@pytest.mark.parametrize(("longest", "width"), [(True, 3), (False, 50)])
def test_padding_of_a_batch(tmp_path: Path, longest: bool, width: int) -> None:
    data = dataset(write(tmp_path))
    (batch,) = SessionLoader(data, data.training, 9, False, 1, pad_to_longest=longest)
    assert batch["item_id_list"].shape == (4, width)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_inter": None}, r"d\.train\.inter: no such file"),
        ({"train_inter": ""}, r"d\.train\.inter: empty file"),
        ({"train_inter": HEADER}, r"d\.train\.inter: no rows"),
        ({"train_inter": "a:token\n1\n"}, r"d\.train\.inter:1: header must be .* found 'a:token'"),
        ({"train_inter": HEADER + "s1\ta\tb\ns1\ta\n"}, r"d\.train\.inter:3: 3 columns .* found 2"),
        ({"train_inter": HEADER + "s1\ta\tb\tc\n"}, r"d\.train\.inter:2: 3 columns .* found 4"),
        ({"train_inter": HEADER + "s1\ta\tb\n\ns1\ta\tb\n"}, r"d\.train\.inter:3: 3 columns .* found 1"),
        ({"train_inter": HEADER.encode() + b"s1\t\xff\tb\n"}, r"d\.train\.inter:2: not UTF-8"),
        ({"train_inter": HEADER + "s1\ta\tb\ns1\t\tb\n"}, r"d\.train\.inter:3: item_id_list:token_seq must be text"),
        ({"train_inter": HEADER + "s1\ta\t\n"}, r"d\.train\.inter:2: item_id:token must be text"),
        ({"train_inter": HEADER + "s1\ta\tb\ns1\ta z\tb\n"}, r"d\.train\.inter:3: item 'z' is not listed in d\.item"),
        ({"train_inter": HEADER + "s1\ta\tz\n"}, r"d\.train\.inter:2: item 'z' is not listed in d\.item"),
        ({"train_inter": HEADER + "s1\ta  b\tc\n"}, r"d\.train\.inter:2: item '' is not listed"),
        ({"item": None}, r"d\.item: no such file"),
        ({"item": "item_id:token\na\nb\na\n"}, r"d\.item: item 'a' is listed more than once"),
        ({"item": "item:token\na\n"}, r"d\.item:1: header must be 'item_id:token'"),
    ],
)
def test_malformed_files(tmp_path: Path, changes: dict, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        dataset(write(tmp_path, **changes))
    assert "\n" not in str(caught.value)


def test_quotes_and_odd_characters_are_plain_characters(tmp_path: Path) -> None:
    items = 'item_id:token\n"a\nb,c\nü\n'
    folder = write(tmp_path, item=items, train_inter=HEADER + 's1\t"a b,c\tü\n')
    vocabulary = read_item_vocabulary(folder / "d" / "d.item")
    assert vocabulary.to_pylist() == ['"a', "b,c", "ü"]
    assert read_sequences(folder / "d" / "d.train.inter", vocabulary).prefix_items.tolist() == [1, 2]
