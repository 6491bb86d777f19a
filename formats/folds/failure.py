"""What a node says of a slot that it could not compute: a message of its own, with a slot.

A fold that raises does so again, whoever computes the process anew: that is its slot's result, and
nothing else. One that does not end, or takes its OS process with it, may do otherwise the next
time. So what became of it is said in the log, once, and holds for everybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from seriatim.formats.codecs.cbor import CborCodec
from seriatim.formats.errors import RefusedError
from seriatim.formats.folds.run import Result
from seriatim.formats.message import Value
from seriatim.formats.schedule.record import Kind, Record
from seriatim.formats.schedule.submission import Submission

NEVER_ENDS: Final = frozenset({"fold_deadline", "fold_died"})
"""The codes of what a second run may do otherwise."""

FAILURE_TYPE: Final = "Fold-Failure"
"""The ``type`` of such a message; nobody else may send an unsigned one with it."""

_CBOR: Final = CborCodec()


class Failure(NamedTuple):
    """A slot that was not computed, and never will be.

    Attributes:
        slot: the slot.
        fold: which fold it was.
        number: in which pass, from 1.
        code: how it failed.
        reason: a sentence on it.
    """

    slot: int
    fold: str
    number: int
    code: str
    reason: str

    @property
    def fields(self) -> Mapping[str, Value]:
        """The message that says so."""
        return {
            "type": FAILURE_TYPE,
            "slot": self.slot,
            "fold": self.fold,
            "pass": self.number,
            "code": self.code,
            "reason": self.reason,
        }

    @property
    def result(self) -> Result:
        """What becomes of the slot."""
        return Result(b"", code=self.code, reason=self.reason)


def read_failure(fields: Mapping[str, Value]) -> Failure | None:
    """Return what a message with *fields*, which nobody has signed, says; ``None`` for others."""
    if fields.get("type") != FAILURE_TYPE:
        return None
    slot, fold, number, code, reason = (
        fields.get(name) for name in ("slot", "fold", "pass", "code", "reason")
    )
    if not isinstance(slot, int) or not isinstance(number, int):
        return None
    return Failure(slot, str(fold), number, str(code), str(reason))


def find_failure(record: Record) -> Failure | None:
    """Return what *record* says, where a node has said it of a slot; ``None`` for others."""
    if record.kind is not Kind.UNSIGNED or FAILURE_TYPE.encode() not in record.message:
        return None
    return read_failure(_CBOR.decode(record.message).fields)


def is_failure(record: Record) -> bool:
    """Tell whether *record* is the node's own word on another slot: it is for no fold."""
    return find_failure(record) is not None


def check_is_no_failure(submission: Submission) -> None:
    """Return when *submission*, which nobody has signed, is not what only a node says itself.

    Raises:
        RefusedError: it is; code ``reserved_type``.
    """
    if submission.kind is not Kind.UNSIGNED or FAILURE_TYPE.encode() not in submission.message:
        return
    if _CBOR.decode(submission.message).fields.get("type") == FAILURE_TYPE:
        raise RefusedError(
            f"messages of type {FAILURE_TYPE} are the node's own; use another type",
            code="reserved_type",
        )
