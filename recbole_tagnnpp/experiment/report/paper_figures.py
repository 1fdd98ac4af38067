"""Published figures, as data: Hit@20 and MRR@20 in percent.

TAGNN++'s paper: Mitharan, Java, Sahu, Shaikh, "Introducing Self-Attention to Target Attentive Graph Neural Networks",
Tables I and II (Table III is ``data.statistics.PUBLISHED``).  What it calls HR@20 is Hit@20.
"""

from dataclasses import dataclass

PAPER = "Mitharan et al., Introducing Self-Attention to Target Attentive Graph Neural Networks"


@dataclass(frozen=True)
class Figures:
    """Hit@20 and MRR@20 in percent."""

    hit: float
    mrr: float


DATASET_TITLES = {
    "yoochoose1_64": "Yoochoose 1/64",
    "diginetica": "Diginetica",
    "yoochoose1_4": "Yoochoose 1/4",
    "demo": "Demo sessions",
}
"""Datasets in the order of the tables; others follow by name."""

TABLE_ONE: dict[str, dict[str, Figures]] = {
    "yoochoose1_64": {
        "GRU4Rec": Figures(60.64, 22.89),
        "NARM": Figures(68.32, 28.63),
        "RepeatNet": Figures(70.71, 31.03),
        "CSRM": Figures(71.45, 30.36),
        "SRGNN": Figures(70.87, 30.94),
        "GCSAN": Figures(70.66, 30.04),
        "TAGNN": Figures(71.02, 31.12),
        "LESSR": Figures(70.64, 30.97),
        "TAGNNPP": Figures(71.91, 31.57),
    },
    "diginetica": {
        "GRU4Rec": Figures(29.45, 8.33),
        "NARM": Figures(49.70, 16.17),
        "RepeatNet": Figures(47.79, 17.66),
        "CSRM": Figures(50.55, 16.38),
        "SRGNN": Figures(50.73, 17.59),
        "GCSAN": Figures(51.70, 17.61),
        "TAGNN": Figures(51.31, 18.03),
        "LESSR": Figures(51.71, 18.15),
        "TAGNNPP": Figures(51.86, 17.93),
    },
}
"""Dataset to model to the paper's Table I."""

TABLE_TWO: dict[str, dict[str, Figures]] = {
    "yoochoose1_64": {
        "- AGC": Figures(71.80, 31.41),
        "- GNN": Figures(71.75, 31.62),
        "- PE": Figures(71.69, 31.48),
        "- Transformer": Figures(71.03, 30.69),
    },
    "diginetica": {
        "- AGC": Figures(51.57, 17.65),
        "- GNN": Figures(51.48, 17.59),
        "- PE": Figures(51.64, 17.66),
        "- Transformer": Figures(51.42, 17.84),
    },
}
"""Dataset to what is left out to the paper's Table II; its first row is TAGNN++ of Table I."""

ELSEWHERE: dict[str, dict[str, Figures]] = {
    "yoochoose1_64": {
        "SGNN-HN": Figures(72.06, 32.61),
        "NISER+": Figures(71.27, 31.61),
        "DGTN": Figures(71.18, 31.35),
    },
    "diginetica": {
        "SGNN-HN": Figures(55.67, 19.45),
        "NISER+": Figures(53.39, 18.72),
        "DGTN": Figures(53.05, 18.07),
    },
}
"""Figures that other papers report of their own systems on these splits."""


def dataset_title(dataset: str) -> str:
    """Name of a dataset as tables print it."""
    return DATASET_TITLES.get(dataset, dataset)


def data_title(dataset: str, checksum: str | None, is_only: bool) -> str:
    """Name of a dataset, and of its data where that is not the only preparation of it."""
    title = dataset_title(dataset)
    return title if is_only or checksum is None else f"{title} (data {checksum[:8]})"


def dataset_order(dataset: str) -> tuple[int, str]:
    """Sort key of datasets: the paper's first."""
    known = list(DATASET_TITLES)
    return (known.index(dataset) if dataset in known else len(known), dataset)
