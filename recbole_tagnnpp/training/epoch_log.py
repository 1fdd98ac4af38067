"""What the log says about an epoch."""

from typing import Any


def describe_epoch(entry: dict[str, Any], is_best: bool) -> str:
    """One line for one epoch.

    Args:
        entry: of the trainer's ``history``.
        is_best: whether its validation score is the best so far.
    """
    parts = [
        *([] if entry["train_loss"] is None else [f"train loss {entry['train_loss']:.4f}"]),
        *([] if entry["learning_rate"] is None else [f"learning rate {entry['learning_rate']:.3g}"]),
        f"{entry['train_seconds']:.1f} s",
    ]
    line = f"epoch {entry['epoch'] + 1}: {', '.join(parts)}"
    if "valid_result" in entry:
        metrics = ", ".join(f"{name} {100 * value:.2f}" for name, value in entry["valid_result"].items())
        line += f"; validation (%): {metrics}, {entry['valid_seconds']:.1f} s{' (best so far)' if is_best else ''}"
    return line
