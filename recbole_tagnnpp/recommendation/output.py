"""What ``recommend`` shows and writes."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from recbole_tagnnpp.files import atomic_write
from recbole_tagnnpp.recommendation.new_sessions import NewSessions
from recbole_tagnnpp.recommendation.recommender import Recommendation, Recommender
from recbole_tagnnpp.terminal import PlainConsole, data_output


def print_recommendations(recommendations: list[Recommendation], console: Console | None = None) -> None:
    """Print the recommendations for one session, best first."""
    table = Table()
    table.add_column("rank", justify="right")
    table.add_column("item", overflow="fold")  # nothing is cut off
    table.add_column("score", justify="right")
    for rank, recommendation in enumerate(recommendations, start=1):
        table.add_row(str(rank), recommendation.item, f"{recommendation.score:.4f}")
    (console or PlainConsole()).print(table)


def write_recommendations(
    path: Path | None,
    recommender: Recommender,
    sessions: NewSessions,
    topk: int,
    exclude_clicked: bool = False,
    show_progress: bool = False,
) -> None:
    """Write tab-separated text with a line for each session and rank, in the order of the sessions.

    Args:
        path: the file, which appears when it is whole; ``None`` is standard output.
        recommender: asked for the recommendations.
        sessions: whom they are for; those without a known item have no lines.
        topk, exclude_clicked: see :meth:`Recommender.recommend`.
        show_progress: progress bar.

    Raises:
        UserError: there are not that many items.
    """
    rules = recommender.preparation_rules
    found = recommender.recommend_for(sessions, topk, exclude_clicked, show_progress)
    with data_output() if path is None else atomic_write(path) as handle:
        handle.write(f"{rules.session_field}:token\trank:float\t{rules.item_field}:token\tscore:float\n")
        for place, recommendations in zip(sessions.known, found, strict=True):
            handle.writelines(
                f"{sessions.ids[place]}\t{rank}\t{recommendation.item}\t{recommendation.score:.6g}\n"
                for rank, recommendation in enumerate(recommendations, start=1)
            )
