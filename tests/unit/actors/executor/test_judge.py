"""What an end means, case by case."""

from __future__ import annotations

import errno
import signal

import pytest

from seriatim.actors.executor.cgroup import CgroupUse
from seriatim.actors.executor.judge import judge_answer, judge_death, judge_end, judge_start
from seriatim.actors.executor.kept import Ended, NotStarted
from seriatim.actors.executor.watchdog import Cause
from seriatim.formats.jobs.limits import Limits
from seriatim.formats.jobs.outcome import Ending, Usage

LIMITS = Limits(cpu_ms=1_000, memory_bytes=1 << 20)
TIMEOUT = Cause(Ending.TIMEOUT, "it has taken too long")


def exited(code: int) -> int:
    return code << 8


@pytest.mark.parametrize(
    ("status", "code", "is_crash"),
    [
        (exited(0), Ending.SUCCESS, False),
        (exited(1), Ending.EXIT, False),
        (exited(128 + signal.SIGXCPU), Ending.CPU, False),
        (int(signal.SIGXCPU), Ending.CPU, False),
        (int(signal.SIGKILL), Ending.CPU, False),
        (int(signal.SIGTERM), Ending.SIGNAL, True),
        (int(signal.SIGSEGV), Ending.SIGNAL, True),
        (None, Ending.CRASHED, True),
    ],
)
def test_the_end_of_a_command(status: int | None, code: Ending, is_crash: bool) -> None:
    outcome = judge_end(Ended(status, 1_500, 4_096), None, LIMITS, CgroupUse(), 2_000)
    assert (outcome.code, outcome.is_crash) == (code, is_crash)
    assert bool(outcome.reason) != outcome.is_success
    assert outcome.usage == Usage(2_000, 1_500, 4_096)


def test_who_is_killed_before_its_processor_time_is_over_was_killed_by_another() -> None:
    ended = Ended(int(signal.SIGKILL), 999, 0)
    assert judge_end(ended, None, LIMITS, CgroupUse(), 1).code is Ending.SIGNAL
    assert judge_end(ended, None, Limits(), CgroupUse(), 1).code is Ending.SIGNAL


@pytest.mark.parametrize("status", [exited(0), exited(1), int(signal.SIGKILL), None])
def test_what_was_ended_has_the_reason_that_there_was(status: int | None) -> None:
    ended = Ended(status)
    outcomes = [
        judge_end(ended, TIMEOUT, LIMITS, CgroupUse(is_out_of_memory=True), 1),
        judge_death(ended, TIMEOUT, LIMITS, 1),
        judge_answer(
            {"code": "", "result": b"1", "cpu_ms": 0, "memory_peak_bytes": 0}, TIMEOUT, LIMITS, 1
        ),
    ]
    for outcome in outcomes:
        assert (outcome.code, outcome.reason) == TIMEOUT
        assert outcome.result == b""
        assert not outcome.is_crash


def test_a_memory_error_without_a_limit_is_what_the_function_has_raised() -> None:
    answer = {"code": "memory", "error_type": "MemoryError", "cpu_ms": 0, "memory_peak_bytes": 0}
    assert judge_answer(answer, None, LIMITS, 1).code is Ending.MEMORY
    assert judge_answer(answer, None, Limits(), 1).code is Ending.RAISED


@pytest.mark.parametrize("answer", [{}, {"code": "none"}, {"code": ""}])
def test_what_is_no_answer_is_not_judged(answer: dict[str, str]) -> None:
    with pytest.raises((KeyError, ValueError)):
        judge_answer(answer, None, LIMITS, 1)


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (NotStarted("exec", errno.ENOENT), Ending.NOT_FOUND),
        (NotStarted("exec", errno.EACCES), Ending.NOT_STARTED),
        (NotStarted("cwd", errno.ENOENT), Ending.NOT_STARTED),
        (NotStarted("fork", errno.EAGAIN), Ending.NOT_STARTED),
        (NotStarted("limits", 0), Ending.NOT_STARTED),
    ],
)
def test_what_was_not_started_says_why(failure: NotStarted, code: Ending) -> None:
    outcome = judge_start(failure, "program", "folder")
    assert outcome.code is code
    assert outcome.reason
