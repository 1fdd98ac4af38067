"""What a key may be: one table, read by the check of every configuration."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from recbole_tagnnpp.errors import UserError


@dataclass(frozen=True)
class Rule:
    """Allowed values of a key.

    Attributes:
        allowed: in words, for the message.
        accepts: the check.
    """

    allowed: str
    accepts: Callable[[Any], bool]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def integer(minimum: int, or_none: bool = False) -> Rule:
    """A whole number of at least ``minimum``."""
    words = f"a whole number of at least {minimum}" + (", or ~" if or_none else "")
    return Rule(words, lambda v: (or_none and v is None) or (_is_integer(v) and v >= minimum))


def number(above: float, or_none: bool = False) -> Rule:
    """A finite number larger than ``above``."""
    words = f"a number above {above}" + (", or ~" if or_none else "")
    return Rule(words, lambda v: (or_none and v is None) or (_is_number(v) and above < v < float("inf")))


def number_from(minimum: float, below: float | None = None) -> Rule:
    """A finite number in [minimum, below)."""
    limit = float("inf") if below is None else below
    words = f"a number of at least {minimum}" + ("" if below is None else f" and below {below}")
    return Rule(words, lambda v: _is_number(v) and minimum <= v < limit)


def one_of(*values: str, or_none: bool = False) -> Rule:
    """One of some words."""
    return Rule(
        "one of " + ", ".join(values) + (", or ~" if or_none else ""),
        lambda v: v in values or (or_none and v is None),
    )


def _list_of(accepts: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda v: isinstance(v, (list, tuple)) and all(accepts(entry) for entry in v)


BOOLEAN = Rule("True or False", lambda v: isinstance(v, bool))
WORDS = Rule("a list of words", _list_of(lambda v: isinstance(v, str)))
PROBABILITY = number_from(0.0, 1.0)
TEXT = Rule("a word", lambda v: isinstance(v, str) and bool(v))

RULES: dict[str, Rule] = {
    # runs
    "seed": integer(0),
    "reproducibility": BOOLEAN,
    "show_progress": BOOLEAN,
    "use_gpu": BOOLEAN,
    "state": Rule(
        "one of DEBUG, INFO, WARNING, ERROR, CRITICAL",
        lambda v: isinstance(v, str) and v.upper() in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
    ),
    "data_path": TEXT,
    "checkpoint_dir": TEXT,
    "results_path": TEXT,
    "refit": BOOLEAN,
    "resume": BOOLEAN,
    "shuffle": BOOLEAN,
    "threads": integer(1, or_none=True),
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
    "step_decay_factor": Rule("a number above 0 and at most 1", lambda v: _is_number(v) and 0 < v <= 1),
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
    "topk": Rule("a list of whole numbers of at least 1", _list_of(lambda v: _is_integer(v) and v >= 1)),
    "metric_decimal_place": integer(1),
    "MAX_ITEM_LIST_LENGTH": integer(1),
    # TAGNN++
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
    "position_order": one_of("from_end", "from_start"),
    "normalize_embeddings": BOOLEAN,
    "normalization_scale": number(0.0),
    "label_smoothing": PROBABILITY,
    "layer_norm_eps": number(0.0),
    "training_candidates": integer(1, or_none=True),
    "candidate_distribution": one_of("popularity", "uniform"),
    "target_attention_backend": one_of("auto", "reference", "cpu"),
    "target_attention_precision": one_of("float32", "bfloat16"),
}

HIDDEN_ACTIVATIONS = one_of("relu", "gelu")

FIXED: dict[str, tuple[Any, str]] = {
    "repeatable": (True, "items of the session stay candidates, as in all published results"),
    "train_neg_sample_args": (None, "training competes against all items"),
    "benchmark_filename": (["train", "valid", "test"], "the split is made by `prepare`"),
    "USER_ID_FIELD": ("session_id", "prepared files name it so"),
    "ITEM_ID_FIELD": ("item_id", "prepared files name it so"),
    "LIST_SUFFIX": ("_list", "prepared files name it so"),
    "alias_of_item_id": (["item_id_list"], "prefixes and targets share one vocabulary"),
    "worker": (0, "batches are made in the training process"),
}
"""Keys that the protocol decides: value and reason."""


def check_values(settings: dict[str, Any], where: Callable[[str], str]) -> None:
    """Check every key that has a rule, and those that depend on each other.

    Args:
        settings: final configuration.
        where: tells where a key was set, for the message.

    Raises:
        UserError: a value is not allowed.
    """
    for key, rule in RULES.items():
        if key in settings and not rule.accepts(settings[key]):
            raise UserError(f"{where(key)}{key}={settings[key]!r}: allowed is {rule.allowed}")
    for key, (value, reason) in FIXED.items():
        if key in settings and settings[key] != value:
            raise UserError(f"{where(key)}{key}={settings[key]!r}: allowed is only {value!r} ({reason})")
    _check_valid_metric(settings, where)
    if settings["model"] == "TAGNNPP":
        size, heads = settings["embedding_size"], settings["n_heads"]
        if size % heads:
            raise UserError(f"{where('n_heads')}n_heads={heads}: must divide embedding_size={size}")
        if not HIDDEN_ACTIVATIONS.accepts(settings["hidden_act"]):
            raise UserError(
                f"{where('hidden_act')}hidden_act={settings['hidden_act']!r}: allowed is {HIDDEN_ACTIVATIONS.allowed}"
            )


def _check_valid_metric(settings: dict[str, Any], where: Callable[[str], str]) -> None:
    metrics: Sequence[str] = settings["metrics"]
    metrics = [metrics] if isinstance(metrics, str) else metrics
    topk = settings["topk"]
    allowed = [f"{metric}@{k}" for metric in metrics for k in topk]
    if str(settings["valid_metric"]).lower() not in [name.lower() for name in allowed]:
        raise UserError(
            f"{where('valid_metric')}valid_metric={settings['valid_metric']!r}: allowed is one of {', '.join(allowed)}"
        )
