"""The check of every value of a configuration."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from recbole_tagnnpp.config.allowed_values import OUR_ACTIVATIONS, RECBOLE_ACTIVATIONS, RULES, as_list
from recbole_tagnnpp.config.fixed_keys import FIXED, UNUSED
from recbole_tagnnpp.config.value_rules import is_integer, is_number
from recbole_tagnnpp.config.yaml_files import shortened
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.limits import LARGEST_INTEGER


def check_values(
    settings: Mapping[str, Any],
    recbole_defaults: Mapping[str, Any],
    model_defaults: Mapping[str, Any],
    where: Callable[[str], str],
) -> None:
    """Check every key that has a rule, and those that depend on each other.

    Args:
        settings: final configuration.
        recbole_defaults: what RecBole sets for every model.
        model_defaults: what the model's property file sets; values of keys without a rule must be of the same kind.
        where: tells where a key was set, for the message.

    Raises:
        UserError: a value is not allowed.
    """

    def refuse(key: str, allowed: str) -> None:
        raise UserError(f"{where(key)}{key}={shortened(settings[key])}: {allowed}")

    for key, rule in RULES.items():
        if key in settings and not rule.accepts(settings[key]):
            refuse(key, f"allowed is {rule.allowed}")
    for key, fixed in FIXED.items():
        if not fixed.accepts(settings[key]):
            refuse(key, f"allowed is only {fixed.value!r} ({fixed.reason})")
    for key, reason in UNUSED.items():
        if settings[key] != recbole_defaults[key]:
            refuse(key, f"has no effect here, {reason}")
    for key, default in model_defaults.items():
        if key not in RULES and key != "hidden_act" and not _is_like(default, settings[key]):
            refuse(key, f"allowed is a value like {default!r}")
    _check_valid_metric(settings, refuse)
    if settings["minimum_learning_rate"] > settings["learning_rate"]:
        refuse("minimum_learning_rate", f"allowed is at most learning_rate={settings['learning_rate']}")
    if settings["enable_scaler"] and not settings["enable_amp"]:
        refuse("enable_scaler", "has no effect without enable_amp=True")
    if settings.get("nproc", 1) > settings["train_batch_size"]:
        refuse("nproc", f"allowed is at most train_batch_size={settings['train_batch_size']}, which processes share")
    if "n_heads" in model_defaults:
        width = "hidden_size" if "hidden_size" in model_defaults else "embedding_size"
        if width in settings and settings[width] % settings["n_heads"]:
            refuse("n_heads", f"must divide {width}={settings[width]}")
    if "hidden_act" in model_defaults:
        activations = OUR_ACTIVATIONS if settings["model"] == "TAGNNPP" else RECBOLE_ACTIVATIONS
        if not activations.accepts(settings["hidden_act"]):
            refuse("hidden_act", f"allowed is {activations.allowed}")


def check_cut_offs(settings: Mapping[str, Any], n_items: int) -> None:
    """Ask whether there are as many items as metrics count.

    Args:
        settings: a whole configuration.
        n_items: of the dataset.

    Raises:
        UserError: there are not; names settings that would do.
    """
    topk, metric = list(settings["topk"]), settings["valid_metric"].partition("@")[0]
    if max(topk) <= n_items:
        return
    enough = [str(k) for k in topk if k <= n_items] or [str(n_items)]
    raise UserError(
        f"topk={topk}: allowed is at most {n_items}, the number of items of {settings['dataset']}, not {max(topk)}; for "
        f"example --topk=[{','.join(enough)}] --valid_metric={metric}@{enough[-1]}"
    )


def _is_like(default: Any, value: Any) -> bool:
    if default is None:
        return True
    if is_integer(default):
        return is_integer(value) and abs(value) <= LARGEST_INTEGER
    if is_number(default):
        return is_number(value)
    return isinstance(value, type(default))


def _check_valid_metric(settings: Mapping[str, Any], refuse: Callable[[str, str], None]) -> None:
    metrics: Sequence[str] = as_list(settings["metrics"])
    allowed = [f"{metric}@{k}" for metric in metrics for k in settings["topk"]]
    if str(settings["valid_metric"]).lower() not in [name.lower() for name in allowed]:
        names = f"{', '.join(allowed)}; for example --valid_metric={allowed[-1]}"  # whoever set topk may know it from here
        refuse("valid_metric", f"with topk={settings['topk']} allowed is one of {names}")
