"""Every error that seriatim raises on purpose.

::

    SchedulerError                  code, retryable: class attributes
    ├── FormatError                 the bytes are wrong; never retry as they are
    │   ├── MalformedError          reason, offset
    │   └── LimitExceededError      limit, given, maximum
    ├── CommitmentError             well formed, but not proven
    │   ├── BadSignatureError
    │   ├── WeakKeyError
    │   ├── UnsignedError           the node takes signed messages only
    │   ├── ChainBrokenError        process, slot, expected, given
    │   └── DivergedError           the same, and evidence: a source cannot be followed
    │       ├── GapError            a slot is missing while later ones are there
    │       ├── ForkError           another assignment, signed by the scheduler too
    │       ├── RewrittenError      a slot is not what it was, and nobody has signed that
    │       └── TamperedError       a signature, the chain or a field does not hold
    ├── RefusedError                proven, but against a rule of the process or the node
    │   ├── ForeignSchedulerError   given, expected
    │   ├── ElsewhereError          process, url, variant: another node gives out its slots
    │   │   └── FollowedError       scheduler: a copy takes no messages
    │   ├── ForwardLoopError        nodes send a request to each other without an end
    │   ├── UnauthorizedError       for the node's operator only
    │   ├── OutboundError           a URL leads where the operator allows nobody to lead us
    │   └── WrongMethodError        method, allowed
    ├── ConflictError               valid, but lost a race; read again, then retry
    │   └── SlotConflictError       process, expected, given
    ├── NotFoundError               no such process, slot or message
    ├── UnsupportedError            understood, but not something this node does
    │   ├── DisabledError           the operator lets this node place no messages
    │   ├── UnsupportedSchemeError  signed in a way that is not read here
    │   └── NotVerifiableError      a page from which what it says cannot be proven
    ├── FoldError                   somebody's fold fails; code says how
    ├── UnavailableError            not now; retry after a delay
    │   ├── OverloadedError         queue, retry_after_ms
    │   ├── StoppingError
    │   ├── DeadlineExceededError   deadline_ms; the outcome is unknown, a retry is safe
    │   ├── NotUploadedError        process, slot: on disk, and not at the bundler yet
    │   ├── ActorDeadError          the actor stopped before it answered
    │   ├── ChildFailedError        kind, code: a child refused or failed a batch
    │   └── ChildDiedError          status; the outcome is unknown, a retry is safe
    └── StoreError                  the data folder cannot be used as it is
        ├── StoreLockedError        pid, url
        ├── StoreVersionError       found, supported
        └── CorruptRecordError      process, slot

``code`` is a stable string that clients may match on; the sentence is for people and says what
to do. HTTP statuses live in ``gateway/problems.py``, nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class SchedulerError(Exception):
    """Root of the tree; never raised itself."""

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False


class FormatError(SchedulerError):
    """Bytes that cannot be read as what they claim to be."""

    code = "malformed"


class MalformedError(FormatError):
    """A rule of the encoding is broken.

    Attributes:
        code: which rule, for example ``truncated`` or ``non_canonical_tags``.
        offset: byte position of the fault where one is known, else ``None``.
    """

    def __init__(self, reason: str, *, code: str = "malformed", offset: int | None = None) -> None:
        self.code = code  # type: ignore[misc]  # a narrower code than the class's own
        self.reason = reason
        self.offset = offset
        super().__init__(reason if offset is None else f"{reason} (at byte {offset})")


class LimitExceededError(FormatError):
    """A bound of ``formats/limits.py`` is passed."""

    code = "limit_exceeded"

    def __init__(self, limit: str, *, given: int, maximum: int) -> None:
        self.limit = limit
        self.given = given
        self.maximum = maximum
        super().__init__(f"{limit} is {given}; at most {maximum} is allowed")


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


class RefusedError(SchedulerError):
    """Proven, but a rule of the process or the node forbids it."""

    code = "refused"

    def __init__(self, reason: str, *, code: str = "refused") -> None:
        self.code = code  # type: ignore[misc]  # a narrower code than the class's own
        super().__init__(reason)


class ForeignSchedulerError(RefusedError):
    """A spawn names a scheduler that is not this node."""

    def __init__(self, *, given: str, expected: str) -> None:
        self.given = given
        self.expected = expected
        super().__init__(
            f"the process names scheduler {given}, this node is {expected}; "
            "spawn with this node's address, or start the node with --any-scheduler",
            code="foreign_scheduler",
        )


class ElsewhereError(RefusedError):
    """A process whose slots are given out by another node.

    Attributes:
        process: its id, 43 characters.
        url: where to send what was sent here.
        variant: the tag of its kind, such as ``ao.TN.1``; empty where that is not known here.
        is_named: whether the operator has named that node; else a stranger has.
    """

    code = "elsewhere"

    def __init__(
        self, reason: str, *, process: str, url: str, variant: str = "", is_named: bool = False
    ) -> None:
        self.process = process
        self.url = url
        self.variant = variant
        self.is_named = is_named
        super().__init__(reason, code=self.code)


class FollowedError(ElsewhereError):
    """A message for a process that this node follows.

    Attributes:
        scheduler: address of the wallet that signs its assignments; empty where nobody does.
    """

    code = "followed"

    def __init__(
        self, *, process: str, url: str, scheduler: str, variant: str = "", is_named: bool = False
    ) -> None:
        self.scheduler = scheduler
        signer = f"by scheduler {scheduler} " if scheduler else ""
        super().__init__(
            f"process {process} is a copy, followed from {url}; its slots are given out {signer}"
            "there, send the message to that node",
            process=process,
            url=url,
            variant=variant,
            is_named=is_named,
        )


class ForwardLoopError(RefusedError):
    """A request that nodes send on to each other; none of them schedules its process."""

    code = "loop"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the request is for another node, and is not sent on: {reason}; send it to the node "
            "that schedules the process, without a via header",
            code="loop",
        )


class UnauthorizedError(RefusedError):
    """Something that only the node's operator may do; who asks has not shown to be that."""

    code = "unauthorized"

    def __init__(self, option: str = "") -> None:
        others = f", or start the node with {option}" if option else ""
        super().__init__(
            "only the node's operator may do that: send the header authorization: Bearer TOKEN, "
            f"with the token of the file operator-token in the node's data folder{others}",
            code=self.code,
        )


class WrongMethodError(RefusedError):
    """A path that is not asked for in this way; ``allowed`` are the methods that it has."""

    code = "wrong_method"

    def __init__(self, method: str, *, allowed: Sequence[str]) -> None:
        self.allowed = tuple(allowed)
        super().__init__(f"no {method[:16]!r} here; it has {', '.join(allowed)}", code=self.code)


class OutboundError(RefusedError):
    """A URL, or a redirect, leads where the operator allows nobody to lead this node."""

    code = "outbound"

    def __init__(self, reason: str) -> None:
        super().__init__(reason, code="outbound")


class ConflictError(SchedulerError):
    """Valid, but somebody else was first."""

    code = "conflict"
    retryable = True


class SlotConflictError(ConflictError):
    """An append did not continue the log where it ends."""

    code = "slot_conflict"

    def __init__(self, *, process: str, expected: int, given: int) -> None:
        self.process = process
        self.expected = expected
        self.given = given
        super().__init__(f"process {process}: the next slot is {expected}, the append gave {given}")


class NotFoundError(SchedulerError):
    """No such process, slot, message or path."""

    code = "not_found"


class UnsupportedError(SchedulerError):
    """Understood, but not something this node does (a compute unit's work, say)."""

    code = "unsupported"


class DisabledError(UnsupportedError):
    """The operator lets this node place no messages; what it has is served."""

    code = "scheduling_disabled"


class UnsupportedSchemeError(UnsupportedError):
    """Signed in a way that this node does not read; signed as an ANS-104 item it would be taken."""

    code = "unsupported_scheme"


class NotVerifiableError(UnsupportedError):
    """Another node's page leaves out what it would take to check it: keys, or exact bytes."""

    code = "not_verifiable"


class FoldError(SchedulerError):
    """Somebody's fold raised, returned what it must not, or did not end in time."""

    code = "fold"

    def __init__(self, reason: str, *, code: str = "fold") -> None:
        self.code = code  # type: ignore[misc]  # a narrower code than the class's own
        super().__init__(reason)


class UnavailableError(SchedulerError):
    """Not now. The same request may be sent again: appends deduplicate by message id.

    Attributes:
        retry_after_ms: how long to wait, where whoever is busy has said so; else 0.
    """

    code = "unavailable"
    retryable = True

    def __init__(self, reason: str, *, code: str = "", retry_after_ms: int = 0) -> None:
        if code:
            self.code = code  # type: ignore[misc]  # a narrower code than the class's own
        self.retry_after_ms = retry_after_ms
        super().__init__(reason)


class OverloadedError(UnavailableError):
    """A bounded queue is full."""

    code = "overloaded"

    def __init__(self, queue: str, *, retry_after_ms: int) -> None:
        self.queue = queue
        super().__init__(
            f"{queue} is full; try again in {retry_after_ms} ms", retry_after_ms=retry_after_ms
        )


class StoppingError(UnavailableError):
    """The node is shutting down and takes no new work."""

    code = "stopping"


class DeadlineExceededError(UnavailableError):
    """No answer in time. The outcome is unknown; sending the same message again is safe."""

    code = "deadline_exceeded"

    def __init__(self, what: str, *, deadline_ms: int) -> None:
        self.deadline_ms = deadline_ms
        super().__init__(f"{what} gave no answer within {deadline_ms} ms; send the same again")


class NotUploadedError(UnavailableError):
    """A message has its slot, on disk, and the bundler has not acknowledged it."""

    code = "not_uploaded"

    def __init__(self, *, process: str, slot: int, reason: str) -> None:
        self.process = process
        self.slot = slot
        super().__init__(
            f"the message has slot {slot} of process {process}, on disk, and is not uploaded: "
            f"{reason}; it is tried on, send the same again to ask"
        )


class ActorDeadError(UnavailableError):
    """The actor stopped before it answered; its successor starts on the next request."""

    code = "actor_dead"

    def __init__(self, actor: str) -> None:
        self.actor = actor
        super().__init__(f"{actor} stopped before it answered; send the same again")


class ChildFailedError(UnavailableError):
    """A child answered a whole batch with an error.

    Attributes:
        code: the code of the child's `SchedulerError`, or ``child_failed`` for any other error.
        kind: name of the error's class in the child.
        reason: the child's own sentence.
    """

    code = "child_failed"

    def __init__(self, child: str, *, kind: str, reason: str, code: str = "child_failed") -> None:
        self.code = code  # type: ignore[misc]  # a narrower code than the class's own
        self.kind = kind
        self.reason = reason
        super().__init__(f"{child} failed with {kind}: {reason}")


class ChildDiedError(UnavailableError):
    """A child ended by itself. What it was doing may or may not have happened.

    Attributes:
        status: exit status; negative for the number of the signal that ended it.
    """

    code = "child_died"

    def __init__(self, child: str, *, status: int) -> None:
        self.status = status
        super().__init__(f"{child} ended with status {status}; restart the node")


class StoreError(SchedulerError):
    """The data folder cannot be used as it is."""

    code = "store"


class StoreLockedError(StoreError):
    """Another node holds the data folder."""

    code = "store_locked"

    def __init__(self, path: str, *, pid: int, url: str | None = None) -> None:
        self.path = path
        self.pid = pid
        self.url = url
        where = f", serving {url}" if url else ""
        super().__init__(f"{path} is in use by the node with pid {pid}{where}; stop it first")


class StoreVersionError(StoreError):
    """The data folder was written by a newer seriatim."""

    code = "store_version"

    def __init__(self, path: str, *, found: int, supported: int) -> None:
        self.found = found
        self.supported = supported
        super().__init__(
            f"{path} has store format {found}, this seriatim reads up to {supported}; "
            "install a newer seriatim"
        )


class CorruptRecordError(StoreError):
    """A stored record's checksum does not match its bytes."""

    code = "corrupt_record"

    def __init__(self, *, process: str, slot: int, reason: str) -> None:
        self.process = process
        self.slot = slot
        super().__init__(f"process {process}, slot {slot}: {reason}")
