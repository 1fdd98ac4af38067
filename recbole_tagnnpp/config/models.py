"""From the name of a model to its class: ours, else RecBole's sequential models."""

import difflib
import importlib
import importlib.util
import pkgutil

from recbole_tagnnpp.errors import UserError

OUR_MODELS = {
    "TAGNNPP": "recbole_tagnnpp.model.tagnnpp",
}
"""Model name to module; the class has the name of the model."""


def find_model(name: str) -> type:
    """Class of a model.

    RecBole's own lookup reports an unknown name as "No module named 'lightgbm'", because it imports every kind of
    model while it searches (utils.py, ``get_model``).

    Raises:
        UserError: no such model, or RecBole has it but it is not a sequential one.
    """
    if name in OUR_MODELS:
        return getattr(importlib.import_module(OUR_MODELS[name]), name)
    package = "recbole.model.sequential_recommender"
    if name.lower() in _modules(package):
        from recbole_tagnnpp.recbole_compat import import_sequential_model

        found = getattr(import_sequential_model(name.lower()), name, None)
        if isinstance(found, type):
            return found
    for other in ("general", "context_aware", "knowledge_aware"):
        if name.lower() in _modules(f"recbole.model.{other}_recommender"):
            raise UserError(f"model={name}: a {other.replace('_', '-')} model of RecBole; only sequential ones run here")
    known = known_models()
    near = difflib.get_close_matches(name.lower(), [n.lower() for n in known], n=1, cutoff=0.5)
    hint = [n for n in known if near and n.lower() == near[0]]
    suggestion = f"did you mean {hint[0]}?" if hint else f"there are {', '.join(known)}"
    raise UserError(f"model={name}: no such model; {suggestion}")


def known_models() -> list[str]:
    """Names of our models and, as their modules spell them, of RecBole's sequential models."""
    from recbole_tagnnpp.config.properties import recbole_property_folder

    theirs = _modules("recbole.model.sequential_recommender")
    spelled = [f.stem for f in (recbole_property_folder() / "model").glob("*.yaml") if f.stem.lower() in theirs]
    return sorted([*OUR_MODELS, *spelled])


def _modules(package: str) -> set[str]:
    # the package itself is not imported: its __init__ imports every model
    parent, _, leaf = package.rpartition(".")
    from recbole_tagnnpp.config.properties import recbole_property_folder

    folder = recbole_property_folder().parent / "model" / leaf
    assert parent == "recbole.model"
    return {module.name for module in pkgutil.iter_modules([str(folder)])}
