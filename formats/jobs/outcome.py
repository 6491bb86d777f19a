"""How an attempt of a job has ended, and the words for it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Ending(StrEnum):
    """How an attempt has ended: stable words, which clients may match on."""

    SUCCESS = ""
    """A command has exited with 0; a function has returned what JSON can carry."""
    EXIT = "exit"
    """A command has exited with another status."""
    SIGNAL = "signal"
    """A command was ended by a signal, and not one of ours."""
    TIMEOUT = "timeout"
    """It has taken longer than it may."""
    CANCELLED = "cancelled"
    """It was asked to stop."""
    CPU = "cpu"
    """It has used more processor time than it may."""
    MEMORY = "memory"
    """It has used more memory than it may."""
    PROCESSES = "processes"
    """It has started more OS processes than it may have."""
    NOT_FOUND = "not_found"
    """There is no such program."""
    NOT_STARTED = "not_started"
    """The system did not start it: the folder is not there, the program is not executable, …"""
    IMPORT_FAILED = "import_failed"
    """The function's module raises when it is imported, or has no such function."""
    BAD_ARGUMENTS = "bad_args"
    """The function does not take the job's arguments."""
    RAISED = "raised"
    """The function has raised."""
    BAD_RESULT = "bad_result"
    """The function has returned what JSON cannot carry, or too much."""
    NO_ANSWER = "no_answer"
    """The function has ended its OS process, with status 0 or by ``sys.exit``, and said nothing."""
    CRASHED = "crashed"
    """The function's OS process has died."""


class Usage(NamedTuple):
    """What an attempt has used; 0 where the system does not say.

    Attributes:
        wall_ms: how long it has taken.
        cpu_ms: processor time of all of its OS processes that have ended.
        memory_peak_bytes: the most memory that one of its OS processes had at once; of all of them
            together where they were in a cgroup.
    """

    wall_ms: int = 0
    cpu_ms: int = 0
    memory_peak_bytes: int = 0


class Outcome(NamedTuple):
    """How an attempt has ended.

    Attributes:
        code: how; `Ending.SUCCESS`, which is empty, for success.
        reason: one sentence for people, at most ``REASON_MAX_CHARS`` characters; empty for success.
        result: JSON of what a function has returned, at most ``JOB_RESULT_MAX_BYTES``; else empty.
        exit_code: the status of the job's OS process, where it has exited.
        signal: the number of the signal that has ended it, where one has.
        error_type: the class of what a function has raised, such as ``ValueError``; else empty.
        traceback: of what a function has raised, at most ``JOB_TRACEBACK_MAX_CHARS`` characters.
        usage: what it has used.
        is_crash: whether it has ended without saying why: it was killed, or had no memory left.
        is_final: whether it would end so again.
    """

    code: Ending
    reason: str = ""
    result: bytes = b""
    exit_code: int | None = None
    signal: int | None = None
    error_type: str = ""
    traceback: str = ""
    usage: Usage = Usage()
    is_crash: bool = False
    is_final: bool = False

    @property
    def is_success(self) -> bool:
        """Whether the job has done what it was to do."""
        return self.code is Ending.SUCCESS
