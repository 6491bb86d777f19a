"""Errors of what is well formed, and not proven."""

from __future__ import annotations

from seriatim.formats.errors.base import SchedulerError


class CommitmentError(SchedulerError):
    """Well formed, but the proof does not hold."""

    code = "bad_commitment"


class BadSignatureError(CommitmentError):
    """The signature is not the owner's signature over these bytes."""

    code = "bad_signature"


class WeakKeyError(CommitmentError):
    """The key is too short or has a dangerous shape."""

    code = "weak_key"


class UnsignedError(CommitmentError):
    """A message without a signature came to a node that takes signed ones only."""

    code = "unsigned"


class ChainBrokenError(CommitmentError):
    """An assignment does not follow from the one before it."""

    code = "chain_broken"

    def __init__(self, *, process: str, slot: int, expected: str, given: str) -> None:
        self.process = process
        self.slot = slot
        self.expected = expected
        self.given = given
        super().__init__(f"process {process}, slot {slot}: expected {expected}, found {given}")


class DivergedError(CommitmentError):
    """What a source serves is not what a follower can append; one of the four below.

    Attributes:
        evidence: the file with the bytes that show it.
    """

    code = "diverged"

    def __init__(
        self, *, process: str, slot: int, expected: str, given: str, evidence: str
    ) -> None:
        self.process = process
        self.slot = slot
        self.expected = expected
        self.given = given
        self.evidence = evidence
        super().__init__(
            f"process {process}, slot {slot}: expected {expected}, the source gives {given}; "
            f"the evidence is in {evidence}"
        )


class GapError(DivergedError):
    """A slot is missing while later ones are there."""

    code = "gap"


class ForkError(DivergedError):
    """A slot has two assignments, both signed by the scheduler: it has given it out twice."""

    code = "fork"


class RewrittenError(DivergedError):
    """A slot that is stored differs at the source, and the scheduler has not signed that."""

    code = "rewritten"


class TamperedError(DivergedError):
    """A new slot does not hold: a signature, the chain, or a field."""

    code = "tampered"
