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
    │   ├── TakenError              another job has that id, or that unique key
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
    ├── JobError                    a job has ended without success; code says how
    ├── UnavailableError            not now; retry after a delay
    │   ├── NoNodeError             somebody answers there, and is no node
    │   ├── OverloadedError         queue, retry_after_ms
    │   ├── QueueFullError          queue: it has as many jobs as it may
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

from seriatim.formats.errors.base import (
    FormatError,
    LimitExceededError,
    MalformedError,
    SchedulerError,
)
from seriatim.formats.errors.commitments import (
    BadSignatureError,
    ChainBrokenError,
    CommitmentError,
    DivergedError,
    ForkError,
    GapError,
    RewrittenError,
    TamperedError,
    UnsignedError,
    WeakKeyError,
)
from seriatim.formats.errors.jobs import JobError, TakenError
from seriatim.formats.errors.refusals import (
    ConflictError,
    DisabledError,
    ElsewhereError,
    FoldError,
    FollowedError,
    ForeignSchedulerError,
    ForwardLoopError,
    NotFoundError,
    NotVerifiableError,
    OutboundError,
    RefusedError,
    SlotConflictError,
    UnauthorizedError,
    UnsupportedError,
    UnsupportedSchemeError,
    WrongMethodError,
)
from seriatim.formats.errors.stored import (
    CorruptRecordError,
    StoreError,
    StoreLockedError,
    StoreVersionError,
)
from seriatim.formats.errors.unavailable import (
    ActorDeadError,
    ChildDiedError,
    ChildFailedError,
    DeadlineExceededError,
    NoNodeError,
    NotUploadedError,
    OverloadedError,
    QueueFullError,
    StoppingError,
    UnavailableError,
)

__all__ = [
    "ActorDeadError",
    "BadSignatureError",
    "ChainBrokenError",
    "ChildDiedError",
    "ChildFailedError",
    "CommitmentError",
    "ConflictError",
    "CorruptRecordError",
    "DeadlineExceededError",
    "DisabledError",
    "DivergedError",
    "ElsewhereError",
    "FoldError",
    "FollowedError",
    "ForeignSchedulerError",
    "ForkError",
    "FormatError",
    "ForwardLoopError",
    "GapError",
    "JobError",
    "LimitExceededError",
    "MalformedError",
    "NoNodeError",
    "NotFoundError",
    "NotUploadedError",
    "NotVerifiableError",
    "OutboundError",
    "OverloadedError",
    "QueueFullError",
    "RefusedError",
    "RewrittenError",
    "SchedulerError",
    "SlotConflictError",
    "StoppingError",
    "StoreError",
    "StoreLockedError",
    "StoreVersionError",
    "TakenError",
    "TamperedError",
    "UnauthorizedError",
    "UnavailableError",
    "UnsignedError",
    "UnsupportedError",
    "UnsupportedSchemeError",
    "WeakKeyError",
    "WrongMethodError",
]
