"""An actor's mail, and the answers to mail that nobody will handle any more.

State of a mailbox; every transition happens under the dispatcher's lock::

    QUEUED ── batch done, no mail left ──► IDLE
    IDLE   ── put ──────────────────────► QUEUED    the actor goes to the dispatcher, once
    QUEUED ── batch done, mail left ────► QUEUED    the actor goes to the end of the line
    any    ── close ────────────────────► CLOSED    for good; put raises

A mailbox starts as QUEUED: the first batch of an actor is its ``on_start``. *Put* and *batch done*
look at the mail and change the state in one step under one lock, so no wake-up can be lost, and
*put* and *close* exclude each other, so no mail can slip in after the last one was answered.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Any, Final, cast

from pykka.messages import _ActorStop

from seriatim.formats.errors import ActorDeadError, OverloadedError
from seriatim.formats.limits import RETRY_AFTER_MS

if TYPE_CHECKING:
    from pykka._envelope import Envelope

    from seriatim.actors.runtime.actor import LightActor
    from seriatim.actors.runtime.dispatcher import Dispatcher
    from seriatim.actors.runtime.future import Future

_LOG: Final = logging.getLogger("seriatim.actors")

_IDLE: Final = 0
_QUEUED: Final = 1
_CLOSED: Final = 2


class Mailbox:
    """Bounded first-in first-out mail of one actor. `put` is safe from any thread.

    Holds its actor until it is closed: the mailbox is what keeps an idle actor alive.
    """

    __slots__ = ("_actor", "_dispatcher", "_mail", "_name", "_state")

    def __init__(self) -> None:
        self._actor: LightActor | None = None
        self._dispatcher: Dispatcher | None = None
        self._name: object = "an actor that was never started"
        # None while empty: an empty deque has 64 slots, most of what an idle actor would cost.
        self._mail: deque[Envelope[Any]] | None = None
        self._state = _QUEUED

    def bind(self, actor: LightActor, dispatcher: Dispatcher) -> None:
        """Say whose mail this is and who runs it; once, before the first `put`."""
        self._actor = actor
        self._dispatcher = dispatcher
        self._name = actor.actor_urn

    @property
    def dispatcher(self) -> Dispatcher:
        """Who runs the actor."""
        if self._dispatcher is None:
            raise RuntimeError("the mailbox is not bound to an actor")
        return self._dispatcher

    def put(self, envelope: Envelope[Any]) -> None:
        """Take *envelope*, and bring the actor to its dispatcher if it was idle.

        Raises:
            ActorDeadError: the actor has stopped.
            OverloadedError: ``mailbox_max`` mails wait; see `_is_always_taken`.
        """
        dispatcher = self.dispatcher
        must_wake = False
        with dispatcher.lock:
            actor = self._actor
            if self._state == _CLOSED or actor is None:
                raise ActorDeadError(str(self._name))
            mail = self._mail
            if mail is None:
                mail = self._mail = deque()
            elif len(mail) >= actor.mailbox_max and not _is_always_taken(envelope.message):
                raise OverloadedError(f"the mailbox of {actor}", retry_after_ms=RETRY_AFTER_MS)
            mail.append(envelope)
            if self._state == _IDLE:
                self._state = _QUEUED
                must_wake = dispatcher.enqueue(actor)
        if must_wake:
            dispatcher.wake()

    def get(self) -> Envelope[Any]:
        """Return the oldest mail; for the dispatcher's thread only.

        Raises:
            IndexError: there is none.
        """
        mail = self._mail
        if mail is None:
            raise IndexError("the mailbox is empty")
        return mail.popleft()

    def empty(self) -> bool:
        """Tell whether no mail waits."""
        return not self._mail

    def __len__(self) -> int:
        """Return how many mails wait."""
        mail = self._mail
        return 0 if mail is None else len(mail)

    def rest(self) -> bool:
        """End a batch: return whether the actor stays in the line, because mail is left.

        Called under the dispatcher's lock.
        """
        if self._state == _CLOSED:
            return False
        if self._mail:
            return True
        self._mail = None
        self._state = _IDLE
        return False

    def close(self) -> deque[Envelope[Any]]:
        """Take no mail any more; let go of the actor; return what waited, oldest first."""
        with self.dispatcher.lock:
            mail, self._mail = self._mail, None
            self._state = _CLOSED
            self._actor = None
            return deque() if mail is None else mail


def _is_always_taken(message: object) -> bool:
    """Tell whether *message* gets into a full mailbox.

    The stop message does, and mail whose class says ``always_taken``: answers to what the actor
    itself has asked for, which are bounded by its own questions.
    """
    return type(message) is _ActorStop or getattr(message, "always_taken", False)


def answer_error(envelope: Envelope[Any], error: BaseException) -> bool:
    """Give *error* to whoever waits for an answer to *envelope*; return whether somebody does.

    That is the asker, or the mail itself where it has a method ``fail(error)``.
    """
    reply_to = _reply_to(envelope)
    if reply_to is not None:
        return reply_to.fail(error)
    fail = getattr(envelope.message, "fail", None)
    if not callable(fail):
        return False
    try:
        fail(error)
    except Exception:  # noqa: BLE001  # the others have to be answered
        _LOG.exception("%s.fail failed", type(envelope.message).__name__)
    return True


def answer_dead(envelope: Envelope[Any], actor: str) -> None:
    """Answer mail that *actor* did not handle before it stopped; a stop message got its wish."""
    if type(envelope.message) is not _ActorStop:
        answer_error(envelope, ActorDeadError(actor))
    elif (reply_to := _reply_to(envelope)) is not None:
        reply_to.resolve(True)


def _reply_to(envelope: Envelope[Any]) -> Future[Any] | None:
    # Only LightRef puts mail into these mailboxes, and it asks with light futures.
    return cast("Future[Any] | None", envelope.reply_to)
