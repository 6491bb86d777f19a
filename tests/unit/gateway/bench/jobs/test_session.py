"""The whole way with OS processes: a toy queue that is right is measured, each fault is told."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from seriatim.formats.errors import UnavailableError
from seriatim.gateway.bench.jobs import measure
from seriatim.gateway.bench.jobs.contender import Contender
from seriatim.gateway.bench.jobs.report import Outcome
from seriatim.gateway.bench.jobs.run import measure_all
from seriatim.gateway.bench.jobs.running import running, wait_until
from seriatim.gateway.bench.jobs.session import JOBS_LOST, in_session
from seriatim.gateway.bench.jobs.signals import noting_signals
from tests.support.toy_queue import LOST, toy_contender

SECONDS = 0.1


def nothing(what: str) -> None:
    del what


class ToyServer:
    """A server that is there, or not; it notes what it has been through."""

    name = "toy"

    def __init__(self, missing: str | None = None) -> None:
        self._missing = missing
        self.seen: list[str] = []

    def missing(self) -> str | None:
        return self._missing

    @contextmanager
    def serving(self, folder: Path) -> Iterator[str]:
        assert list(folder.iterdir()) == []
        self.seen.append("started")
        try:
            yield "toy://127.0.0.1:1"
        finally:
            self.seen.append("ended")


@pytest.mark.parametrize("alone", [False, True], ids=["two OS processes", "one"])
@pytest.mark.parametrize("callers", [1, 4])
def test_a_run_has_the_moments_of_every_job(tmp_path: Path, callers: int, *, alone: bool) -> None:
    with in_session(toy_contender(alone=alone), tmp_path / "toy") as session:
        runs = [session.run(40, callers=callers) for _ in range(2)]
    for run in runs:
        assert len(run.ran_ns) == len(run.produced.began_ns) == len(run.produced.took_ns) == 40
        assert all(map(int.__lt__, run.produced.began_ns, run.ran_ns))
        assert min(run.produced.took_ns) > 0
        assert run.again == 0
    assert max(runs[0].ran_ns) < min(runs[1].produced.began_ns)


def test_lost_jobs_are_counted(tmp_path: Path) -> None:
    lossy = toy_contender(fault="lose", stalled_s=0.3)
    with (
        in_session(lossy, tmp_path / "toy") as session,
        pytest.raises(UnavailableError, match=f"lost {40 // LOST} of 40 jobs") as caught,
    ):
        session.run(40)
    assert caught.value.code == JOBS_LOST


def test_jobs_that_run_again_are_counted_and_nothing_else_changes(tmp_path: Path) -> None:
    with in_session(toy_contender(fault="again"), tmp_path / "toy") as session:
        run = session.run(40)
    assert len(run.ran_ns) == 40
    assert run.again >= 39  # the run of the last one may be over before its second


def test_a_worker_that_dies_at_its_start_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(
            UnavailableError,
            match="the worker of toy has ended with status 1: there is no such queue",
        ),
        in_session(toy_contender(fault="die"), tmp_path / "toy"),
    ):
        pass


def test_a_worker_that_dies_later_ends_the_wait(tmp_path: Path) -> None:
    with (
        in_session(toy_contender(fault="die later"), tmp_path / "toy") as session,
        pytest.raises(UnavailableError, match="the worker of toy has ended with status 7"),
    ):
        session.run(40)


def test_a_producer_that_dies_says_why(tmp_path: Path) -> None:
    broken = Contender(
        name="broken",
        package="seriatim",
        durability="none",
        producer=(sys.executable, "-c", "raise SystemExit('the queue is full')"),
    )
    with (
        in_session(broken, tmp_path / "broken") as session,
        pytest.raises(UnavailableError, match=r"the producer of broken .* the queue is full"),
    ):
        session.run(1)


def test_a_program_that_is_not_there_is_an_error_of_ours(tmp_path: Path) -> None:
    with (
        pytest.raises(UnavailableError, match="toy cannot be started"),
        running([str(tmp_path / "none")], name="toy", log=tmp_path / "log"),
    ):
        pass


@pytest.mark.slow
def test_a_run_measures_who_is_there_and_names_who_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted faults are reported, and spoil nobody else's figures."""
    monkeypatch.setattr(measure, "WARM_UP_SHARE", 1e9)  # the first warm-up is long enough
    server, absent = ToyServer(), ToyServer("the toy server: apt-get install toy")
    contenders = [
        toy_contender("ours", alone=True, is_ours=True),
        toy_contender("toy", servers=[server]),
        toy_contender("bare", package="no-such-package", servers=[absent]),
        toy_contender("dying", fault="die"),
        toy_contender("lossy", fault="lose", stalled_s=0.3),
    ]
    said: list[str] = []
    report = measure_all(contenders, tmp_path, SECONDS, said.append, rounds=1)
    assert [result.outcome for result in report.results] == [
        Outcome.MEASURED,
        Outcome.MEASURED,
        Outcome.LEFT_OUT,
        Outcome.FAILED,
        Outcome.INCOMPLETE,
    ]
    assert report.results[2].reason == (
        "no-such-package: pip install 'seriatim[bench]'; the toy server: apt-get install toy"
    )
    assert (server.seen, absent.seen) == (["started", "ended"], [])
    assert not report.is_whole
    assert {figure.name.partition(":")[0] for figure in report.figures} == {"ours", "toy"}
    assert all(figure.value > 0 and figure.ceiling > 0 for figure in report.figures)
    plain = report.to_plain()
    assert [each["name"] for each in plain["contenders"]] == [
        *("ours", "toy", "bare", "dying", "lossy")
    ]
    assert said[0] == "round 1 of 1, ceiling: 1 caller"
    assert "round 1 of 1, toy: 50 jobs per second" in said


def test_nobody_to_measure_is_an_error_that_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"toy: left out: none-such: pip install"):
        measure_all([toy_contender(package="none-such")], tmp_path, SECONDS, nothing)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="it looks into /proc")
def test_what_a_child_has_started_ends_with_it(tmp_path: Path) -> None:
    script = "sleep 600 & echo $! >pid.new; mv pid.new pid; trap '' TERM; read -r line; exit 0"
    pid = tmp_path / "pid"
    command = ["/bin/sh", "-c", f"cd '{tmp_path}'; {script}"]
    with running(command, name="sh", log=tmp_path / "log") as child:
        wait_until(pid.exists, needed=(child,), what="its child")
        assert is_alive(int(pid.read_text()))
        child.finish()
    wait_until(lambda: not is_alive(int(pid.read_text())), needed=(), what="its child to end")


@pytest.mark.parametrize(
    ("number", "end"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_a_signal_ends_the_next_wait_and_what_was_started(
    tmp_path: Path, number: int, end: type[BaseException]
) -> None:
    # Whoever has begun the tests in the background has SIGINT ignored, and it would stay so.
    outside = signal.signal(number, signal.default_int_handler)
    children = []
    try:
        with (
            pytest.raises(end),
            noting_signals(),
            running(["/bin/sleep", "600"], name="sleep", log=tmp_path / "log") as child,
        ):
            children.append(child)
            os.kill(os.getpid(), number)
            wait_until(lambda: False, needed=(child,), what="nothing")
        assert children[0]._child.returncode == -signal.SIGTERM
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, outside)
