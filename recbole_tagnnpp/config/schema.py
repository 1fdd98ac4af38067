"""What a key may be: one table, read by the check of every configuration."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from recbole_tagnnpp.config.yaml_files import shortened
from recbole_tagnnpp.errors import UserError, is_unicode
from recbole_tagnnpp.limits import LARGEST_INTEGER


@dataclass(frozen=True)
class Rule:
    """Allowed values of a key.

    Attributes:
        allowed: in words, for the message.
        accepts: the check.
        is_real: whether 12 means 12.0.
    """

    allowed: str
    accepts: Callable[[Any], bool]
    is_real: bool = False


def _is_number(value: Any) -> bool:
    """Whether it is a float, or a whole number that has one."""
    return isinstance(value, float) or (_is_integer(value) and abs(value) <= sys.float_info.max)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def integer(minimum: int, maximum: int = LARGEST_INTEGER, or_none: bool = False) -> Rule:
    """A whole number of at least ``minimum`` and at most ``maximum``."""
    return Rule(
        f"a whole number of at least {minimum} and at most {maximum}" + (", or ~" if or_none else ""),
        lambda v: (or_none and v is None) or (_is_integer(v) and minimum <= v <= maximum),
    )


def number(above: float, or_none: bool = False) -> Rule:
    """A finite number larger than ``above``."""
    words = f"a number above {above}" + (", or ~" if or_none else "")
    return Rule(words, lambda v: (or_none and v is None) or (_is_number(v) and above < v < float("inf")), is_real=True)


def number_from(minimum: float, below: float | None = None) -> Rule:
    """A finite number in [minimum, below)."""
    limit = float("inf") if below is None else below
    words = f"a number of at least {minimum}" + ("" if below is None else f" and below {below}")
    return Rule(words, lambda v: _is_number(v) and minimum <= v < limit, is_real=True)


def one_of(*values: str, or_none: bool = False) -> Rule:
    """One of some words."""
    return Rule(
        "one of " + ", ".join(values) + (", or ~" if or_none else ""),
        lambda v: v in values or (or_none and v is None),
    )


def _list_of(accepts: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda v: isinstance(v, (list, tuple)) and all(accepts(entry) for entry in v)


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


METRIC_NAMES = (
    "Hit", "MRR", "NDCG", "Recall", "Precision", "MAP", "ItemCoverage", "AveragePopularity", "GiniIndex",
    "ShannonEntropy", "TailPercentage",
)  # fmt: skip
RANKING_METRICS = tuple(name.lower() for name in METRIC_NAMES)
"""RecBole's metrics of the first K items, as its ``metric_types`` spells them."""

BOOLEAN = Rule("True or False", lambda v: isinstance(v, bool))
WORDS = Rule("a list of words", _list_of(lambda v: isinstance(v, str)))
PROBABILITY = number_from(0.0, 1.0)
SHARE = Rule("a number above 0 and at most 1", lambda v: _is_number(v) and 0 < v <= 1, is_real=True)
TEXT = Rule(
    "a word, of whole characters and without NUL",
    lambda v: isinstance(v, str) and bool(v) and "\0" not in v and is_unicode(v),
)

RULES_OF_RECBOLES_MODELS: dict[str, Rule] = {
    "kernel_size": integer(1),
    "block_num": integer(1),
    "dilations": Rule("a list of whole numbers of at least 1", _list_of(integer(1).accepts)),
    "reg_weight": number_from(0.0),
    "k_interests": integer(1),
    "prototype_size": integer(1),
    "interest_size": integer(1),
    "sess_dropout": PROBABILITY,
    "item_dropout": PROBABILITY,
    "dnn_type": one_of("trm", "ave"),
    "global_ratio": SHARE,
    "spatial_ratio": Rule("a number of at least 0 and at most 1", lambda v: _is_number(v) and 0 <= v <= 1, is_real=True),
    "reranker_CAN_NUM": integer(1),
}
"""Keys of single models of RecBole, which checks none of them; RecBole's property files explain them."""
THREADS = integer(1, 1024, or_none=True)  # no machine has more cores, and some libraries crash on more threads

RULES: dict[str, Rule] = {
    # runs
    "seed": integer(0, 2**32 - 1),  # numpy's limit
    "reproducibility": BOOLEAN,
    "show_progress": BOOLEAN,
    "use_gpu": BOOLEAN,
    "gpu_id": Rule(
        "the number of one GPU (use_gpu=False for none)",
        lambda v: (_is_integer(v) and v >= 0) or (isinstance(v, str) and v.isdecimal()),
    ),
    "state": Rule(
        "one of DEBUG, INFO, WARNING, ERROR, CRITICAL",
        lambda v: isinstance(v, str) and v.upper() in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
    ),
    "preparation": Rule("a mapping of rules, or ~", lambda v: v is None or isinstance(v, dict)),
    "data_path": TEXT,
    "checkpoint_dir": TEXT,
    "results_path": TEXT,
    "refit": Rule("True, False or all", lambda v: isinstance(v, bool) or v == "all"),
    "resume": BOOLEAN,
    "shuffle": BOOLEAN,
    "threads": THREADS,
    "nproc": integer(1),
    # training
    "epochs": integer(1),
    "train_batch_size": integer(1),
    "learner": one_of("adam", "adamw", "sgd", "adagrad", "rmsprop"),
    "learning_rate": number(0.0),
    "weight_decay": number_from(0.0),
    "eval_step": integer(1),
    "stopping_step": integer(0),
    "learning_rate_schedule": one_of("constant", "step", "cosine"),
    "warmup_steps": integer(0),
    "step_decay_epochs": integer(1),
    "step_decay_factor": SHARE,
    "minimum_learning_rate": number_from(0.0),
    "clip_grad_norm": Rule(
        "~ or {max_norm: a number above 0}, with norm_type beside it if wanted",
        lambda v: (
            v is None
            or (
                (isinstance(v, dict) and {"max_norm"} <= v.keys() <= {"max_norm", "norm_type"})
                and all(_is_number(x) and x > 0 for x in v.values())
            )
        ),
    ),
    "agc_lambda": number(0.0, or_none=True),
    "agc_eps": number(0.0),
    "agc_exclude": WORDS,
    "enable_amp": BOOLEAN,
    "enable_scaler": BOOLEAN,
    "loss_type": Rule("CE (all items compete in one softmax)", lambda v: v == "CE"),
    # evaluation
    "eval_batch_size": integer(1),
    "topk": Rule(
        "a list of whole numbers of at least 1",
        lambda v: bool(v) and _list_of(integer(1).accepts)(v),
    ),
    "metrics": Rule(
        "a list of " + ", ".join(RANKING_METRICS),
        lambda v: bool(v) and _list_of(lambda m: isinstance(m, str) and m.lower() in RANKING_METRICS)(_as_list(v)),
    ),
    "metric_decimal_place": integer(1, 15),  # float64 has no more
    "MAX_ITEM_LIST_LENGTH": integer(1),
    # models
    "hidden_size": integer(1),
    "num_layers": integer(1),
    "step": integer(1),
    "dropout_prob": PROBABILITY,
    "dropout_probs": Rule(
        "two numbers of at least 0.0 and below 1.0",
        lambda v: isinstance(v, list) and len(v) == 2 and all(PROBABILITY.accepts(entry) for entry in v),
    ),
    "initializer_range": number(0.0),
    "temperature": number(0.0),
    "embedding_size": integer(1),
    "n_gnn_steps": integer(1),
    "n_layers": integer(1),
    "n_heads": integer(1),
    "inner_size": integer(1),
    "hidden_dropout_prob": PROBABILITY,
    "attn_dropout_prob": PROBABILITY,
    "embedding_dropout_prob": PROBABILITY,
    "use_gnn": BOOLEAN,
    "use_position_embedding": BOOLEAN,
    "use_transformer": BOOLEAN,
    "transformer_skip": BOOLEAN,
    "position_order": one_of("from_end", "from_start"),
    "normalize_embeddings": BOOLEAN,
    "normalization_scale": number(0.0),
    "label_smoothing": PROBABILITY,
    "layer_norm_eps": number(0.0),
    "training_candidates": integer(1, or_none=True),
    "candidate_distribution": one_of("popularity", "uniform"),
    "target_attention_backend": one_of("auto", "reference", "cpu", "cuda"),
    "target_attention_precision": one_of("float32", "tf32", "bfloat16"),
    "embedding_max_norm": number(0.0, or_none=True),
    "memory_size": integer(1),
    "n_neighbors": integer(1),
    "neighbor_similarity": one_of("common_items", "cosine", "jaccard"),
    "channel_fusion": one_of("cnn", "max"),
    "n_fusion_filters": integer(1),
    "n_attention_heads": integer(1),
    "n_readout_steps": integer(1),
    "negative_slope": number_from(0.0),
    "sample_size": integer(1, or_none=True),
    "n_similar_items": integer(1),
    "shrinkage": number_from(0.0),
    "lambda_1": number(0.0, or_none=True),
    "lambda_2": number(0.0, or_none=True),
    "lambda_3": number(0.0, or_none=True),
    "standardize_representations": BOOLEAN,
    **RULES_OF_RECBOLES_MODELS,
}

OUR_ACTIVATIONS = one_of("relu", "gelu")
RECBOLE_ACTIVATIONS = one_of("gelu", "relu", "swish", "tanh", "sigmoid")


@dataclass(frozen=True)
class Fixed:
    """A key that the protocol decides.

    Attributes:
        value: the value it has.
        reason: for the message.
        implied: entries of a mapping that go without saying.
    """

    value: Any
    reason: str
    implied: Mapping[str, Any] = field(default_factory=dict)

    def accepts(self, given: Any) -> bool:
        """Whether a setting says the same, perhaps less of it or in RecBole's longer form."""
        if isinstance(self.value, dict) and isinstance(given, dict):
            said = {**self.value, **self.implied}
            return all(key in said and self._same(said[key], entry) for key, entry in given.items())
        return type(given) is type(self.value) and given == self.value

    @staticmethod
    def _same(value: Any, given: Any) -> bool:
        in_each_phase = isinstance(given, dict) and given.keys() == {"valid", "test"} and isinstance(value, str)
        return given == value or (in_each_phase and set(given.values()) == {value})


FIXED: dict[str, Fixed] = {
    "repeatable": Fixed(True, "items of the session stay candidates, as in all published results"),
    "train_neg_sample_args": Fixed(None, "training competes against all items"),
    "eval_args": Fixed(
        {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "full"},
        "every item is ranked, and the split is made by `prepare`",
        implied={"group_by": "user"},
    ),
    "benchmark_filename": Fixed(["train", "valid", "test"], "the split is made by `prepare`"),
    "USER_ID_FIELD": Fixed("session_id", "prepared files name it so"),
    "ITEM_ID_FIELD": Fixed("item_id", "prepared files name it so"),
    "LIST_SUFFIX": Fixed("_list", "prepared files name it so"),
    "alias_of_item_id": Fixed(["item_id_list"], "prefixes and targets share one vocabulary"),
    "worker": Fixed(0, "batches are made in the training process; runs at the same time are --workers of a grid or search"),
}
"""Keys that the protocol decides."""

_NO_STEP = "prepared sessions are used as they are; what `prepare` keeps is said in properties/dataset/"
_NO_CACHE = "RecBole's caches are pickles, which are not read here"
_NO_WANDB = "runs are written to results_path"
UNUSED: dict[str, str] = {
    **dict.fromkeys(
        (
            "rm_dup_inter", "val_interval", "filter_inter_by_user_or_item", "user_inter_num_interval",
            "item_inter_num_interval", "load_col", "unload_col", "unused_col", "additional_feat_suffix", "seq_len",
            "threshold", "numerical_features", "normalize_field", "normalize_all", "discretization", "preload_weight",
            "alias_of_user_id", "alias_of_entity_id", "alias_of_relation_id", "field_separator", "seq_separator",
            "transform", "kg_reverse_r", "entity_kg_num_interval", "relation_kg_num_interval",
        ),
        _NO_STEP,
    ),
    **dict.fromkeys(("save_dataset", "dataset_save_path", "save_dataloaders", "dataloaders_save_path"), _NO_CACHE),
    **dict.fromkeys(("log_wandb", "wandb_project"), _NO_WANDB),
    "valid_metric_bigger": "it follows from valid_metric",
}  # fmt: skip
"""RecBole's keys that nothing here reads, and why: other values than RecBole's own would be ignored in silence."""


def with_real_numbers(settings: Mapping[str, Any], model_defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with 12.0 for a 12 that stands where any number may: the same experiment has one name.

    Args:
        settings: of any source.
        model_defaults: what the model's property file sets; tells the kind of keys without a rule.
    """

    def is_real(key: str) -> bool:
        return RULES[key].is_real if key in RULES else isinstance(model_defaults.get(key), float)

    return {
        key: float(value) if _is_integer(value) and _is_number(value) and is_real(key) else value
        for key, value in settings.items()
    }


def with_one_spelling(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings whose metrics are spelled as in the documentation and stand in one order, as cut-offs do.

    What RecBole takes for the same is the same experiment, and gets the same name.

    Args:
        settings: with values that have been checked.
    """
    spelling = dict(zip(RANKING_METRICS, METRIC_NAMES, strict=True))
    named = {metric.lower() for metric in _as_list(settings["metrics"])}
    metric, _, k = settings["valid_metric"].partition("@")
    return {
        **settings,
        "metrics": [spelling[metric] for metric in RANKING_METRICS if metric in named],
        "topk": sorted(set(settings["topk"])),
        "valid_metric": f"{spelling[metric.lower()]}@{k}",
    }


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


def _is_like(default: Any, value: Any) -> bool:
    if default is None:
        return True
    if _is_integer(default):
        return _is_integer(value) and abs(value) <= LARGEST_INTEGER
    if _is_number(default):
        return _is_number(value)
    return isinstance(value, type(default))


def _check_valid_metric(settings: Mapping[str, Any], refuse: Callable[[str, str], None]) -> None:
    metrics: Sequence[str] = _as_list(settings["metrics"])
    allowed = [f"{metric}@{k}" for metric in metrics for k in settings["topk"]]
    if str(settings["valid_metric"]).lower() not in [name.lower() for name in allowed]:
        refuse("valid_metric", f"with topk={settings['topk']} allowed is one of {', '.join(allowed)}")
