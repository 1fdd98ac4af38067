"""A raw click log of a few hundred sessions that trains in a second."""

from pathlib import Path

import numpy as np

N_ITEMS = 37
RULES = """
preparation:
  source_format: recbole_inter
  session_field: session_id
  item_field: item_id
  time_field: timestamp
  min_item_count: 2
  min_session_length: 2
  test_days: 2
  validation_by: recent_sessions
  validation_fraction: 0.15
"""
SMALL_MODEL = {
    "embedding_size": 8,
    "n_heads": 2,
    "inner_size": 16,
    "train_batch_size": 64,
    "eval_batch_size": 64,
    "learning_rate": 0.01,
    "show_progress": False,
    "use_gpu": False,
    "threads": 1,
    "state": "WARNING",
}


def write_tiny_log(
    data_path: Path, name: str = "tiny", n_sessions: int = 300, seed: int = 5, n_items: int = N_ITEMS
) -> Path:
    """Write ``data_path/name/name.inter`` and ``data_path/name.yaml``; returns the latter."""
    generator = np.random.default_rng(seed)
    folder = data_path / name
    folder.mkdir(parents=True)
    lines = ["session_id:token\titem_id:token\ttimestamp:float"]
    for session in range(n_sessions):
        start = 86_400 * 20 * session // n_sessions
        item = int(generator.integers(n_items))
        for click in range(int(generator.integers(2, 9))):
            lines.append(f"s{session}\ti{item}\t{start + 60 * click}")
            item = (item + int(generator.integers(1, 4))) % n_items
    (folder / f"{name}.inter").write_text("\n".join(lines) + "\n")
    rules = data_path / f"{name}.yaml"
    rules.write_text(RULES)
    return rules


OURS_ONLY = ("embedding_size", "n_heads", "inner_size")
"""Of ``SMALL_MODEL``, what other models may not know."""


def settings(root: Path, model: str = "TAGNNPP", **changes: object) -> dict[str, object]:
    """Configuration dictionary of a fast run whose files all stay under ``root``."""
    given = {
        **SMALL_MODEL,
        "data_path": str(root / "dataset"),
        "checkpoint_dir": str(root / "saved"),
        "results_path": str(root / "results"),
        **changes,
    }
    return {key: value for key, value in given.items() if model == "TAGNNPP" or key not in OURS_ONLY}
