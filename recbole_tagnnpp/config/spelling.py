"""One spelling for settings that mean the same: the same experiment has one name."""

from collections.abc import Mapping
from typing import Any

from recbole_tagnnpp.config.allowed_values import METRIC_NAMES, RANKING_METRICS, RULES, as_list
from recbole_tagnnpp.config.value_rules import is_integer, is_number


def with_real_numbers(settings: Mapping[str, Any], model_defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with 12.0 for a 12 that stands where any number may: the same experiment has one name.

    Args:
        settings: of any source.
        model_defaults: what the model's property file sets; tells the kind of keys without a rule.
    """

    def is_real(key: str) -> bool:
        return RULES[key].is_real if key in RULES else isinstance(model_defaults.get(key), float)

    return {
        key: float(value) if is_integer(value) and is_number(value) and is_real(key) else value
        for key, value in settings.items()
    }


def with_one_spelling(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings whose metrics are spelled as in the documentation and stand in one order, as cut-offs do.

    What RecBole takes for the same is the same experiment, and gets the same name.

    Args:
        settings: with values that have been checked.
    """
    spelling = dict(zip(RANKING_METRICS, METRIC_NAMES, strict=True))
    named = {metric.lower() for metric in as_list(settings["metrics"])}
    metric, _, k = settings["valid_metric"].partition("@")
    return {
        **settings,
        "metrics": [spelling[metric] for metric in RANKING_METRICS if metric in named],
        "topk": sorted(set(settings["topk"])),
        "valid_metric": f"{spelling[metric.lower()]}@{k}",
    }
