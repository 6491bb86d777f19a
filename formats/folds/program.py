"""What a process computes: the folds that its spawn names, in order, and how often they run.

HyperBEAM's keys: ``execution-device`` names one fold, or ``stack@1.0`` with ``device-stack``, a
list of them; ``passes`` says how often a stack is run for each slot, where ``multipass@1.0`` is in
it. Every slot goes through the stack like this:

==========  ====================================================
verdict     goes on with
==========  ====================================================
``ok``      the next fold; behind the last one, the next slot
``skip``    the next slot
``pass``    the first fold, in the next pass
a failure   the next slot, with the state as it was before this one
==========  ====================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from seriatim.formats.errors import LimitExceededError, MalformedError
from seriatim.formats.folds.fold import Outcome, Step, Verdict
from seriatim.formats.limits import PASSES_MAX, STACK_FOLDS_MAX
from seriatim.formats.message import Value

STACK: Final = "stack@1.0"
MULTIPASS: Final = "multipass@1.0"

_EXECUTION: Final = "execution-device"
_STACK: Final = "device-stack"
_PASSES: Final = "passes"
_DIGITS_MAX: Final = 9


class Program(NamedTuple):
    """What is run for each slot.

    Attributes:
        folds: names, at least one, in order.
        passes: what ``multipass@1.0`` waits for.
        is_stack: whether the spawn says ``stack@1.0``, of one fold or several.
    """

    folds: tuple[str, ...]
    passes: int = 1
    is_stack: bool = False


class Cursor(NamedTuple):
    """Where in a slot a program is: pass and place in the stack, from 1 and from 0."""

    number: int = 1
    place: int = 0

    def after(self, verdict: Verdict, program: Program) -> Cursor | None:
        """Return what is run behind *verdict*; ``None`` where the slot is done.

        Raises:
            LimitExceededError: a pass after ``PASSES_MAX``.
        """
        if verdict is Verdict.PASS:
            if self.number >= PASSES_MAX:
                raise LimitExceededError("passes", given=self.number + 1, maximum=PASSES_MAX)
            return Cursor(self.number + 1, 0)
        if verdict is Verdict.SKIP or self.place + 1 == len(program.folds):
            return None
        return Cursor(self.number, self.place + 1)


def read_program(fields: Mapping[str, Value]) -> Program | None:
    """Return what the process that a spawn with *fields* starts computes, if anything.

    Raises:
        MalformedError: a stack without folds, or one that is no list (``bad_stack``); passes that
            are no number above 0 (``bad_passes``).
        LimitExceededError: over ``STACK_FOLDS_MAX`` folds or ``PASSES_MAX`` passes.
    """
    said = {key.lower(): value for key, value in fields.items()}
    named = said.get(_EXECUTION)
    if not isinstance(named, str):
        return None
    is_stack = named.lower() == STACK
    folds = _read_stack(said.get(_STACK)) if is_stack else (named,)
    if len(folds) > STACK_FOLDS_MAX:
        raise LimitExceededError("folds of a stack", given=len(folds), maximum=STACK_FOLDS_MAX)
    names = tuple(name.lower() for name in folds)
    return Program(names, _read_passes(said.get(_PASSES, 1)), is_stack)


class Multipass:
    """``multipass@1.0``: has the stack run again until as many passes were made as wanted."""

    name = MULTIPASS

    def __init__(self, passes: int) -> None:
        """Wait for *passes*, 1 or more."""
        self._passes = passes

    def init(self, spawn: Step) -> None:
        """See `Fold.init`: it keeps nothing."""
        del spawn

    def apply(self, state: object, step: Step) -> Outcome:
        """See `Fold.apply`."""
        return Outcome(state, verdict=Verdict.PASS if step.number < self._passes else Verdict.OK)


def _read_stack(value: Value | None) -> tuple[str, ...]:
    """Return the names in *value*: a list, text with commas, or a map from 1 on."""
    if isinstance(value, str):
        value = tuple(part.strip(' "') for part in value.split(",") if part.strip())
    elif isinstance(value, Mapping):
        value = tuple(value[key] for key in sorted(value, key=_position))
    if not isinstance(value, tuple) or not value or not all(isinstance(v, str) for v in value):
        raise MalformedError(f"{_STACK} is a list of folds: a@1.0, b@1.0", code="bad_stack")
    return tuple(str(each) for each in value)


def _position(key: str) -> tuple[int, str]:
    return (int(key), "") if key.isdecimal() and len(key) <= _DIGITS_MAX else (0, key)


def _read_passes(value: Value) -> int:
    digits = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not digits.isdecimal() or len(digits) > _DIGITS_MAX or not int(digits):
        raise MalformedError(f"{_PASSES} is a number above 0", code="bad_passes")
    if int(digits) > PASSES_MAX:
        raise LimitExceededError(_PASSES, given=int(digits), maximum=PASSES_MAX)
    return int(digits)
