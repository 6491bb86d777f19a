"""The mail between whoever asks a queue and its clerk, and what the clerk tells itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from seriatim.actors.runtime.future import Future

if TYPE_CHECKING:
    from seriatim.actors.queue.commands import AwaitIdle, Command
    from seriatim.actors.queue.machine import QueueMachine
    from seriatim.actors.queue.waiting import Waiter
    from seriatim.formats.errors import SchedulerError
    from seriatim.formats.jobs.job import Job

Answer = tuple[Future[Any], Any]


class Ask:
    """Anybody → clerk: a command, and how long its claim waits at most.

    ``taken_ms``: when the clerk has taken it, by the monotonic clock.
    """

    __slots__ = ("command", "reply", "taken_ms", "wait_ms")

    def __init__(self, command: Command | AwaitIdle, reply: Future[Any], wait_ms: int = 0) -> None:
        self.command = command
        self.reply = reply
        self.wait_ms = wait_ms
        self.taken_ms = 0

    def fail(self, error: Exception) -> None:
        """Answer with *error*; the runtime calls this for mail that nobody will handle."""
        self.reply.fail(error)


class Mail:
    """Gets into a full mailbox."""

    __slots__ = ()
    always_taken: ClassVar[bool] = True


class Release(Mail):
    """Queues → clerk: whoever waits has waited long enough."""


class Withdraw(Mail):
    """Queues → clerk: nobody waits for the answer to a claim any more."""

    __slots__ = ("reply",)

    def __init__(self, reply: Future[Any]) -> None:
        self.reply = reply


class Turn(Mail):
    """Clerk → itself: it is time for the next batch."""


class Bored(Mail):
    """Clerk → itself: whoever waits for an idle queue has waited long enough."""

    __slots__ = ("reply",)

    def __init__(self, reply: Future[Any]) -> None:
        self.reply = reply


class Over(Mail):
    """Clerk → itself: a claim has waited long enough."""

    __slots__ = ("waiter",)

    def __init__(self, waiter: Waiter) -> None:
        self.waiter = waiter


class Loaded(Mail):
    """Clerk → itself: the state was read; or an error says why not."""

    __slots__ = ("error", "machine")

    def __init__(self, machine: QueueMachine | None, error: SchedulerError | None) -> None:
        self.machine = machine
        self.error = error


class Written(Mail):
    """Clerk → itself: the slot is on disk; or an error says why not."""

    __slots__ = ("answers", "ended", "error")

    def __init__(
        self, answers: list[Answer], ended: list[Job], error: SchedulerError | None
    ) -> None:
        self.answers = answers
        self.ended = ended
        self.error = error

    def fail(self, _: BaseException) -> None:
        """Say what has become of the slot all the same: the clerk has stopped meanwhile."""
        for reply, answer in self.answers:
            if self.error is None:
                reply.resolve(answer)
            else:
                reply.fail(self.error)
