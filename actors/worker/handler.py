"""How jobs of one type are run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from seriatim.actors.executor.answering import Answer
    from seriatim.actors.queue.commands import Grant


class Place(StrEnum):
    """Where a function runs."""

    LOOP = "loop"
    """On the worker's event loop: a coroutine function."""
    THREAD = "thread"
    """In a thread of the worker: it cannot be stopped, only asked to."""
    PROCESS = "process"
    """In a child, which can be stopped, and bounded."""


class Handler(NamedTuple):
    """What runs jobs of a type.

    Attributes:
        type: their type.
        place: see `Place`.
        call: runs one; returns JSON of what it has made, empty for nothing; raises what it raises.
        is_final: tells whether a job that has raised this would raise it again.
        answer: answers what a function in a child asks while it runs.
        target: where such a function is found: ``module:name``; empty for one that runs elsewhere.
    """

    type: str
    place: Place
    call: Callable[[Grant], Awaitable[bytes] | bytes]
    is_final: Callable[[BaseException], bool]
    answer: Answer
    target: str = ""
