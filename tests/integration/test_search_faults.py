"""Accidents on a two-node Ray cluster: workers killed, out of memory, NaN, full disk; nodes and the driver killed.

One search goes through all of them; the tests look at what it left.
"""

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.integration.faulty_search import ACCIDENTS, KILLED_ONCE, QUIET, SLOW
from tests.integration.ray_nodes import Cluster
from tests.integration.tiny_dataset import settings, write_tiny_log

pytest.importorskip("ray")
pytestmark = pytest.mark.cluster
LIMIT = 600.0  # seconds; a quiet machine needs a tenth


def wait_for(condition: Any, driver: subprocess.Popen) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert driver.poll() is None, driver.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)


class Scenario:
    """The search, interrupted half way, and what was on disk then and in the end."""

    def __init__(self, root: Path, cluster: Cluster) -> None:
        self.root, self.cluster = root, cluster
        write_tiny_log(root / "dataset", n_sessions=90)
        values = [*ACCIDENTS.values(), QUIET, *SLOW]
        (root / "hyper.test").write_text(f"label_smoothing choice {values}\n")
        given = settings(root, epochs=3, output=str(root / "search"), algorithm="exhaustive", name="faulty", retries=1)
        given["target_attention_backend"] = "reference"  # workers need no Numba
        self.arguments = ["--dataset=tiny", "--config_files=dataset/tiny.yaml", "--params_file=hyper.test"]
        self.arguments += [f"--{key}={value}" for key, value in given.items()]
        self.state = root / "saved" / "search" / "tiny" / "faulty"
        self.output = self.output_without_head = self.first_address = ""
        self.status_without_head = 0
        self.record: dict[str, Any] = {}
        self.moved, self.stayed = SLOW
        self.epochs_before_restart = 0
        self.finished_before_restart: dict[float, Any] = {}

    def start(self, *more: str, others: Sequence[list[str]] = ()) -> subprocess.Popen:
        faulty = [*self.arguments, f"--address={self.cluster.address}", *more]
        code = f"import sys; from tests.integration.faulty_search import main; sys.exit(main({faulty}, {list(others)}))"
        return subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=self.root, env=self.cluster.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def other_searches(self) -> list[list[str]]:
        """ASHA with suggestions of hyperopt, and population based training."""
        (self.root / "other.test").write_text("learning_rate loguniform -7,-3\nweight_decay choice [0.0, 0.0001]\n")
        ours = [a for a in self.arguments if not a.startswith(("--params", "--algorithm", "--name", "--learning_rate"))]
        ours += ["--params_file=other.test", f"--address={self.cluster.address}", "--final=False"]
        asha = ["--name=asha", "--algorithm=bayes", "--scheduler=asha", "--trials=3", "--workers=1"]
        return [[*ours, *asha], [*ours, "--name=pbt", "--scheduler=pbt", "--trials=2", "--perturbation_epochs=2"]]

    def trials(self) -> dict[float, dict[str, Any]]:
        found = [json.loads(file.read_text()) for file in (self.state / "trials").glob("*.json")]
        return {trial["setting"]["label_smoothing"]: trial for trial in found}

    def run(self) -> None:
        cluster = self.cluster
        cluster.start((1, 1))
        driver = self.start()
        try:
            self.lose_a_node(driver)
            self.first_address = cluster.address
            cluster.kill_node(0)
            self.output_without_head, _ = driver.communicate(timeout=LIMIT)
            self.status_without_head = driver.returncode
            cluster.kill()
            self.finished_before_restart = {k: v for k, v in self.trials().items() if v["status"] == "finished"}
            self.epochs_before_restart = len(self.epochs())
            cluster.start((2,))
            driver = self.start("--resume", "--workers=1")
            wait_for(lambda: self.times_in_second_epoch(self.moved) == 3 and len(self.ended()) == 7, driver)
            driver.kill()
            driver.communicate()
            driver = self.start("--workers=1", others=self.other_searches())
            wait_for(lambda: self.times_in_second_epoch(self.moved) == 4, driver)
            self.hurry(self.moved)
            self.output, _ = driver.communicate(timeout=LIMIT)
        finally:
            driver.kill()
        assert driver.returncode == 0, self.output
        self.record = json.loads((self.root / "search" / "tiny" / "faulty" / "search.json").read_text())

    def lose_a_node(self, driver: subprocess.Popen) -> None:
        """The second node dies while the slow trials have one node each; trials that died before may still wait for them.

        The files of the sessions are out of reach meanwhile: a trial that reads one fails.
        """
        wait_for((self.state / "epochs.txt").exists, driver)
        sessions, away = self.root / "dataset" / "tiny", self.root / "away"
        sessions.rename(away)
        wait_for(lambda: all(map(self.times_in_second_epoch, SLOW)), driver)
        self.cluster.kill_node(1)
        wait_for(lambda: len(self.moving()) == 1, driver)
        (self.moved,) = self.moving()
        (self.stayed,) = {*SLOW} - {self.moved}
        self.hurry(self.stayed)
        wait_for(lambda: self.times_in_second_epoch(self.moved) == 2, driver)
        away.rename(sessions)

    def moving(self) -> list[float]:
        return [accident for accident, trial in self.trials().items() if accident in SLOW and trial["interruptions"]]

    def hurry(self, accident: float) -> None:
        (self.state / f"hurry {accident}").touch()

    def times_in_second_epoch(self, accident: float) -> int:
        """How often a trial, which must not fail, has come there."""
        known = self.trials().get(accident, {"status": "waiting"})
        assert known["status"] != "failed", known["problem"]
        return self.epochs().count((accident, 1))

    def ended(self) -> list[dict[str, Any]]:
        return [trial for trial in self.trials().values() if trial["status"] in ("finished", "failed")]

    def epochs(self) -> list[tuple[float, int]]:
        lines = (self.state / "epochs.txt").read_text().split("\n")[:-1]
        return [(float(line.split()[0]), int(line.split()[1])) for line in lines]


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    cluster = Cluster()
    try:
        found = Scenario(tmp_path_factory.mktemp("faults"), cluster)
        found.run()
        yield found
    finally:
        cluster.kill()
        subprocess.run(["rm", "-rf", cluster.folder], check=False)


def trial(scenario: Scenario, accident: float) -> dict[str, Any]:
    (found,) = (t for t in scenario.record["trials"] if t["setting"]["label_smoothing"] == accident)
    return found


def test_the_search_ends_and_tests_the_best(scenario: Scenario) -> None:
    statuses = {t["setting"]["label_smoothing"]: t["status"] for t in scenario.record["trials"]}
    good = {KILLED_ONCE, QUIET, *SLOW}
    assert statuses == {a: "finished" if a in good else "failed" for a in [*ACCIDENTS.values(), QUIET, *SLOW]}
    assert scenario.record["best"]["setting"]["label_smoothing"] in good
    final = json.loads(Path(scenario.root, scenario.record["final_record"]).read_text())
    assert final["valid_result"] == scenario.record["best"]["valid_result"]


def test_a_killed_worker_costs_one_epoch_and_changes_no_bit(scenario: Scenario, tmp_path: Path) -> None:
    from recbole_tagnnpp.config.session_config import SessionConfig
    from recbole_tagnnpp.data.session_dataset import SessionDataset
    from recbole_tagnnpp.experiment.fitting import fit_model

    found = trial(scenario, KILLED_ONCE)
    assert found["interruptions"] == ["its process died (killed, out of memory, or its node is gone)"]
    trained = [epoch for accident, epoch in scenario.epochs() if accident == KILLED_ONCE]
    assert trained == [0, 1, 1, 2]
    config = SessionConfig(
        "TAGNNPP", "tiny", [scenario.root / "dataset" / "tiny.yaml"],
        settings(scenario.root, epochs=3, label_smoothing=KILLED_ONCE, target_attention_backend="reference"),
    )  # fmt: skip
    dataset = SessionDataset(config)
    calm = fit_model(config, dataset, tmp_path, dataset.validation)
    assert [entry["train_loss"] for entry in found["history"]] == [entry["train_loss"] for entry in calm.history]


def test_a_lost_node_moves_its_trial_and_no_other(scenario: Scenario) -> None:
    moved, stayed = trial(scenario, scenario.moved), trial(scenario, scenario.stayed)
    assert moved["interruptions"] == ["its process died (killed, out of memory, or its node is gone)"]
    assert stayed["interruptions"] == []
    before = scenario.epochs()[: scenario.epochs_before_restart]
    assert [epoch for accident, epoch in before if accident == scenario.moved] == [0, 1, 1]  # from its checkpoint
    assert [epoch for accident, epoch in before if accident == scenario.stayed] == [0, 1, 2]


def test_a_lost_head_ends_the_driver_with_one_line(scenario: Scenario) -> None:
    lines = scenario.output_without_head.splitlines()
    assert scenario.status_without_head == 2, lines
    assert lines[-1].startswith(f"error: --address={scenario.first_address}: the head node is gone")
    assert lines[-1].endswith("give the same command again to continue")
    assert [line for line in lines if "error:" in line] == lines[-1:]
    assert "Traceback" not in scenario.output_without_head


def test_new_drivers_and_a_new_head_lose_no_finished_trial(scenario: Scenario) -> None:
    finished = scenario.finished_before_restart.keys()
    assert finished >= {QUIET, scenario.stayed}
    for accident, before in scenario.finished_before_restart.items():
        assert trial(scenario, accident) == before  # also the seconds: it was not trained again
    after = scenario.epochs()[scenario.epochs_before_restart :]
    assert finished.isdisjoint(accident for accident, _ in after)
    assert [epoch for accident, epoch in after if accident == scenario.moved] == [1, 1, 2]  # from its checkpoint


@pytest.mark.parametrize(
    ("accident", "words"),
    [
        ("exits", "its process died (killed, out of memory, or its node is gone)"),
        ("memory", "DefaultCPUAllocator: can't allocate memory: you tried to allocate 40000000000000000 bytes"),
        ("nan", "training loss is "),
        ("disk", "OSError: [Errno 28] No space left on device"),
    ],
)
def test_the_report_names_what_failed(scenario: Scenario, accident: str, words: str) -> None:
    found = trial(scenario, ACCIDENTS[accident])
    assert words in found["problem"]
    assert scenario.record["failed"][found["key"]] == found["problem"]
    assert f"failed: trial {found['key']}: {found['problem']}" in scenario.output
    assert found["problem"] in (scenario.root / "search" / "tiny" / "faulty" / "trials.md").read_text()


def test_only_a_death_is_tried_again(scenario: Scenario) -> None:
    for accident in ("memory", "nan", "disk"):
        assert trial(scenario, ACCIDENTS[accident])["interruptions"] == []
        assert [a for a, epoch in scenario.epochs() if (a, epoch) == (ACCIDENTS[accident], 0)] == [ACCIDENTS[accident]]
    assert len(trial(scenario, ACCIDENTS["exits"])["interruptions"]) == 1


def test_nothing_is_left_over(scenario: Scenario) -> None:
    assert not list(scenario.state.glob("work/*"))


@pytest.mark.parametrize(("name", "n_trials"), [("asha", 3), ("pbt", 2)])
def test_schedulers(scenario: Scenario, name: str, n_trials: int) -> None:
    record = json.loads((scenario.root / "search" / "tiny" / name / "search.json").read_text())
    assert record["failed"] == {}
    assert len(record["trials"]) == n_trials
    assert record["best"]["score"] == max(e["score"] for trial in record["trials"] for e in trial["history"])
    lengths = [(trial["status"], len(trial["history"])) for trial in record["trials"]]
    if name == "asha":
        assert ("finished", 3) in lengths
        assert any(status == "stopped" and n_epochs < 3 for status, n_epochs in lengths)
    assert all(n_epochs <= 3 for _, n_epochs in lengths)


def test_a_wrong_token_gives_one_line(scenario: Scenario) -> None:
    code = (
        "from recbole_tagnnpp.experiment.ray_cluster import connected\n"
        "from recbole_tagnnpp.errors import UserError\n"
        "try:\n"
        f"    with connected('{scenario.cluster.address}', 1, 1): pass\n"
        "except UserError as problem: print(problem)\n"
    )
    environment = {**scenario.cluster.environment, "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=LIMIT)
    assert done.stdout.startswith(f"--address={scenario.cluster.address}: Ray does not answer")
    assert len(done.stdout.splitlines()) == 1
