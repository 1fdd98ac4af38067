"""``recommend`` as a user runs it, after a run of their own."""

from pathlib import Path

import pytest

from recbole_tagnnpp.cli import main
from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.experiment.run import run
from recbole_tagnnpp.recommendation import Recommender
from tests.integration.tiny_dataset import settings, write_tiny_log


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("recommend")
    rules = write_tiny_log(root / "dataset")
    run(SessionConfig("TAGNNPP", "tiny", [rules], settings(root, epochs=1)))
    (file,) = (root / "saved" / "tiny").glob("*/model.pth")
    return file


@pytest.fixture
def log(tmp_path: Path) -> Path:
    lines = ["session_id:token\titem_id:token\ttimestamp:float"]
    lines += ["b\ti5\t20", "a\ti3\t10", "b\ti4\t19", "c\tnew\t1", "a\tnew\t11"]
    (tmp_path / "today.inter").write_text("\n".join(lines) + "\n")
    return tmp_path / "today.inter"


def test_one_session_gives_a_table(model_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recommend", f"--model_file={model_file}", "--items=i4, i5", "--topk=3"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if "│" in line]
    expected = Recommender.load(model_file).recommend([["i4", "i5"]], topk=3)[0]
    assert [(line[1], line[3], line[5]) for line in lines] == [
        (str(rank), r.item, f"{r.score:.4f}") for rank, r in enumerate(expected, start=1)
    ]


def test_a_file_of_sessions_gives_a_file(model_file: Path, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = log.parent / "out" / "best.tsv"
    arguments = [f"--model_file={model_file}", f"--sessions={log}", f"--output={output}", "--topk=2"]
    assert main(["recommend", *arguments, "--unknown_items=skip", "--show_progress=False"]) == 0
    assert capsys.readouterr().out.strip() == (
        f"{output}: the best 2 items for each of 2 sessions; without any known item, and left out: 1"
    )
    header, *lines = output.read_text().splitlines()
    assert header == "session_id:token\trank:float\titem_id:token\tscore:float"
    best = Recommender.load(model_file).recommend([["i4", "i5"], ["i3"]], topk=2)
    assert lines == [
        f"{session}\t{rank}\t{r.item}\t{r.score:.6g}"
        for session, recommendations in zip("ba", best, strict=True)
        for rank, r in enumerate(recommendations, start=1)
    ]


def test_answers_for_another_program(model_file: Path, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    best = Recommender.load(model_file).recommend([["i4", "i5"], ["i3"]], topk=2)
    quiet = ["recommend", f"--model_file={model_file}", "--topk=2", "--show_progress=False"]
    assert main([*quiet, f"--sessions={log}", "--unknown_items=skip", "--output=-"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert [line.split("\t")[:3] for line in printed.out.splitlines()[1:]] == [
        [session, str(rank), r.item] for session, found in zip("ba", best, strict=True) for rank, r in enumerate(found, 1)
    ]
    assert main([*quiet, f"--sessions={log}", "--unknown_items=skip", "--output=/dev/stdout"]) == 0
    assert capsys.readouterr() == printed
    output = log.parent / "one session.tsv"
    assert main([*quiet, "--items=i4,i5", f"--output={output}"]) == 0
    assert capsys.readouterr().out == f"{output}: the best 2 items for one session\n"
    assert [line.split("\t")[2] for line in output.read_text().splitlines()[1:]] == [r.item for r in best[0]]


def test_a_csv_file_gives_the_same_answers(model_file: Path, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = log.with_suffix(".csv")
    rows = [line.split("\t") for line in log.read_text().splitlines()[1:]]
    times = [f'"{session}";1970-01-01T00:00:{int(time):02}Z;{item}' for session, item, time in rows]
    table.write_text("\n".join(["session_id;timestamp;item_id", *times]) + "\n")
    quiet = ["recommend", f"--model_file={model_file}", "--output=-", "--show_progress=False"]
    printed = []
    for file in (log, table):
        assert main([*quiet, f"--sessions={file}", "--unknown_items=skip"]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] != ""
    assert main([*quiet, f"--sessions={table}"]) == 2
    assert "today.csv:6: session 'a': item 'new' is none of the 37 items" in capsys.readouterr().err


def test_a_dataset_that_was_prepared_by_hand_tells_its_columns_and_prefixes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_tiny_log(tmp_path / "raw")
    log = tmp_path / "raw" / "tiny" / "tiny.inter"
    log.write_text(log.read_text().replace("session_id:", "visit:").replace("item_id:", "sku:"))
    rules = "{session_field: visit, item_field: sku, test_days: 2, min_item_count: 2, max_prefix_length: 3}"
    arguments = [f"--source={log}", f"--output={tmp_path / 'dataset'}", f"--preparation={rules}"]
    assert main(["prepare", "--dataset=byhand", *arguments]) == 0
    run(SessionConfig("TAGNNPP", "byhand", [], settings(tmp_path, epochs=1)))
    (file,) = (tmp_path / "saved" / "byhand").glob("*/model.pth")
    today = tmp_path / "today.csv"
    today.write_text("visit,sku,timestamp\n" + "".join(f"a,i{n},{n}\n" for n in range(1, 6)))
    capsys.readouterr()
    quiet = ["recommend", f"--model_file={file}", f"--sessions={today}", "--output=-", "--topk=2", "--show_progress=False"]
    assert main(quiet) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header == "visit:token\trank:float\tsku:token\tscore:float"
    recommender = Recommender.load(file)
    whole, newest, longer = recommender.recommend(
        [[f"i{n}" for n in clicks] for clicks in ((1, 2, 3, 4, 5), (3, 4, 5), (2, 3, 4, 5))], 2
    )
    assert whole == newest == longer  # the model has learnt from prefixes of three clicks
    assert [line.split("\t")[2] for line in lines] == [r.item for r in whole]


def test_names_with_commas(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = write_tiny_log(tmp_path / "dataset")
    log = tmp_path / "dataset" / "tiny" / "tiny.inter"
    log.write_text(log.read_text().replace("i4\t", "i4,red\t"))
    run(SessionConfig("Pop", "tiny", [rules], settings(tmp_path, "Pop")))
    (file,) = (tmp_path / "saved" / "tiny").glob("*/model.pth")
    assert main(["recommend", f"--model_file={file}", '--items=i3, "i4,red"']) == 0
    assert main(["recommend", f"--model_file={file}", "--items=i3,i4,red"]) == 2
    assert capsys.readouterr().err.startswith("error: item 'i4' is none of the 37 items")
    assert main(["recommend", f"--model_file={file}", '--items=i3,"i4']) == 2
    assert '--items=i3,"i4: has a quote without end' in capsys.readouterr().err


def test_of_few_items_all_are_recommended_where_nobody_says_how_many(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = write_tiny_log(tmp_path / "dataset", n_items=9)
    run(SessionConfig("TAGNNPP", "tiny", [rules], settings(tmp_path, epochs=1, topk=[5, 9], valid_metric="MRR@9")))
    (file,) = (tmp_path / "saved" / "tiny").glob("*/model.pth")
    capsys.readouterr()
    assert main(["recommend", f"--model_file={file}", "--items=i4", "--output=-"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + 9
    recommender = Recommender.load(file)
    assert recommender.recommend([["i4"]]) == recommender.recommend([["i4"]], topk=9)
    assert main(["recommend", f"--model_file={file}", "--items=i4", "--topk=20"]) == 2


def test_a_failure_leaves_the_file_of_before(model_file: Path, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = log.parent / "best.tsv"
    output.write_text("before")
    arguments = ["recommend", f"--model_file={model_file}", f"--sessions={log}", f"--output={output}"]
    assert main([*arguments, "--show_progress=False"]) == 2
    assert "today.inter:6: session 'a': item 'new' is none of the 37 items" in capsys.readouterr().err
    assert main([*arguments, "--unknown_items=skip", "--topk=38", "--show_progress=False"]) == 2
    assert "topk=38: allowed is at most 37, the number of items" in capsys.readouterr().err
    log.write_text(log.read_text().splitlines()[0] + "\na\tnew\t3\nb\tnewer\t4\n")
    assert main([*arguments, "--unknown_items=skip", "--show_progress=False"]) == 2
    assert "today.inter: the model knows no item of any of its 2 sessions" in capsys.readouterr().err
    assert output.read_text() == "before"
    assert sorted(file.name for file in log.parent.iterdir()) == ["best.tsv", "today.inter"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "recommend needs --model_file=..."),
        (["--model_file=m.pth"], "either --items=A,B,C or --sessions=FILE"),
        (["--model_file=m.pth", "--items=a", "--sessions=b"], "either --items=A,B,C or --sessions=FILE"),
        (["--model_file=m.pth", "--sessions=b"], "--sessions=FILE needs --output=FILE, or --output=- for standard output"),
        (["--model_file=m.pth", "--items=a", "--output=/dev/null"], "/dev/null: is no regular file; allowed is"),
        (["--model_file=m.pth", "--sessions=b", "--output=."], ".: is a folder; allowed is the name of a file"),
        (["--model_file=m.pth", "--items=a,,b"], "--items=a,,b: has an empty name"),
        (["--model_file=m.pth", "--items=,"], "--items=,: has an empty name"),
        (["--model_file=m.pth", "--items="], "argument '--items=': has nothing behind the ="),
        (["--model_file=m.pth", "--items=caf\udce9"], "not UTF-8 text"),
        (["--model_file=.", "--items=a"], ".: a folder; name the file in it"),
        (["--model_file=m.pth", "--sessions=b", "--output=./b"], "--output=./b: would replace what --sessions names"),
        (["--model_file=m.pth", "--sessions=b", "--output=m.pth"], "--output=m.pth: would replace what --model_file names"),
        (["--model_file=m.pth", "--items=a", "--topk=0"], "--topk=0: allowed is a whole number"),
        (["--model_file=m.pth", "--items=a", "--threads=x"], "--threads='x': allowed is a whole number"),
        (["--model_file=m.pth", "--items=a", "--unknown_items=drop"], "'drop': allowed is refuse or skip"),
        (["--model_file=m.pth", "--items=a", "--exclude_clicked=2"], "--exclude_clicked=2: allowed is True or False"),
        (["--model_file=m.pth", "--items=a", "--top_k=3"], "--top_k: unknown argument of recommend"),
        (["--model_file=m.pth", "--items=a"], "m.pth: no such checkpoint"),
    ],
)
def test_wrong_arguments(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["recommend", *arguments]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1 and message in errors[0]


def test_items_are_text_whatever_they_look_like(model_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for item in ("007", "1e5", "no", "[i1"):
        assert main(["recommend", f"--model_file={model_file}", f"--items={item}"]) == 2
        assert f"item {item!r} is none of the 37 items" in capsys.readouterr().err
