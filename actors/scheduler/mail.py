"""The mail between the node, the registry, the servers and the committer."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from seriatim.actors.runtime.actor import LightRef
from seriatim.actors.runtime.future import Future
from seriatim.actors.scheduler.writer import Sealed
from seriatim.formats.errors import SchedulerError
from seriatim.formats.schedule.assignment import Draft
from seriatim.formats.schedule.submission import Submission
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.wire.receipt import Receipt


class Submit:
    """Node → registry → server: give this message its slot and answer when it is durable.

    With ``is_early`` the answer is given before that: nobody hears of a commit that fails then.
    """

    __slots__ = ("is_early", "reply", "submission", "variant_default")

    def __init__(
        self,
        submission: Submission,
        variant_default: Variant,
        reply: Future[Receipt],
        *,
        is_early: bool = False,
    ) -> None:
        self.is_early = is_early
        self.submission = submission
        self.variant_default = variant_default
        self.reply = reply

    def fail(self, error: Exception) -> None:
        """Answer with *error*; the runtime calls this for mail that nobody will handle."""
        self.reply.fail(error)


class Durable:
    """Committer → server: this draft is on disk, and so is everything before it.

    ``epoch`` as for `Undone`.
    """

    __slots__ = ("draft", "epoch", "sealed")
    always_taken: ClassVar[bool] = True

    def __init__(self, draft: Draft, sealed: Sealed, epoch: int) -> None:
        self.draft = draft
        self.sealed = sealed
        self.epoch = epoch


class Undone:
    """Committer → server: the commit failed or is in doubt; nothing that waits has its slot.

    ``epoch`` is the one in which the slots were given: a server that has gone on to the next one
    knows already, and what it gave out since then stands.
    """

    __slots__ = ("epoch", "error")
    always_taken: ClassVar[bool] = True

    def __init__(self, error: SchedulerError, epoch: int) -> None:
        self.error = error
        self.epoch = epoch


class Retire:
    """Registry → server: you have not been used for long; say whether you may go."""

    __slots__ = ()
    always_taken: ClassVar[bool] = True


class Retired(NamedTuple):
    """Server → registry: I hold nothing that is not on disk.

    ``received`` counts the `Submit` mails so far: the registry lets the server go only when that
    is all it ever sent *server*, so that no message can fall between the two.
    """

    process: bytes
    server: LightRef[Any]
    received: int


class Sweep:
    """Clock → registry: look for servers that nobody uses."""

    __slots__ = ()
    always_taken: ClassVar[bool] = True
