"""Names of models, and that every model that is offered can be fed with sessions."""

import re
from pathlib import Path

import pytest
import recbole

from recbole_tagnnpp.config.models import OUR_MODELS, UNABLE, check_model_name, find_model, known_models
from recbole_tagnnpp.config.properties import recbole_property_folder
from recbole_tagnnpp.data.session_dataset import SessionDataset
from recbole_tagnnpp.data.session_loader import SessionLoader
from recbole_tagnnpp.errors import UserError
from tests.unit.training.small_run import tiny_config


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


def test_every_sequential_model_of_recbole_is_known_or_refused() -> None:
    modules = {file.stem for file in (recbole_property_folder().parent / "model/sequential_recommender").glob("[a-z]*.py")}
    ours = {name.lower() for name in OUR_MODELS}
    assert {name.lower() for name in [*known_models(), *UNABLE]} - ours == modules - ours
    assert not set(known_models()) & UNABLE.keys()


COUNTING = [name for name, module in OUR_MODELS.items() if module.startswith("recbole_tagnnpp.baselines.counting.")]


@pytest.mark.parametrize("name", sorted({*known_models()} - {*COUNTING}))
def test_known_models_make_a_loss_and_scores_of_all_items(name: str, root: Path) -> None:
    few_items = {"reranker_CAN_NUM": 5} if name.endswith("CPR") else {}  # default: a choice among 100 items
    config = tiny_config(root, name, **few_items)
    dataset = SessionDataset(config)
    model = find_model(name)(config, dataset)
    sequences = dataset.training
    batch = next(iter(SessionLoader(dataset, sequences, 7, shuffle=False, seed=1, pad_to_longest=False)))
    loss = model.calculate_loss(batch)
    sum(loss if isinstance(loss, tuple) else (loss,)).backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
    model.eval()
    assert model.full_sort_predict(batch).numel() == 7 * dataset.item_num


@pytest.mark.parametrize("name", sorted(UNABLE))
def test_models_that_sessions_cannot_feed_say_why(name: str) -> None:
    with pytest.raises(UserError, match=f"model={name}: {re.escape(UNABLE[name])}"):
        find_model(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("srgnn", "did you mean SRGNN\\?"),
        ("SrGnn", "did you mean SRGNN\\?"),
        ("LightGCN", "a general model of RecBole"),
        ("DeepFM", "a context-aware model of RecBole"),
        ("KGAT", "a knowledge-aware model of RecBole"),
        ("XGBoost", "no such model"),
        ("os", "no such model"),
        ("../srgnn", "no such model"),
        ("", "no such model"),
    ],
)
def test_other_names_are_refused(name: str, message: str) -> None:
    with pytest.raises(UserError, match=f"model={re.escape(name)}: .*{message}"):
        check_model_name(name)


def test_models_that_learn_users_are_refused() -> None:
    """Those of RecBole's models that read a user's vector while they score: sessions of a test are users never seen."""
    folder = Path(recbole.__file__).parent / "model" / "sequential_recommender"
    reads_user = re.compile(r"interaction\[self\.USER_ID\]")
    found = set()
    for file in folder.glob("*.py"):
        if reads_user.search(file.read_text()):
            found |= set(re.findall(r"^class (\w+)\(\w*SequentialRecommender", file.read_text(), flags=re.MULTILINE))
    assert found >= {"Caser", "HGN"}
    assert found <= UNABLE.keys()
