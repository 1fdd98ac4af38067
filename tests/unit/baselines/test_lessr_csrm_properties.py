"""The property files of LESSR and CSRM and the rules of their keys."""

import pytest

from recbole_tagnnpp.config.models import find_model
from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.errors import UserError


@pytest.mark.parametrize("name", ["LESSR", "CSRM"])
def test_the_property_file_makes_a_model(name: str) -> None:
    config = SessionConfig(name, "demo")
    assert find_model(name).__name__ == name
    assert config["train_batch_size"] == 512
    assert config["learner"] == {"LESSR": "adamw", "CSRM": "adam"}[name]


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("LESSR", "embedding_max_norm", 0.0),
        ("LESSR", "n_layers", 0),
        ("LESSR", "dropout_prob", 1.0),
        ("CSRM", "memory_size", 0),
        ("CSRM", "n_neighbors", 1.5),
        ("CSRM", "dropout_probs", [0.5]),
        ("CSRM", "standardize_representations", "yes"),
    ],
)
def test_wrong_values_are_refused(name: str, key: str, value: object) -> None:
    with pytest.raises(UserError, match=f"{key}=.*allowed is"):
        SessionConfig(name, "demo", config_dict={key: value})


def test_no_limit_of_length_is_allowed() -> None:
    assert SessionConfig("LESSR", "demo", config_dict={"embedding_max_norm": None})["embedding_max_norm"] is None
