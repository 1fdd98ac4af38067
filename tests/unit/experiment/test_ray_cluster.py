"""Watching the head of a cluster; what Ray does when it goes is in the tests of clusters."""

import socket
import threading
from typing import Any

import pytest

from recbole_tagnnpp.experiment import ray_cluster


class Ended(BaseException):
    """Stands in for the end of the process."""


class Head:
    """Answers or not, one look after the other, ten seconds apart; the watch is told to stop after the last."""

    def __init__(self, answers: list[bool]) -> None:
        self.answers = iter(answers)
        self.looks = 0
        self.done = threading.Event()

    def wait(self, _: float) -> bool:
        self.next_answer = next(self.answers, None)
        self.looks += self.next_answer is not None
        return self.next_answer is None

    def connect(self, place: tuple[str, int], timeout: float) -> socket.socket:
        assert place == ("head", 6379)
        if not self.next_answer:
            raise ConnectionRefusedError(111, "Connection refused")
        return socket.socket()


def watch(monkeypatch: pytest.MonkeyPatch, answers: list[bool]) -> Head:
    head = Head(answers)
    monkeypatch.setattr(head.done, "wait", head.wait)
    monkeypatch.setattr(ray_cluster.socket, "create_connection", head.connect)
    monkeypatch.setattr(ray_cluster.time, "monotonic", lambda: 10.0 * head.looks)
    ray_cluster._watch_head(("head", 6379), "--address=head:6379", head.done)
    return head


@pytest.fixture
def statuses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    ended: list[int] = []

    def end(status: int) -> Any:
        ended.append(status)
        raise Ended

    monkeypatch.setattr(ray_cluster.os, "_exit", end)
    return ended


def test_a_head_that_is_gone_ends_the_process_with_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], statuses: list[int]
) -> None:
    with pytest.raises(Ended):
        watch(monkeypatch, [True, False, False, False, False, True])
    assert statuses == [2]
    assert capsys.readouterr().err == (
        "error: --address=head:6379: the head node is gone ([Errno 111] Connection refused); "
        "give the same command again to continue\n"
    )


def test_short_silences_are_forgiven(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], statuses: list[int]
) -> None:
    head = watch(monkeypatch, [True, False, False, False, True] * 3)
    assert (head.looks, statuses) == (15, [])
    assert capsys.readouterr().err == ""
