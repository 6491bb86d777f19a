"""Folds: the pure function by which the assignments of a process become its state.

::

    @fold("tally@1.0", init={"sum": 0})
    def tally(state, step):
        state["sum"] += int(step.fields["amount"])
        return state

A fold gets one slot after the other. It must be a function of what it is given, and of nothing
else: no clock (a step has its time), no randomness, no files, no network. Then the state at any
slot is the same whenever and wherever it is computed, from the first slot or from a snapshot.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple, Protocol, runtime_checkable

from seriatim.formats.errors import MalformedError
from seriatim.formats.message import Value

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}@[0-9a-z]{1,8}(\.[0-9a-z]{1,8}){0,3}")


class Step(NamedTuple):
    """What a fold is given: one slot, in one pass.

    Attributes:
        process: id of the process, 43 characters, as is the other id.
        slot: the slot, from 0; slot 0 is the spawn.
        timestamp_ms: the assignment's timestamp, Unix milliseconds; rises strictly.
        message_id: id of the message.
        fields: what the message says; of a data item its tags in lower case, and ``data``.
        item: the exact bytes of a data item; empty for other messages.
        number: the pass, from 1; see ``program.py``.
    """

    process: str
    slot: int
    timestamp_ms: int
    message_id: str
    fields: Mapping[str, Value]
    item: bytes = b""
    number: int = 1


class Verdict(StrEnum):
    """How a slot goes on behind a fold."""

    OK = "ok"
    """With the next fold of the stack, if there is one."""
    SKIP = "skip"
    """With the next slot: the rest of the stack is left out."""
    PASS = "pass"  # noqa: S105  # no secret: a word of HyperBEAM's
    """With the first fold of the stack, in the next pass."""


class Outcome(NamedTuple):
    """What a fold makes of a step.

    Attributes:
        state: the state behind it: null, truth values, integers of 64 bits, finite floats, text,
            bytes, lists, and maps with keys of text.
        output: what the slot's result says beside the state, of the same kinds.
        verdict: how the slot goes on.
    """

    state: Any
    output: Any = None
    verdict: Verdict = Verdict.OK


@runtime_checkable
class Fold(Protocol):
    """A fold of another package is an object of this shape.

    It is found under the entry point group ``seriatim.folds``; the entry point's name does not
    matter.
    """

    @property
    def name(self) -> str:
        """``name@version``: lower-case letters, digits and hyphens; a new rule is a new version."""

    def init(self, spawn: Step) -> Any:
        """Return the state before slot 0, whose step is *spawn*."""

    def apply(self, state: Any, step: Step) -> Outcome:
        """Return what *step* makes of *state*, which it may change.

        Anything that it raises is the slot's result; the state is then as it was before.
        """


@dataclass(frozen=True, slots=True)
class FunctionFold:
    """A fold that is one function; made by `fold`."""

    name: str
    function: Callable[[Any, Step], Any]
    start: Any

    def init(self, spawn: Step) -> Any:
        """See `Fold.init`."""
        return self.start(spawn) if callable(self.start) else self.start

    def apply(self, state: Any, step: Step) -> Outcome:
        """See `Fold.apply`."""
        made = self.function(state, step)
        return made if isinstance(made, Outcome) else Outcome(made)


def fold(name: str, *, init: Any = None) -> Callable[[Callable[[Any, Step], Any]], FunctionFold]:
    """Make a fold of the function below.

    The function takes state and `Step` and returns the new state, or an `Outcome`.

    Args:
        name: ``name@version``.
        init: the state before slot 0, or a function of the spawn's step that returns it.

    Raises:
        MalformedError: no such name can be; code ``bad_fold_name``.
    """
    check_fold_name(name)

    def decorate(function: Callable[[Any, Step], Any]) -> FunctionFold:
        return FunctionFold(name, function, init)

    return decorate


def check_fold_name(name: str) -> str:
    """Return *name*, which a fold can have.

    Raises:
        MalformedError: it cannot; code ``bad_fold_name``.
    """
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise MalformedError(
            f"{str(name)[:64]!r} is no fold's name; use name@version, as in tally@1.0",
            code="bad_fold_name",
        )
    return name
