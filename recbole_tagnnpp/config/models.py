"""From the name of a model to its class: ours, else RecBole's sequential models."""

import difflib
import importlib
import pkgutil
import re
from pathlib import Path

from recbole_tagnnpp.config.properties import recbole_property_folder
from recbole_tagnnpp.errors import UserError

OUR_MODELS = {
    "TAGNNPP": "recbole_tagnnpp.model.tagnnpp",
    "TAGNN": "recbole_tagnnpp.model.tagnn",
    "GRU4Rec": "recbole_tagnnpp.baselines.gru4rec",
    "NARM": "recbole_tagnnpp.baselines.narm",
    "SRGNN": "recbole_tagnnpp.baselines.srgnn",
    "GCSAN": "recbole_tagnnpp.baselines.gcsan",
    "LESSR": "recbole_tagnnpp.baselines.lessr.lessr",
    "CSRM": "recbole_tagnnpp.baselines.csrm.csrm",
    "FGNN": "recbole_tagnnpp.baselines.fgnn.fgnn",
    "DGTN": "recbole_tagnnpp.baselines.dgtn.dgtn",
    "Pop": "recbole_tagnnpp.baselines.counting.popularity",
    "SessionPop": "recbole_tagnnpp.baselines.counting.session_popularity",
    "ItemKNN": "recbole_tagnnpp.baselines.counting.item_knn",
    "VSKNN": "recbole_tagnnpp.baselines.counting.vs_knn",
    "STAN": "recbole_tagnnpp.baselines.counting.stan",
}
"""Model name to module; the class has the name of the model."""

ITEM_FEATURES = "needs features of items beside their numbers, which sessions do not have"
LABELS = "needs a label for every click, which sessions do not have"
SAMPLED_ITEMS = "trains on sampled negative items; here all items compete"
KNOWLEDGE_GRAPH = "needs a knowledge graph of the items"
OWN_LOADER = "needs batches that only RecBole's own loader makes"
RETURNING_USERS = "learns a vector for every user, and the sessions that it is tested on have no user that it has seen"
UNABLE = {
    "BERT4Rec": OWN_LOADER,
    "Caser": RETURNING_USERS,
    "DIEN": LABELS,
    "DIN": LABELS,
    "FDSA": ITEM_FEATURES,
    "FOSSIL": RETURNING_USERS,
    "FPMC": SAMPLED_ITEMS,
    "GRU4RecF": ITEM_FEATURES,
    "GRU4RecKG": KNOWLEDGE_GRAPH,
    "HGN": RETURNING_USERS,
    "HRM": RETURNING_USERS,
    "KSR": KNOWLEDGE_GRAPH,
    "NPE": RETURNING_USERS,
    "S3Rec": ITEM_FEATURES,
    "SASRecF": ITEM_FEATURES,
    "SHAN": OWN_LOADER,
    "TransRec": SAMPLED_ITEMS,
}
"""RecBole's sequential models that prepared sessions cannot feed, and why."""


def find_model(name: str) -> type:
    """Class of a model.

    RecBole's own lookup reports an unknown name as "No module named 'lightgbm'", because it imports every kind of
    model while it searches (utils.py, ``get_model``).

    Raises:
        UserError: no such model, or one that does not run here.
    """
    check_model_name(name)
    if name in OUR_MODELS:
        return getattr(importlib.import_module(OUR_MODELS[name]), name)
    from recbole_tagnnpp.recbole_compat import import_sequential_model

    return getattr(import_sequential_model(name.lower()), name)


def check_model_name(name: str) -> None:
    """Look a name up without importing any model.

    Raises:
        UserError: no such model, or one that does not run here.
    """
    if name in UNABLE:
        raise UserError(f"model={name}: {UNABLE[name]}")
    known = known_models()
    if name in known:
        return
    for other in ("general", "context_aware", "knowledge_aware"):
        if name in _classes(other):
            raise UserError(f"model={name}: a {other.replace('_', '-')} model of RecBole; only sequential ones run here")
    near = difflib.get_close_matches(name.lower().replace("+", "p"), [n.lower() for n in known], n=1, cutoff=0.5)
    hint = [n for n in known if near and n.lower() == near[0]]
    suggestion = f"did you mean {hint[0]}?" if hint else f"there are {', '.join(known)}"
    raise UserError(f"model={name}: no such model; {suggestion}")


def known_models() -> list[str]:
    """Names of the models that run: ours and RecBole's."""
    return sorted({*OUR_MODELS, *_classes("sequential")} - UNABLE.keys())


def recbole_property_file(name: str) -> Path | None:
    """RecBole's property file of a sequential model; its general models have names that ours have too (ItemKNN)."""
    file = recbole_property_folder() / "model" / f"{name}.yaml"
    is_general = name in OUR_MODELS and name not in _classes("sequential")
    return file if file.is_file() and not is_general else None


def _classes(kind: str) -> list[str]:
    """Models of one of RecBole's packages: each module holds the class of its name, in other letters.

    The sources are read as text, because importing one model imports all of its kind.
    """
    folder = recbole_property_folder().parent / "model" / f"{kind}_recommender"
    found = []
    for module in pkgutil.iter_modules([str(folder)]):
        source = (folder / f"{module.name}.py").read_text(encoding="utf-8")
        classes = re.findall(r"^class (\w+)\(", source, flags=re.MULTILINE)
        found += [name for name in classes if name.lower() == module.name]
    return found
