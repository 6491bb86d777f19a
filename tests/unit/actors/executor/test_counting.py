"""How often a keeper counts the OS processes of its job: that is a walk through all of them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from seriatim.actors.executor import keeper

PROCESSES = 10


class Counted(keeper.Job):
    """A job of 20 OS processes that may have 10, on a machine that is as the test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.last = b"100"
        self.threads = 1000
        self.walks = 0
        order = keeper.Order(b"\0".join((b"", b"", b"100", *[b""] * 3, b"10", b"", b"0")))
        super().__init__(1, order, keeper.Link(os.open(os.devnull, os.O_RDWR)), Silent())
        monkeypatch.setattr(keeper, "births", lambda: (self.last, self.threads))
        monkeypatch.setattr(keeper, "family", self.walk)

    def walk(self) -> int:
        self.walks += 1
        return 20


class Silent(keeper.Bell):
    """A bell that no signal rings: those of a test are its own."""

    def __init__(self) -> None:
        self.descriptor = os.open(os.devnull, os.O_RDONLY)


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counted]:
    made = Counted(monkeypatch)
    yield made
    os.close(made.link.descriptor)
    os.close(made.bell.descriptor)


def test_what_the_whole_machine_cannot_have_is_not_counted(job: Counted) -> None:
    job.threads = PROCESSES
    for number in range(5):
        job.last = b"%d" % number
        assert not job.is_over()
    assert job.walks == 0
    job.threads += 1
    assert job.is_over()
    assert job.walks == 1


def test_what_has_been_counted_is_counted_once_more_when_an_os_process_is_new(job: Counted) -> None:
    assert [job.is_over(), job.is_over()] == [True, False]
    assert job.walks == 1
    job.last = b"101"
    assert job.is_over()


def test_where_the_machine_does_not_say_how_it_is_everything_is_counted(job: Counted) -> None:
    """As in gVisor, which says that there is no thread, and that none was ever started."""
    job.last, job.threads = b"0", 0
    assert [job.is_over(), job.is_over()] == [True, True]


def test_the_machine_says_how_many_threads_it_has_and_when_one_is_new() -> None:
    gate = threading.Event()
    before, _ = keeper.births()
    more = [threading.Thread(target=gate.wait) for _ in range(20)]
    for each in more:
        each.start()
    after, threads = keeper.births()
    gate.set()
    for each in more:
        each.join()
    assert threads > len(more)
    assert after != before


def test_what_lies_over_the_file_of_the_kernel_is_not_believed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As with lxcfs: what is said there has been counted some seconds ago."""
    other = tmp_path / "loadavg"
    other.write_text("0.10 0.10 0.10 1/3 77\n")
    monkeypatch.setattr(keeper, "LOADAVG", str(other))
    assert keeper.births() == (b"", 0)
