"""The best items for sessions, from a trained model."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from recbole_tagnnpp.data.rules import PreparationRules
from recbole_tagnnpp.data.session_loader import SessionLoader
from recbole_tagnnpp.data.session_sequences import IntArray, SessionSequences
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.files import user_path
from recbole_tagnnpp.progress import progress_bar
from recbole_tagnnpp.recommendation.new_sessions import NewSessions, sessions_of_file, sessions_of_items
from recbole_tagnnpp.recommendation.trained_model import TrainedModel, load_trained_model
from recbole_tagnnpp.training.ranking import best_items

FloatArray = npt.NDArray[np.floating]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Recommendation:
    """One recommended item.

    Attributes:
        item: its name.
        score: as the model gives it; within a session higher is better, between sessions it tells nothing.
    """

    item: str
    score: float


class Recommender:
    """Recommends next items for sessions that the model need not have seen; any model that runs here can be asked.

    A recommendation depends on its own session alone, so sessions can be asked for one by one or all at once.

    Args:
        trained: the model; :meth:`load` reads one from a checkpoint.
    """

    def __init__(self, trained: TrainedModel) -> None:
        self.model, self.config, self.dataset = trained.model, trained.config, trained.dataset
        self._vocabulary = pa.array(self.dataset.item_tokens, pa.string())

    @classmethod
    def load(cls, model_file: str | Path, use_gpu: bool = True) -> "Recommender":
        """Read a ``model.pth``, as every run leaves one in ``saved/<dataset>/<run>/``; no code from it is run.

        Raises:
            UserError: see :func:`~recbole_tagnnpp.recommendation.trained_model.load_trained_model`.
        """
        return cls(load_trained_model(user_path(str(model_file)), use_gpu))

    @property
    def default_topk(self) -> int:
        """Items per session where nobody says how many: 20, or all that there are."""
        return min(20, self.dataset.item_num - 1)

    def recommend(
        self,
        sessions: Iterable[Iterable[str]],
        topk: int | None = None,
        exclude_clicked: bool = False,
        skip_unknown: bool = False,
    ) -> list[list[Recommendation]]:
        """The best items for each session, best first.

        Args:
            sessions: item names of the clicks of each, oldest first; of long sessions the newest clicks count, as many as
                the model was trained with (``MAX_ITEM_LIST_LENGTH`` and the preparation's ``max_prefix_length``).
            topk: items per session; default :attr:`default_topk`.
            exclude_clicked: leave out what the session has clicked already; one that has clicked most items gets fewer
                than ``topk``.
            skip_unknown: pass over clicks on items that the model does not know; a session without any other has no
                recommendations.

        Raises:
            UserError: a session is empty, an item is unknown, or there are not that many items.
        """
        topk = self.default_topk if topk is None else topk
        new = self.name_sessions(sessions, skip_unknown)
        results: list[list[Recommendation]] = [[] for _ in new.ids]
        for place, found in zip(new.known, self.recommend_for(new, topk, exclude_clicked), strict=True):
            results[place] = found
        return results

    def recommend_for(
        self, new: NewSessions, topk: int, exclude_clicked: bool = False, show_progress: bool = False
    ) -> Iterator[list[Recommendation]]:
        """The best items for each session that has a known item, in their order, a batch of sessions at a time.

        Raises:
            UserError: there are not that many items; at once, before the first is asked for.
        """
        if not isinstance(topk, (int, np.integer)) or isinstance(topk, bool) or topk < 1:
            raise UserError(f"topk={topk!r}: allowed is a whole number of at least 1")
        n_items = self.dataset.item_num - 1
        if topk > n_items:
            raise UserError(f"topk={topk}: allowed is at most {n_items}, the number of items")
        return self._name_items(self._rank(new.sequences, int(topk), exclude_clicked, show_progress))

    def _name_items(self, ranked: Iterator[tuple[FloatArray, IntArray, BoolArray]]) -> Iterator[list[Recommendation]]:
        for scores, items, is_new in ranked:
            names = np.asarray(self._vocabulary.take(pa.array(items.ravel() - 1)), dtype=object).reshape(items.shape)
            for row in zip(names.tolist(), scores.tolist(), is_new.tolist(), strict=True):
                yield [Recommendation(name, score) for name, score, counts in zip(*row, strict=True) if counts]

    def name_sessions(self, sessions: Iterable[Iterable[str]], skip_unknown: bool = False) -> NewSessions:
        """Sessions given as item names, oldest click first; their own names are their places, from 0.

        Raises:
            UserError: a session is empty, or an item is unknown.
        """
        return sessions_of_items(sessions, self._vocabulary, skip_unknown)

    def name_session(self, items: Iterable[str], skip_unknown: bool = False) -> NewSessions:
        """A single session, likewise; the message about an unknown item does not number it.

        Raises:
            UserError: it is empty, or an item is unknown.
        """
        return sessions_of_items([items], self._vocabulary, skip_unknown, where=lambda *_: "")

    def read_sessions(self, path: Path, skip_unknown: bool = False, show_progress: bool = False) -> NewSessions:
        """Sessions of a click log in the form of the training data's ``<dataset>.inter``, or as ``.csv``.

        Raises:
            UserError: the file is missing or malformed, or an item is unknown.
        """
        return sessions_of_file(path, self.preparation_rules, self._vocabulary, skip_unknown, show_progress)

    @property
    def preparation_rules(self) -> PreparationRules:
        """Rules that the training data was prepared by; they name the columns of click logs."""
        rules = self.config["preparation"]
        return PreparationRules() if rules is None else PreparationRules.from_mapping(rules, "preparation")

    @torch.inference_mode()
    def _rank(
        self, sequences: SessionSequences, topk: int, exclude_clicked: bool, show_progress: bool
    ) -> Iterator[tuple[FloatArray, IntArray, BoolArray]]:
        """Batches of scores [B, topk], items [B, topk] int64 and whether they count [B, topk], in the sessions' order.

        The best come first; those that do not count are at the end of a row.
        """
        n_items = self.dataset.item_num - 1
        loader = SessionLoader(
            self.dataset,
            sequences,
            batch_size=self.config["eval_batch_size"],
            shuffle=False,
            seed=0,
            pad_to_longest=getattr(self.model, "pads_to_longest", False),
        )
        first = 0
        for batch in progress_bar(loader, "recommend", show_progress, total=len(loader)):
            clicked = [sequences.clicks_of(first + row) for row in range(len(batch))] if exclude_clicked else None
            k = min(n_items, topk + (max(len(np.unique(clicks)) for clicks in clicked) if clicked else 0))
            scores, items = (t.cpu().numpy() for t in best_items(self.model, batch.to(self.config["device"]), k))
            if clicked is None:
                yield scores, items, np.ones(items.shape, dtype=bool)
            else:
                yield _new_first(clicked, scores, items, topk)
            first += len(batch)


def _new_first(
    clicked: list[IntArray], scores: FloatArray, items: IntArray, topk: int
) -> tuple[FloatArray, IntArray, BoolArray]:
    """The first ``topk`` of each row, those that are not clicked before the others, and whether they are new."""
    is_new = np.stack([~np.isin(row, clicks) for row, clicks in zip(items, clicked, strict=True)])
    order = np.argsort(~is_new, axis=1, kind="stable")[:, :topk]
    new, best = np.take_along_axis(is_new, order, axis=1), np.take_along_axis(items, order, axis=1)
    return np.take_along_axis(scores, order, axis=1), best, new
