"""Making a model of a configuration, ours or RecBole's."""

import contextlib
import sys

import recbole_tagnnpp.recbole_compat  # noqa: F401  isort: skip
from recbole.model.abstract_recommender import AbstractRecommender

from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.data.session_dataset import SessionDataset
from recbole_tagnnpp.errors import UserError, lacks_memory


def build_model(config: SessionConfig, dataset: SessionDataset) -> AbstractRecommender:
    """The model of a configuration with its first weights, on its device.

    RecBole's models check few of their settings, and what some of them print while they are made goes to standard error:
    standard output may be data (``recommend --output=-``).

    Raises:
        UserError: RecBole's constructor stumbles over the settings, or over a catalogue that is too small for them.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            model: AbstractRecommender = config.model_class(config, dataset)
    except Exception as problem:
        is_ours = config.model_class.__module__.startswith("recbole_tagnnpp.")
        if is_ours or isinstance(problem, UserError) or lacks_memory(problem):
            raise
        raise UserError(
            f"model={config['model']}: RecBole cannot make it with these settings ({type(problem).__name__}: {problem})"
        ) from problem
    for most in getattr(model, "reranker_CAN_NUM", ()):  # GRU4RecCPR and SASRecCPR rank so many items once more
        if most > model.n_items:
            raise UserError(f"reranker_CAN_NUM={most}: allowed is at most {model.n_items}, as there are no more items")
    return model.to(config["device"])
