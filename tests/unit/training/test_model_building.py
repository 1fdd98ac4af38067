"""Models of RecBole that their settings, or a small catalogue, do not suit."""

from pathlib import Path
from typing import Any

import pytest

from recbole_tagnnpp.data.session_dataset import SessionDataset
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.training.model_building import build_model
from tests.unit.training.small_run import tiny_config


def build(root: Path, model: str, **changes: Any) -> Any:
    config = tiny_config(root, model, **changes)
    return build_model(config, SessionDataset(config))


@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        ("GRU4RecCPR", {}, r"reranker_CAN_NUM=100: allowed is at most \d+, as there are no more items"),
        (
            "SASRecCPR",
            {"n_facet_hidden": -3},
            r"SASRecCPR: RecBole cannot make it with these settings \(Runtime",
        ),
    ],
)
def test_what_recbole_stumbles_over_gives_one_line(tmp_path: Path, model: str, changes: Any, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        build(tmp_path, model, **changes)
    assert "\n" not in str(caught.value)


def test_bugs_of_ours_keep_their_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny_config(tmp_path)
    monkeypatch.setattr(config.model_class, "_build_context", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        build_model(config, SessionDataset(config))


def test_what_models_print_is_no_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build(tmp_path, "FEARec")
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err
