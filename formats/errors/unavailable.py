"""Errors of what cannot be done now: the same again, later, is safe."""

from __future__ import annotations

from seriatim.formats.errors.base import SchedulerError


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


class NoNodeError(UnavailableError):
    """Somebody answers there, and is no node: to wait for one is of no use."""


class OverloadedError(UnavailableError):
    """A bounded queue is full."""

    code = "overloaded"

    def __init__(self, queue: str, *, retry_after_ms: int) -> None:
        self.queue = queue
        super().__init__(
            f"{queue} is full; try again in {retry_after_ms} ms", retry_after_ms=retry_after_ms
        )


class QueueFullError(UnavailableError):
    """A queue of jobs has as many as it may, and that may last."""

    code = "queue_full"

    def __init__(self, queue: str, *, jobs_max: int, retry_after_ms: int) -> None:
        self.queue = queue
        super().__init__(
            f"queue {queue} may have {jobs_max} jobs that have not ended (jobs_max), and would "
            "have more: wait until some have, with more workers or a higher jobs_max",
            retry_after_ms=retry_after_ms,
        )


class StoppingError(UnavailableError):
    """The node is shutting down and takes no new work."""

    code = "stopping"


class DeadlineExceededError(UnavailableError):
    """No answer in time. The outcome is unknown; sending the same message again is safe.

    Attributes:
        deadline_ms: the time that there was.
    """

    code = "deadline_exceeded"

    def __init__(self, what: str, *, deadline_ms: int, advice: str = "send the same again") -> None:
        self.deadline_ms = deadline_ms
        super().__init__(f"{what} gave no answer within {deadline_ms} ms; {advice}")


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
