"""Errors of what is proven, and not done here: a rule forbids it, or it is not there."""

from __future__ import annotations

from collections.abc import Sequence

from seriatim.formats.errors.base import SchedulerError


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
