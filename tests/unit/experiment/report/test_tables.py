"""Tables I, II and III, groups and other runs, from synthetic records."""

import csv
import io
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from recbole_tagnnpp.config.layers import merge_layers
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.report.ablation_table import ablation_sections
from recbole_tagnnpp.experiment.report.accuracy_table import accuracy_sections
from recbole_tagnnpp.experiment.report.formats import Table, to_csv
from recbole_tagnnpp.experiment.report.records import read_records
from recbole_tagnnpp.experiment.report.report import Report, make_report
from recbole_tagnnpp.experiment.report.sequence_data import measure
from recbole_tagnnpp.experiment.report.systems import place_records
from recbole_tagnnpp.experiment.systems import AS_IN_PAPER, RECOMMENDED, System, ablations, find_system
from recbole_tagnnpp.experiment.target_ranks import facts_file, ranks_file
from tests.unit.experiment.report.synthetic_records import (
    CHECKSUM,
    OTHER_CHECKSUM,
    edit,
    make_facts,
    make_ranks,
    write_run,
)

EPOCHS = merge_layers("TAGNNPP", "yoochoose1_64").final["epochs"]
TAGNNPP, SRGNN, GRU4REC, STAN = (find_system(name) for name in ("TAGNNPP", "SRGNN", "GRU4Rec", "STAN"))


def table_of(report: Report, label: str) -> Table:
    (table,) = [table for table in report.tables if table.label == label]
    return table


def rows_of(report: Report, label: str, **where: str) -> list[dict[str, str]]:
    """Rows of a table's CSV whose cells are as asked."""
    rows = csv.DictReader(io.StringIO(to_csv(table_of(report, label))))
    return [row for row in rows if all(row[key] == value for key, value in where.items())]


def row_of(report: Report, label: str, **where: str) -> dict[str, str]:
    (row,) = rows_of(report, label, **where)
    return row


def test_table_one_shows_seeds_paper_and_what_is_missing(tmp_path: Path) -> None:
    for seed in (1, 2, 3):
        write_run(tmp_path, TAGNNPP, skill=0.5, seed=seed)
    write_run(tmp_path, SRGNN, skill=0.4, refit=True)
    report = make_report(tmp_path)
    ours = row_of(report, "table_1", System=RECOMMENDED)
    assert (ours["Seeds"], ours["Refit"]) == ("3", "no")
    assert (ours["Hit@20 (paper)"], ours["MRR@20 (paper)"]) == ("71.91", "31.57")
    values = [np.mean((ranks := make_ranks(make_facts(), 0.5, seed)) > 0) * 100 for seed in (1, 2, 3)]
    assert ranks.max() <= 20
    assert float(ours["Hit@20"]) == pytest.approx(np.mean(values), abs=0.0051)
    assert float(ours["Hit@20 sd"]) == pytest.approx(np.std(values, ddof=1), abs=0.0051)
    srgnn = row_of(report, "table_1", System="SR-GNN")
    assert (srgnn["Seeds"], srgnn["Refit"], srgnn["Hit@20 sd"]) == ("1", "yes", "")
    lessr = row_of(report, "table_1", System="LESSR")
    assert (lessr["Seeds"], lessr["Refit"], lessr["Hit@20"], lessr["MRR@20 (paper)"]) == ("", "", "", "30.97")
    assert row_of(report, "table_1", System="STAN")["Hit@20 (paper)"] == ""
    systems = [row["System"] for row in rows_of(report, "table_1")]
    assert systems[-2:] == [AS_IN_PAPER, RECOMMENDED]
    assert len(systems) == 17


def test_best_is_bold_only_where_it_is_significantly_better_than_the_next_model(tmp_path: Path) -> None:
    facts = make_facts(120)
    for system, skill in ((TAGNNPP, 1.2), (SRGNN, 0.2), (GRU4REC, 0.0)):
        write_run(tmp_path, system, skill, facts=facts)
    column = "MRR@20 significantly best"
    assert [row["System"] for row in rows_of(make_report(tmp_path), "table_1", **{column: "yes"})] == [RECOMMENDED]
    write_run(tmp_path, find_system("TAGNNPP:fast"), 1.2, seed=5, facts=facts)  # by chance a little better
    (bold,) = rows_of(make_report(tmp_path), "table_1", **{column: "yes"})
    assert bold["System"] == "TAGNN++ (fast)"  # a variant is no rival
    write_run(tmp_path, STAN, 1.2, seed=4, facts=facts)  # as good as the best, significantly better than the rest
    report = make_report(tmp_path)
    assert rows_of(report, "table_1", **{column: "yes"}) == []
    tests = rows_of(report, "significance", Score="MRR@20", **{"Difference significant": "yes"})
    assert {row["Against"] for row in tests} == {"SR-GNN", "GRU4Rec"}
    pairs = [(row["System"], row["Against"]) for row in rows_of(report, "significance", Score="MRR@20")]
    best = pairs[0][0]  # of three that are as good
    assert [of for of, _ in pairs] == [best] * 4 + [RECOMMENDED] * 3 and len({frozenset(pair) for pair in pairs}) == 7


def test_only_systems_that_learnt_from_the_same_sessions_are_compared(tmp_path: Path) -> None:
    facts = make_facts(120)
    write_run(tmp_path, TAGNNPP, 1.2, facts=facts)
    write_run(tmp_path, SRGNN, 0.2, facts=facts)
    write_run(tmp_path, TAGNNPP, 3.0, facts=facts, refit=True)
    column = "MRR@20 significantly best"
    report = make_report(tmp_path)
    bold = rows_of(report, "table_1", **{column: "yes"})
    assert [(row["System"], row["Refit"]) for row in bold] == [(RECOMMENDED, "no")]
    tests = rows_of(report, "significance")
    assert {(row["System"], row["Against"]) for row in tests} == {(RECOMMENDED, "SR-GNN")}
    write_run(tmp_path, STAN, 0.1, facts=facts, refit=True)
    report = make_report(tmp_path)
    bold = rows_of(report, "table_1", **{column: "yes"})
    assert [(row["System"], row["Refit"]) for row in bold] == [(RECOMMENDED, "no"), (RECOMMENDED, "yes")]
    tests = rows_of(report, "significance", Score="MRR@20")
    assert [(row["System"], row["Against"]) for row in tests] == [
        (RECOMMENDED, "SR-GNN"),
        (f"{RECOMMENDED}, refit", "STAN, refit"),
    ]


def test_each_table_corrects_for_the_pairs_that_it_is_about(tmp_path: Path) -> None:
    facts = make_facts(120)
    whole, agc, gnn, *_ = ablations("recommended", "yoochoose1_64")
    for skill, system in enumerate((whole, agc, gnn, SRGNN, GRU4REC)):
        for refit in (False, True):
            write_run(tmp_path, system, 0.2 * skill, facts=facts, refit=refit)
    measured = [measure(data) for data in place_records(read_records(tmp_path))[0]]
    (one,) = accuracy_sections(measured)
    labels = {row: one.rows[row].label for row in range(len(one.rows))}
    compared = {frozenset((labels[i], labels[j])) for i, j, _ in one.comparisons}
    trio = [RECOMMENDED, "SR-GNN", "GRU4Rec"]
    assert compared == {frozenset(pair) for pair in combinations(trio, 2)} | {
        frozenset(f"{of}, refit" for of in pair) for pair in combinations(trio, 2)
    }
    (two,) = [section for section in ablation_sections(measured) if section.comparisons]
    labels = {row: two.rows[row].label for row in range(len(two.rows))}
    assert {frozenset((labels[i], labels[j])) for i, j, _ in two.comparisons} == {
        frozenset((f"{RECOMMENDED}{refit}", f"{part}{refit}")) for part in ("- AGC", "- GNN") for refit in ("", ", refit")
    }


def test_no_ranks_no_test_and_no_bold(tmp_path: Path) -> None:
    write_run(tmp_path, TAGNNPP, 2.0)
    second = write_run(tmp_path, SRGNN, 0.2)
    write_run(tmp_path, GRU4REC, 0.0)
    assert rows_of(make_report(tmp_path), "table_1", **{"Hit@20 significantly best": "yes"})
    ranks_file(second).unlink()
    report = make_report(tmp_path)
    assert rows_of(report, "table_1", **{"Hit@20 significantly best": "yes"}) == []
    assert row_of(report, "table_1", System="SR-GNN")["Hit@20"]
    notes = table_of(report, "table_1").notes
    assert any("no test possible for SR-GNN, whose records have no ranks" in note for note in notes)
    assert {row["Against"] for row in rows_of(report, "significance")} == {"GRU4Rec"}
    assert "SR-GNN" not in {row["System"] for row in rows_of(report, "by_popularity")}
    facts_file(second, CHECKSUM).unlink()  # and the ranks of the others are of no use any more
    notes = table_of(make_report(tmp_path), "table_1").notes
    assert any("no test possible for" in note and "test_sequences-*.npz" in note for note in notes)


def test_tables_name_the_runs_with_rounded_products(tmp_path: Path) -> None:
    write_run(tmp_path, TAGNNPP, seed=1)
    write_run(tmp_path, TAGNNPP, seed=2, target_attention_precision="bfloat16")
    write_run(tmp_path, TAGNNPP, seed=3, target_attention_precision="bfloat16")
    write_run(tmp_path, SRGNN)
    report = make_report(tmp_path)
    assert row_of(report, "table_1", System=RECOMMENDED)["Seeds"] == "3"
    for label in ("table_1", "table_2"):
        notes = [note for note in table_of(report, label).notes if "bfloat16" in note]
        assert len(notes) == 1
        assert notes[0].endswith(f"bfloat16 products of target attention in {RECOMMENDED}.")
        assert not any("float32" in note for note in table_of(report, label).notes)


def test_runs_on_different_data_never_meet(tmp_path: Path) -> None:
    write_run(tmp_path, TAGNNPP, 2.0, seed=1)
    write_run(tmp_path, TAGNNPP, 2.0, seed=2, checksum=OTHER_CHECKSUM, facts=make_facts(30))
    write_run(tmp_path, SRGNN, 0.0, checksum=OTHER_CHECKSUM, facts=make_facts(30))
    report = make_report(tmp_path)
    seeds = {row["dataset"]: row["Seeds"] for row in rows_of(report, "table_1", System=RECOMMENDED)}
    assert seeds == {"Yoochoose 1/64 (data c0ffee11)": "1", "Yoochoose 1/64 (data beef2222)": "1"}
    for label in ("table_1", "table_2"):
        assert any("runs on different preparations" in note for note in table_of(report, label).notes)
    assert {row["table"] for row in rows_of(report, "significance")} == {"Table I, Yoochoose 1/64 (data beef2222)"}
    assert len(rows_of(report, "table_3", dataset="Yoochoose 1/64")) == 4
    assert {figure.name for figure in report.figures} >= {
        "scatter-yoochoose1_64-c0ffee11",
        "scatter-yoochoose1_64-beef2222",
    }


def test_table_two_measures_each_part_by_the_whole_model_of_the_same_refit(tmp_path: Path) -> None:
    whole, agc, gnn, *_ = ablations("recommended", "yoochoose1_64")
    facts = make_facts(120)
    write_run(tmp_path, whole, 1.5, facts=facts)
    write_run(tmp_path, whole, 2.5, facts=facts, refit=True)
    write_run(tmp_path, agc, 1.5, seed=3, facts=facts)
    write_run(tmp_path, gnn, 0.2, facts=facts)
    write_run(tmp_path, gnn, 1.0, facts=facts, refit=True)
    report = make_report(tmp_path)
    where = {"dataset and preset": "Yoochoose 1/64, preset recommended"}
    rows = {(row["Architecture"], row["Refit"]): row for row in rows_of(report, "table_2", **where)}
    for refit in ("no", "yes"):
        row, of_whole = rows["- GNN", refit], rows[RECOMMENDED, refit]
        assert float(row["Δ MRR@20"]) == pytest.approx(float(row["MRR@20"]) - float(of_whole["MRR@20"]), abs=0.011)
        assert row["Δ MRR@20 significant"] == "yes"
    assert rows["- AGC", "no"]["Δ MRR@20 significant"] == "no"
    assert rows["- PE", ""]["Δ MRR@20"] == ""
    assert rows["- PE", ""]["Hit@20 (paper)"] == "71.69"
    assert rows[RECOMMENDED, "no"]["Δ MRR@20"] == ""
    against = {(row["System"], row["Against"]) for row in rows_of(report, "significance") if "Table II" in row["table"]}
    assert against == {(RECOMMENDED, "- AGC"), (RECOMMENDED, "- GNN"), (f"{RECOMMENDED}, refit", "- GNN, refit")}


def test_table_two_has_a_section_of_any_preset_that_was_ablated(tmp_path: Path) -> None:
    whole, *others = ablations("fast", "yoochoose1_64")
    (dropout,) = (system for system in others if system.title == "- dropout of item vectors")
    for dataset in ("yoochoose1_64", "diginetica"):
        write_run(tmp_path, whole, 1.5, dataset=dataset)
    write_run(tmp_path, dropout, 1.0)
    report = make_report(tmp_path)
    rows = [row for row in rows_of(report, "table_2") if "fast" in row["dataset and preset"]]
    assert {row["dataset and preset"] for row in rows} == {"Yoochoose 1/64, preset fast"}
    assert {row["Architecture"] for row in rows if row["Seeds"] == "1"} == {whole.title, dropout.title}
    assert [row["System"] for row in rows_of(report, "table_1", dataset="Diginetica") if "fast" in row["System"]]
    assert not [row for row in rows_of(report, "table_1") if row["System"].startswith(("+", "-"))]


def test_table_three_takes_statistics_and_counts_of_older_records(tmp_path: Path) -> None:
    old = write_run(tmp_path, TAGNNPP)
    edit(old, "data", "statistics", value=...)
    row = row_of(make_report(tmp_path), "table_3", Source="measured, data c0ffee11")
    assert (row["Train sequences"], row["Clicks"], row["Average length"]) == ("4000", "", "")
    write_run(tmp_path, SRGNN, epochs=1)  # runs without a row count, too
    row = row_of(make_report(tmp_path), "table_3", Source="measured, data c0ffee11")
    assert (row["Train sequences"], row["Clicks"], row["Average length"]) == ("4000", "5300", "4.57")
    assert row_of(make_report(tmp_path), "table_3", Source="paper")["Items"] == "16339"


def test_records_that_disagree_about_their_data(tmp_path: Path) -> None:
    write_run(tmp_path, SRGNN)
    path = write_run(tmp_path, TAGNNPP)
    edit(path, "data", "statistics", "items", value=501)
    with pytest.raises(UserError, match=r"data\.statistics\.items is 501, but SRGNN.* says 500"):
        make_report(tmp_path)


def test_groups_average_to_the_whole(tmp_path: Path) -> None:
    facts = make_facts(90)
    write_run(tmp_path, TAGNNPP, 0.5, facts=facts)
    report = make_report(tmp_path)
    ranks = make_ranks(facts, 0.5, 2020)
    row = row_of(report, "by_session_length", System=RECOMMENDED)
    clicks = np.array([np.sum(facts.session == number) + 1 for number in facts.session])
    for name, members in (("short", clicks <= 3), ("medium", (clicks > 3) & (clicks < 10)), ("long", clicks >= 10)):
        assert float(row[f"Hit@20 {name}"]) == pytest.approx(100 * np.mean(ranks[members] > 0), abs=0.0051)
    row = row_of(report, "by_popularity", System=RECOMMENDED)
    rare = facts.target_count <= np.sort(facts.target_count)[int(np.ceil(len(ranks) / 4)) - 1]
    assert float(row["Hit@20 rarest quarter"]) == pytest.approx(100 * np.mean(ranks[rare] > 0), abs=0.0051)


def test_other_runs_are_listed_with_their_reason(tmp_path: Path) -> None:
    path = write_run(tmp_path, TAGNNPP, epochs=1)
    report = make_report(tmp_path)
    row = row_of(report, "other_runs")
    assert (row["Run"], row["Nearest row"], row["Epochs"]) == (
        path.stem,
        f"{RECOMMENDED}, but epochs=1 (not {EPOCHS})",
        "1",
    )
    assert float(row["Test Hit@20"]) > 0
    assert all(row["Seeds"] == "" for row in rows_of(report, "table_1"))


def test_other_runs_stand_with_the_data_that_they_learnt_from(tmp_path: Path) -> None:
    first = write_run(tmp_path, TAGNNPP, epochs=1)
    assert {row["dataset"] for row in rows_of(make_report(tmp_path), "other_runs")} == {"Yoochoose 1/64"}
    second = write_run(tmp_path, TAGNNPP, epochs=1, checksum=OTHER_CHECKSUM, facts=make_facts(30))
    assert {row["dataset"]: row["Run"] for row in rows_of(make_report(tmp_path), "other_runs")} == {
        f"Yoochoose 1/64 (data {CHECKSUM[:8]})": first.stem,
        f"Yoochoose 1/64 (data {OTHER_CHECKSUM[:8]})": second.stem,
    }
    second.unlink()
    write_run(tmp_path, TAGNNPP, checksum=OTHER_CHECKSUM, facts=make_facts(30))  # a row of Table I is of other data
    report = make_report(tmp_path)
    (row,) = rows_of(report, "other_runs")
    assert row["dataset"] == f"Yoochoose 1/64 (data {CHECKSUM[:8]})"
    assert {row["dataset"] for row in rows_of(report, "table_1")} == {f"Yoochoose 1/64 (data {OTHER_CHECKSUM[:8]})"}


def test_datasets_that_the_paper_does_not_have_show_what_was_run(tmp_path: Path) -> None:
    write_run(tmp_path, SRGNN, dataset="demo")
    write_run(tmp_path, System("SASRec", "SASRec"), dataset="demo")
    write_run(tmp_path, TAGNNPP, dataset="demo")
    report = make_report(tmp_path)
    assert [row["System"] for row in rows_of(report, "table_1")] == ["SR-GNN", "SASRec", RECOMMENDED]
    assert {row["dataset and preset"] for row in rows_of(report, "table_2")} == {"Demo sessions, preset recommended"}
