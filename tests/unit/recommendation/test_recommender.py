"""Recommendations are the model's best items; what was clicked can be left out; wrong checkpoints give a line."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from recbole_tagnnpp.data.session_dataset import SessionDataset
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.fitting import fit_model
from recbole_tagnnpp.experiment.run import run
from recbole_tagnnpp.recommendation import Recommender
from recbole_tagnnpp.training.checkpoint import load_checkpoint, save_checkpoint
from recbole_tagnnpp.training.ranking import full_scores
from recbole_tagnnpp.training.trainer import SessionTrainer
from tests.unit.training.small_run import tiny_config

MODELS = ["TAGNNPP", "TAGNN", "SRGNN", "LESSR", "CSRM", "FGNN", "DGTN", "SASRec", "RepeatNet", "STAN", "Pop"]
SESSIONS = [["i3", "i5", "i3"], ["i11"], ["i2", "i4", "i7", "i9", "i11", "i13"], ["i30", "i31"]]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recommendation")


def trained(root: Path, model: str = "TAGNNPP", **changes: Any) -> SessionTrainer:
    config = tiny_config(root, model, epochs=1, MAX_ITEM_LIST_LENGTH=7, **changes)
    dataset = SessionDataset(config)
    trainer = fit_model(config, dataset, root / f"{model}{changes}", dataset.validation)
    trainer.dataset = dataset  # type: ignore[attr-defined]
    return trainer


@torch.no_grad()
def naive_scores(trainer: SessionTrainer, session: list[str]) -> np.ndarray:
    """Scores of all items for one session alone, by RecBole's padded form; index 0 is padding."""
    dataset = trainer.dataset  # type: ignore[attr-defined]
    numbers = [dataset.token2id("item_id", item) for item in session][-7:]
    batch = dataset[np.array([0])]
    batch.interaction["item_id_list"] = torch.tensor([numbers + [0] * (7 - len(numbers))])
    batch.interaction["item_length"] = torch.tensor([len(numbers)])
    trainer.model.eval()
    return full_scores(trainer.model, batch)[0].numpy()


@pytest.mark.parametrize("model", MODELS)
def test_recommendations_are_the_best_scores_of_each_session_alone(root: Path, model: str) -> None:
    trainer = trained(root, model)
    recommender = Recommender.load(trainer.saved_model_file, use_gpu=False)
    found = recommender.recommend(SESSIONS, topk=5)
    for session, recommendations in zip(SESSIONS, found, strict=True):
        scores = naive_scores(trainer, session)
        best = np.sort(scores)[::-1][:5]
        assert np.allclose([r.score for r in recommendations], best, rtol=1e-5, atol=1e-6)
        items = [trainer.dataset.token2id("item_id", r.item) for r in recommendations]  # type: ignore[attr-defined]
        assert len(set(items)) == 5
        assert np.allclose(scores[items], best, rtol=1e-5, atol=1e-6)


def test_weights_need_no_sessions_and_no_sampler(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = trained(root, training_candidates=13)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(SessionDataset, "_read", lambda *_: pytest.fail("a file of sessions was read"))
    assert len(Recommender.load(trainer.saved_model_file).recommend([["i1"]], topk=3)[0]) == 3


def test_clicked_items_can_be_left_out_even_those_beyond_the_longest_prefix(root: Path) -> None:
    recommender = Recommender.load(trained(root).saved_model_file)
    session = [f"i{n}" for n in range(4, 16)]  # 12 clicks, the model looks at 7
    every = [r.item for r in recommender.recommend([session], topk=37)[0]]
    new, other = recommender.recommend([session, ["i20"]], topk=25, exclude_clicked=True)
    assert [r.item for r in new] == [item for item in every if item not in session]
    assert "i20" not in [r.item for r in other] and len(other) == 25
    fewer, other = recommender.recommend([session, ["i20"]], topk=37, exclude_clicked=True)
    assert [r.item for r in fewer] == [r.item for r in new]  # all that are left
    assert sorted(r.item for r in other) == sorted(set(every) - {"i20"})


def test_sessions_are_anything_that_can_be_gone_through(root: Path) -> None:
    recommender = Recommender.load(trained(root).saved_model_file)
    once = (iter(session) for session in (["i1", "i2"], ["i3"]))
    assert recommender.recommend(once, topk=np.int64(2)) == recommender.recommend([["i1", "i2"], ["i3"]], topk=2)
    for session in (None, 7, "i1", [7]):
        with pytest.raises(UserError, match="session 1: must be a list of item names"):
            recommender.recommend([["i1"], session])


def test_a_home_folder_is_found(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = Path(trained(root).saved_model_file)
    monkeypatch.setenv("HOME", str(file.parent))
    assert Recommender.load(f"~/{file.name}").recommend([["i1"]], topk=1)


def test_the_gpus_of_this_process_stay_what_they_are(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = trained(root)
    parts = load_checkpoint(Path(trainer.saved_model_file))
    save_checkpoint(tmp_path / "model.pth", trainer.model, parts["config"] | {"gpu_id": 3}, parts["item_tokens"], {})
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert Recommender.load(tmp_path / "model.pth").recommend([["i1"]], topk=1)
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_batches_do_not_matter(root: Path) -> None:
    recommender = Recommender.load(trained(root).saved_model_file)
    many = [*SESSIONS, ["i7"]] * 40  # more than a batch of 64, which five do not divide
    found = recommender.recommend(many, topk=4, exclude_clicked=True)
    for session, recommendations in zip(many, found, strict=True):
        (alone,) = recommender.recommend([session], topk=4, exclude_clicked=True)
        assert [r.item for r in alone] == [r.item for r in recommendations]


def test_sessions_of_unknown_items_have_no_recommendations(root: Path) -> None:
    recommender = Recommender.load(trained(root).saved_model_file)
    nothing, found = recommender.recommend([["x"], ["i1", "x"]], topk=2, skip_unknown=True)
    assert nothing == []
    assert found == recommender.recommend([["i1"]], topk=2)[0]
    assert recommender.recommend([], topk=2) == []
    with pytest.raises(UserError, match=r"^session 1: item 'x' is none of the 37 items"):
        recommender.recommend([["i2"], ["i1", "x"]])
    assert len(recommender.recommend([["i1"]])[0]) == 20


@pytest.mark.parametrize("topk", [0, True, "3", 38])
def test_number_of_items_is_checked(root: Path, topk: Any) -> None:
    recommender = Recommender.load(trained(root).saved_model_file)
    with pytest.raises(UserError, match="topk="):
        recommender.recommend([["i1"]], topk=topk)
    with pytest.raises(UserError, match="topk="):  # before the first is asked for, and anything is written
        recommender.recommend_for(recommender.name_sessions([["i1"]]), topk=topk)


def test_a_model_can_be_trained_where_one_has_recommended(root: Path) -> None:
    recommender = Recommender.load(trained(root).saved_model_file)
    recommender.recommend([["i1", "i2"]] * 300, topk=5)  # more rows than a step of training has
    assert trained(root, seed=7).history


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("item_tokens", [], "key 'item_tokens' must be a list of different item names"),
        ("item_tokens", ["i1", "i1"], "key 'item_tokens' must be"),
        ("item_tokens", [1, 2], "key 'item_tokens' must be"),
        ("item_tokens", ["i1", "\ud800"], "key 'item_tokens' must be"),
        ("config", {5: 6}, "key 'config' must have words as its keys"),
        ("item_tokens", ["i1", "i2"], "has shape"),
        ("config", {"model": "TAGNNPP", "dataset": "tiny", "embeding_size": 3}, "its configuration is not one of this"),
        ("config", {}, "its configuration is not one of this version: no dataset given"),
    ],
)
def test_wrong_checkpoints(root: Path, tmp_path: Path, part: str, value: Any, message: str) -> None:
    trainer = trained(root)
    parts = load_checkpoint(Path(trainer.saved_model_file)) | {part: value}
    file = tmp_path / "model.pth"
    save_checkpoint(file, trainer.model, parts["config"], parts["item_tokens"], {})
    with pytest.raises(UserError, match=r"model\.pth: ") as refused:
        Recommender.load(file)
    assert message in str(refused.value)


def test_a_model_that_reads_its_training_sessions_wants_the_same_items(root: Path, tmp_path: Path) -> None:
    trainer = trained(root, "DGTN")
    parts = load_checkpoint(Path(trainer.saved_model_file))
    file = tmp_path / "model.pth"
    save_checkpoint(file, trainer.model, parts["config"], parts["item_tokens"][::-1], {})
    with pytest.raises(UserError, match=r"its items are not those of .*tiny, or are numbered otherwise"):
        Recommender.load(file)
    save_checkpoint(file, trainer.model, {**parts["config"], "data_path": str(tmp_path)}, parts["item_tokens"], {})
    with pytest.raises(UserError, match="no such file"):
        Recommender.load(file)
    other = {**parts["config"]["preparation"], "min_item_count": 4}
    save_checkpoint(file, trainer.model, {**parts["config"], "preparation": other}, parts["item_tokens"], {})
    with pytest.raises(UserError, match=r"model\.pth: was trained on sessions prepared with min_item_count=4, .* has min_"):
        Recommender.load(file)
    other_sessions = {"sequences_checksum": "0" * 128}
    save_checkpoint(file, trainer.model, parts["config"], parts["item_tokens"], other_sessions)
    with pytest.raises(UserError, match=r"model\.pth: was trained on other sessions than those that are in .*tiny now"):
        Recommender.load(file)


@pytest.mark.parametrize(("seed", "refit"), [(7, False), (8, True), (9, "all")])
def test_a_model_that_reads_its_training_sessions_finds_them(root: Path, seed: int, refit: bool | str) -> None:
    run(tiny_config(root, "DGTN", epochs=1, refit=refit, seed=seed))
    (file,) = (root / "saved" / "tiny").glob(f"DGTN-*-seed{seed}-*/model.pth")
    assert len(load_checkpoint(file)["training"]["sequences_checksum"]) == (64 if refit else 128)
    assert len(Recommender.load(file, use_gpu=False).recommend(SESSIONS[:2], topk=3)) == 2


def test_the_model_file_needs_no_property_files_of_ours(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Path(trained(root).saved_model_file).resolve()
    expected = Recommender.load(file).recommend(SESSIONS, topk=3)
    (tmp_path / "properties" / "dataset").mkdir(parents=True)
    (tmp_path / "properties" / "dataset" / "tiny.yaml").write_text("nonsense: 1\npreparation: {session_field: sid}\n")
    monkeypatch.chdir(tmp_path)
    recommender = Recommender.load(file)
    assert recommender.recommend(SESSIONS, topk=3) == expected
    assert recommender.preparation_rules.session_field == "session_id"


def test_no_more_clicks_count_than_the_model_was_trained_with(root: Path, tmp_path: Path) -> None:
    trainer = trained(root)
    parts = load_checkpoint(Path(trainer.saved_model_file))
    rules = parts["config"]["preparation"] | {"max_prefix_length": 2}
    file = tmp_path / "model.pth"
    save_checkpoint(file, trainer.model, parts["config"] | {"preparation": rules}, parts["item_tokens"], {})
    session = ["i3", "i5", "i9", "i2"]
    whole, cut = (Recommender.load(f).recommend([session], topk=5, exclude_clicked=True)[0] for f in (
        Path(trainer.saved_model_file), file
    ))  # fmt: skip
    newest = Recommender.load(file).recommend([session[-2:]], topk=9)[0]
    assert cut == [r for r in newest if r.item not in session][:5]
    assert cut != whole
    assert not {r.item for r in cut} & set(session)


def test_names_that_are_no_text_are_refused(root: Path) -> None:
    with pytest.raises(UserError, match="session 1: holds a name that is not Unicode text"):
        Recommender.load(trained(root).saved_model_file).recommend([["i1"], ["i2", "\ud800"]])
