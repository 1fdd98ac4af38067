"""TAGNN++ keeps RecBole's contract: it trains on RecBole's own dataset, loaders and trainer."""

from pathlib import Path

import pytest
import torch

from recbole_tagnnpp.config.session_config import SessionConfig
from tests.integration.tiny_dataset import settings, write_tiny_log


def test_trains_with_recboles_dataset_and_trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from recbole.data import create_dataset, data_preparation
    from recbole.trainer import Trainer

    from recbole_tagnnpp.data.locate import ensure_prepared
    from recbole_tagnnpp.data.rules import PreparationRules

    monkeypatch.chdir(tmp_path)
    rules = write_tiny_log(tmp_path / "dataset")
    config = SessionConfig("TAGNNPP", "tiny", [rules], settings(tmp_path, epochs=1))
    config["load_col"] = {"inter": ["session_id", "item_id_list", "item_id"]}
    ensure_prepared("tiny", tmp_path / "dataset", PreparationRules.from_mapping(config["preparation"], "tiny"), False)
    dataset = create_dataset(config)
    train, valid, _ = data_preparation(config, dataset)
    trainer = Trainer(config, config.model_class(config, train.dataset))
    score, result = trainer.fit(train, valid, saved=False, show_progress=False)
    assert 0 < score == result["mrr@20"]
    batch = next(iter(train))
    scores = trainer.model.full_sort_predict(batch)
    assert scores.shape == (len(batch), dataset.item_num)
    torch.testing.assert_close(
        trainer.model.predict(batch), scores.gather(1, batch["item_id"][:, None]).squeeze(1), rtol=1e-4, atol=1e-4
    )
