"""What each key may be: one table, read by the check of every configuration."""

from typing import Any

from recbole_tagnnpp.config.value_rules import (
    BOOLEAN,
    PROBABILITY,
    SHARE,
    TEXT,
    THREADS,
    WORDS,
    Rule,
    integer,
    is_integer,
    is_number,
    list_of,
    number,
    number_from,
    one_of,
)

METRIC_NAMES = (
    "Hit", "MRR", "NDCG", "Recall", "Precision", "MAP", "ItemCoverage", "AveragePopularity", "GiniIndex",
    "ShannonEntropy", "TailPercentage",
)  # fmt: skip
RANKING_METRICS = tuple(name.lower() for name in METRIC_NAMES)
"""RecBole's metrics of the first K items, as its ``metric_types`` spells them."""


def as_list(value: Any) -> Any:
    """A single word as a list of one, as RecBole takes it."""
    return [value] if isinstance(value, str) else value


RULES_OF_RECBOLES_MODELS: dict[str, Rule] = {
    "kernel_size": integer(1),
    "block_num": integer(1),
    "dilations": Rule("a list of whole numbers of at least 1", list_of(integer(1).accepts)),
    "reg_weight": number_from(0.0),
    "k_interests": integer(1),
    "prototype_size": integer(1),
    "interest_size": integer(1),
    "sess_dropout": PROBABILITY,
    "item_dropout": PROBABILITY,
    "dnn_type": one_of("trm", "ave"),
    "global_ratio": SHARE,
    "spatial_ratio": Rule("a number of at least 0 and at most 1", lambda v: is_number(v) and 0 <= v <= 1, is_real=True),
    "reranker_CAN_NUM": integer(1),
}
"""Keys of single models of RecBole, which checks none of them; RecBole's property files explain them."""

RULES: dict[str, Rule] = {
    # runs
    "seed": integer(0, 2**32 - 1),  # numpy's limit
    "reproducibility": BOOLEAN,
    "show_progress": BOOLEAN,
    "use_gpu": BOOLEAN,
    "gpu_id": Rule(
        "the number of one GPU (use_gpu=False for none)",
        lambda v: (is_integer(v) and v >= 0) or (isinstance(v, str) and v.isdecimal()),
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
                and all(is_number(x) and x > 0 for x in v.values())
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
        lambda v: bool(v) and list_of(integer(1).accepts)(v),
    ),
    "metrics": Rule(
        "a list of " + ", ".join(RANKING_METRICS),
        lambda v: bool(v) and list_of(lambda m: isinstance(m, str) and m.lower() in RANKING_METRICS)(as_list(v)),
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
