"""Commands: help, errors and exit status."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recbole_tagnnpp import __version__
from recbole_tagnnpp.cli import COMMANDS, main, run_command
from recbole_tagnnpp.files import atomic_folder
from tests.conftest import REPOSITORY
from tests.integration.tiny_dataset import write_tiny_log


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["--help"], ["train", "--help"], ["prepare", "--help"]):
        assert main(arguments) == 0
        assert "usage:" in capsys.readouterr().out
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == __version__


def test_help_does_not_import_torch() -> None:
    code = (
        "import sys; from recbole_tagnnpp.cli import main; main(['train', '--help']); main(['trian']); "
        "main(['train', 'x']); sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "--dataset=demo", "--epoch=3"],
        ["train", "--dataset=demo", "--epochs=0"],
        ["train", "--dataset=demo", "--model=SRGN"],
        ["train", "--dataset=demo", "--model=FPMC"],
        ["train", "--dataset=demo", "--preset=best"],
        ["prepare", "--dataset=mine", "--source=x"],
        ["recommend", "--items=3"],
    ],
)
def test_mistakes_show_before_torch_loads(arguments: list[str]) -> None:
    code = (
        "import sys; from recbole_tagnnpp.cli import main; "
        f"sys.exit(9 if main({arguments}) != 2 else 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_help_for_a_reader_who_has_gone() -> None:
    command = f"{sys.executable} -u -m recbole_tagnnpp --help | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=REPOSITORY, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "'trian': no such command; did you mean train?"),
        (["xyz"], "'xyz': no such command; there are train, prepare"),
        (["train"], "no dataset given"),
        (["train", "demo"], "argument 'demo': arguments are written --key=value"),
        (
            ["train", "--dataset=nowhere"],
            "dataset=nowhere: nothing to train on in dataset/nowhere; put there nowhere.csv",
        ),
        (["train", "--dataset=diginetica"], "put there train-item-views.csv"),
        (["train", "--dataset=a/b"], "dataset='a/b': allowed are"),
        (["train", "--dataset=demo", "--epochs=none"], "--epochs='none': allowed is"),
        (["train", "--dataset=demo", "--config_files=no.yaml"], "no.yaml: no such file"),
        (["prepare"], "prepare needs --dataset=..."),
        (["prepare", "--dataset=demo", "--source=~nobody-known/x"], "~nobody-known/x: no such file or folder"),
        (["prepare", "--dataset=demo", "--source="], "argument '--source=': has nothing behind the ="),
        (["train", "--dataset=01"], "dataset=01: nothing to train on in dataset/01"),
        (
            ["train", "--dataset=demo", "--test_day=3"],
            "--test_day: unknown key; did you mean preparation={test_days: ...}?",
        ),
        (
            ["train", "--dataset=demo", "--test_days=3"],
            "--test_days: a rule of the preparation; write preparation={test_days",
        ),
        (["train", "--dataset=demo", "--seed=\udcff"], "not UTF-8 text"),
        (
            ["prepare", "--dataset=demo", "--output=nowhere"],
            "prepare needs --source=..., as no raw source lies in nowhere/demo",
        ),
        (["train", "--dataset=demo", "--model="], "--model=None: allowed is the name of a model"),
        (["tune", "--dataset=demo", "--model=7"], "--model=7: allowed is the name of a model"),
        (["report", "--output=/dev/null"], "output=/dev/null: files cannot be written there"),
        (["prepare", "--dataset=demo", "--source=gone.inter"], "gone.inter: no such file or folder"),
        (["prepare", "--dataset=demo", "--source=x", "--epochs=3"], "--epochs: unknown argument of prepare"),
        (
            ["prepare", "--dataset=mine", "--source=x"],
            'dataset=mine: no rules to prepare it by; give some, as --preparation="{test_days: 7}"',
        ),
    ],
)
def test_wrong_commands_give_one_line_and_status_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    errors = capsys.readouterr().err.strip().splitlines()
    assert len(errors) == 1
    assert errors[0].startswith("error: ")
    assert message in errors[0]


def test_what_does_not_resume_is_not_promised_to_continue(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(settings: dict) -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(COMMANDS, "train", (interrupted, ""))
    assert run_command("train", ["--dataset=demo", "--resume=False"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize(
    ("problem", "status", "line"),
    [
        (KeyboardInterrupt(), 130, "interrupted; give the same command again to continue"),
        (OSError(28, "No space left on device"), 2, "error: No space left on device"),
        (PermissionError(13, "Permission denied", "saved"), 2, "error: saved: Permission denied"),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:1] . DefaultCPUAllocator: can't allocate 9 bytes"),
            2,
            "error: more memory is needed than there is; smaller sizes or batches need less (can't allocate 9 bytes)",
        ),
    ],
)
def test_interruption_and_full_disk(
    problem: BaseException, status: int, line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(settings: dict) -> None:
        raise problem

    monkeypatch.setitem(COMMANDS, "train", (fail, ""))
    assert run_command("train", ["--dataset=demo"]) == status
    assert capsys.readouterr().err.strip() == line


def test_sigterm_removes_temporary_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def terminated(settings: dict) -> None:
        with atomic_folder(tmp_path / "d", last="m") as folder:
            (folder / "m").write_text("half")
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(10)

    before = signal.getsignal(signal.SIGTERM)
    for command, line in (("train", "terminated; give the same command again to continue"), ("prepare", "terminated")):
        monkeypatch.setitem(COMMANDS, command, (terminated, ""))
        assert run_command(command, ["--dataset=demo"]) == 143
        assert capsys.readouterr().err.strip() == line
        assert not list((tmp_path / "d").iterdir())
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("bug", [ZeroDivisionError, RuntimeError])
def test_bugs_keep_their_traceback(monkeypatch: pytest.MonkeyPatch, bug: type[Exception]) -> None:
    def fail(settings: dict) -> None:
        raise bug

    monkeypatch.setitem(COMMANDS, "train", (fail, ""))
    with pytest.raises(bug):
        run_command("train", ["--dataset=demo"])


def test_prepare_prints_table_three(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = write_tiny_log(tmp_path / "raw")
    source = tmp_path / "raw" / "tiny" / "tiny.inter"
    assert main(["prepare", "--dataset=tiny", f"--source={source}", f"--config_files={rules}", "--output=out"]) == 0
    printed = capsys.readouterr().out
    assert "tiny, prepared from tiny.inter" in printed
    assert "train sequences" in printed
    manifest = json.loads((tmp_path / "out" / "tiny" / "tiny.manifest.json").read_text())
    assert re.search(rf"validation among them .* {manifest['counts']['valid_sequences']} ", printed)
    assert "Table III" not in printed  # nobody has published one of this dataset
    assert main(["prepare", "--dataset=tiny", f"--config_files={rules}", "--output=raw"]) == 0  # the source lies there
    assert capsys.readouterr().out == printed
    assert (
        main(["prepare", "--dataset=tiny", f"--config_files={rules}", "--output=out"]) == 2
    )  # what was prepared is no source
    assert (tmp_path / "out" / "tiny" / "tiny.manifest.json").is_file()
