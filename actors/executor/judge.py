"""What an attempt's end means, from how its OS process has ended. Pure."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Mapping
from typing import Any, Final

from seriatim.actors.executor.cgroup import CgroupUse
from seriatim.actors.executor.kept import Ended, NotStarted
from seriatim.actors.executor.watchdog import Cause
from seriatim.formats.jobs.limits import Limits
from seriatim.formats.jobs.outcome import Ending, Outcome, Usage

# What a shell exits with when its last program was ended by SIGXCPU.
_SHELL_SIGNAL: Final = 128


def judge_start(failure: NotStarted, program: str, cwd: str) -> Outcome:
    """Return the outcome of a job that was not started."""
    said = os.strerror(failure.errno) if failure.errno else "the system says no more"
    if failure.step == "exec" and failure.errno == errno.ENOENT:
        reason = f"there is no program {program[:200]!r} that can be run: {said}"
        return Outcome(Ending.NOT_FOUND, reason)
    reasons = {
        "exec": f"the program {program[:200]!r} cannot be run: {said}",
        "cwd": f"the folder {cwd[:200]!r} cannot be gone to: {said}",
        "fork": f"the system lets it have no OS process: {said}",
        "limits": f"the limits cannot be set: {said}",
    }
    return Outcome(Ending.NOT_STARTED, reasons[failure.step])


def no_means(error: OSError) -> Outcome:
    """Return the outcome of a job for which this node has no OS process, pipe or cgroup."""
    return Outcome(Ending.NOT_STARTED, f"this node has no means to start it: {error}")


def judge_end(
    ended: Ended, cause: Cause | None, limits: Limits, cgroup: CgroupUse, wall_ms: int
) -> Outcome:
    """Return the outcome of a command that has run.

    Args:
        ended: how its OS process has ended.
        cause: why it was ended, where we have.
        limits: what it was held to.
        cgroup: what its cgroup says; all zero without one.
        wall_ms: how long it has taken.
    """
    exit_code, by = _status(ended.status)
    peak_bytes = cgroup.memory_peak_bytes or ended.memory_peak_bytes
    outcome = Outcome(
        Ending.SUCCESS,
        exit_code=exit_code,
        signal=by,
        usage=Usage(wall_ms, ended.cpu_ms, peak_bytes),
    )
    if cause is not None:
        return outcome._replace(code=cause.code, reason=cause.reason)
    if exit_code == 0:
        return outcome
    if is_out_of_time(ended, limits):
        return _out_of_time(outcome, limits)
    if cgroup.is_out_of_memory:
        code, reason = Ending.MEMORY, f"it has used the {limits.memory_bytes} bytes it may"
    elif exit_code is not None:
        code, reason = Ending.EXIT, f"it has exited with status {exit_code}"
    elif by is not None:
        code, reason = Ending.SIGNAL, f"it was ended by {signal_name(by)}"
    else:
        code, reason = Ending.CRASHED, "its keeper was killed, and it with that"
    return outcome._replace(code=code, reason=reason, is_crash=code is not Ending.EXIT)


def judge_answer(
    answer: Mapping[str, Any], cause: Cause | None, limits: Limits, wall_ms: int
) -> Outcome:
    """Return the outcome of a function of which its child says *answer* (`function_call.py`).

    Raises:
        KeyError, TypeError, ValueError: it is no such answer.
    """
    outcome = Outcome(
        Ending(answer["code"]),
        str(answer.get("reason", "")),
        bytes(answer.get("result", b"")),
        error_type=str(answer.get("error_type", "")),
        traceback=str(answer.get("traceback", "")),
        usage=Usage(wall_ms, int(answer["cpu_ms"]), int(answer["memory_peak_bytes"])),
        is_final=bool(answer.get("is_final", False)),
    )
    if outcome.code is Ending.MEMORY and limits.memory_bytes is None:
        outcome = outcome._replace(code=Ending.RAISED)
    if cause is not None:
        return outcome._replace(code=cause.code, reason=cause.reason, result=b"")
    return outcome


def judge_death(ended: Ended, cause: Cause | None, limits: Limits, wall_ms: int) -> Outcome:
    """Return the outcome of a function whose child has ended, or was, without an answer."""
    exit_code, by = _status(ended.status)
    outcome = Outcome(
        Ending.CRASHED,
        exit_code=exit_code,
        signal=by,
        usage=Usage(wall_ms, ended.cpu_ms, ended.memory_peak_bytes),
    )
    if cause is not None:
        return outcome._replace(code=cause.code, reason=cause.reason)
    if is_out_of_time(ended, limits):
        return _out_of_time(outcome, limits)
    if exit_code == 0:
        reason = "its OS process has exited with status 0, and without an answer"
        return outcome._replace(code=Ending.NO_ANSWER, reason=reason, is_crash=True)
    if exit_code is not None:
        reason = f"its OS process has exited with status {exit_code}, and without an answer"
    elif by is not None:
        reason = f"its OS process was ended by {signal_name(by)}"
    else:
        reason = "the keeper of its OS process was killed, and it with that"
    return outcome._replace(reason=reason, is_crash=True)


def _out_of_time(outcome: Outcome, limits: Limits) -> Outcome:
    return outcome._replace(
        code=Ending.CPU, reason=f"it has used the {limits.cpu_ms} ms of processor time it may"
    )


def is_out_of_time(ended: Ended, limits: Limits) -> bool:
    """Tell whether a limit of processor time has ended it, or the last program of a shell."""
    if limits.cpu_ms is None or not hasattr(signal, "SIGXCPU"):
        return False
    exit_code, by = _status(ended.status)
    if by == signal.SIGXCPU or exit_code == _SHELL_SIGNAL + signal.SIGXCPU:
        return True
    # It did not heed SIGXCPU: a second later comes the other one.
    return by == signal.SIGKILL and ended.cpu_ms >= limits.cpu_ms


def signal_name(number: int) -> str:
    """Return what people call the signal."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _status(status: int | None) -> tuple[int | None, int | None]:
    """Return the exit code and the signal that *status* stands for: one of them, or none."""
    if status is None:
        return None, None
    code = os.waitstatus_to_exitcode(status)
    return (code, None) if code >= 0 else (None, -code)
