"""The light actor: pykka's model (ref, tell, ask, proxy, life cycle) without a thread per actor.

What happens when an actor fails is one rule for tell and ask, here and nowhere else:

* the error goes to whoever waits for the answer: the asker, or mail with a ``fail(error)``;
* it is logged once, in one line; the traceback is added at level DEBUG;
* ``on_error(error)`` is called; then the actor goes on, unless its class says
  ``stops_on_failure``. Whoever keeps state in memory sets that, and rebuilds it from the store.

Every mail is answered: what waits when an actor stops gets `ActorDeadError`, what comes later is
refused with it. KeyboardInterrupt, SystemExit and their like end the actor, answer its mail, and
go on to whoever runs the dispatcher.
"""

from __future__ import annotations

import logging
import traceback
from asyncio import CancelledError
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Final,
    Generic,
    Literal,
    TypeVar,
    cast,
    overload,
)

import pykka
from pykka._envelope import Envelope
from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr, _ActorStop

from seriatim.actors.runtime.future import Future
from seriatim.actors.runtime.mailbox import Mailbox, answer_dead, answer_error
from seriatim.formats.errors import ActorDeadError, OverloadedError, SchedulerError
from seriatim.formats.limits import ASK_DEADLINE_MS, MAILBOX_MAX, STOP_DEADLINE_MS

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable
    from typing import Self

    from seriatim.actors.runtime.dispatcher import Dispatcher

A = TypeVar("A", bound="LightActor")
R = TypeVar("R")

_LOG: Final = logging.getLogger("seriatim.actors")
_LOG_ERROR_MAX_CHARS: Final = 300
_PROXY_MAIL: Final = frozenset({ProxyCall, ProxyGetAttr, ProxySetAttr})


class Query(Generic[R]):
    """Base for mail that says in its type what the answer is: ``class Head(Query[int])``."""

    __slots__ = ()


class StopFlag:
    """What pykka wants of ``actor_stopped``, in 32 bytes instead of an event's lock."""

    __slots__ = ("_is_set",)

    def __init__(self) -> None:
        self._is_set = False

    def is_set(self) -> bool:
        """Tell whether the actor has stopped."""
        return self._is_set

    def set(self) -> None:
        """Say that the actor has stopped."""
        self._is_set = True


class LightRef(pykka.ActorRef[A]):
    """The outside of a light actor. Safe to use from any thread."""

    actor_inbox: Mailbox

    def tell(self, message: object) -> None:
        """Put *message* into the mailbox; no answer.

        Raises:
            ActorDeadError: the actor has stopped.
            OverloadedError: the mailbox is full.
        """
        self.actor_inbox.put(Envelope(message))

    @overload  # type: ignore[override]  # pykka's default blocks, which would stop the loop
    def ask(
        self,
        message: Query[R],
        *,
        block: Literal[False] = False,
        timeout: float | None = None,
        deadline_ms: int = ASK_DEADLINE_MS,
    ) -> Future[R]: ...

    @overload
    def ask(
        self,
        message: object,
        *,
        block: Literal[False] = False,
        timeout: float | None = None,
        deadline_ms: int = ASK_DEADLINE_MS,
    ) -> Future[Any]: ...

    @overload
    def ask(
        self,
        message: object,
        *,
        block: Literal[True],
        timeout: float | None = None,
        deadline_ms: int = ASK_DEADLINE_MS,
    ) -> Any: ...

    def ask(
        self,
        message: object,
        *,
        block: bool = False,
        timeout: float | None = None,
        deadline_ms: int = ASK_DEADLINE_MS,
    ) -> Any:
        """Put *message* into the mailbox and return the future of its answer.

        Never raises: everything that can go wrong is in the future. An actor that returns a
        `Future` from ``on_receive`` answers when that one is settled.

        Args:
            message: the mail.
            block: wait here and return the answer itself; for threads without a loop only.
            timeout: seconds to block.
            deadline_ms: when the future gives up, `DEADLINE_GRAIN_MS` more or less late.

        The future's errors:
            ActorDeadError: the actor had stopped, or stopped before it answered.
            OverloadedError: the mailbox is full.
            DeadlineExceededError: no answer in time; the mail may still be handled.
        """
        future: Future[Any] = Future()
        try:
            self.actor_inbox.put(Envelope(message, future))
        except (ActorDeadError, OverloadedError) as error:
            future.fail(error)
        else:
            self.actor_inbox.dispatcher.watch(future, self, deadline_ms)
        return future.get(timeout=timeout) if block else future

    @overload  # type: ignore[override]  # pykka's default blocks, which would stop the loop
    def stop(
        self,
        *,
        block: Literal[False] = False,
        timeout: float | None = None,
        deadline_ms: int = STOP_DEADLINE_MS,
    ) -> Future[bool]: ...

    @overload
    def stop(
        self,
        *,
        block: Literal[True],
        timeout: float | None = None,
        deadline_ms: int = STOP_DEADLINE_MS,
    ) -> bool: ...

    def stop(
        self,
        *,
        block: bool = False,
        timeout: float | None = None,
        deadline_ms: int = STOP_DEADLINE_MS,
    ) -> Future[bool] | bool:
        """Ask the actor to stop once it has handled the mail that it has now.

        Gets into a full mailbox too. Arguments as for `ask`.

        Returns:
            The future of ``True``, or of ``False`` when the actor had stopped before.
        """
        future: Future[bool] = Future()
        try:
            self.actor_inbox.put(Envelope(_ActorStop(), future))
        except ActorDeadError:
            future.resolve(False)
        else:
            self.actor_inbox.dispatcher.watch(future, self, deadline_ms)
        return future.get(timeout=timeout) if block else future


class LightActor(pykka.Actor):
    """An actor that costs about a kilobyte while idle, and no thread.

    Start it with ``MyActor.start(dispatcher, ...)``. A subclass with its own ``__init__`` takes
    the dispatcher first and passes it on: ``super().__init__(dispatcher)``.

    Attributes:
        mailbox_max: how many mails may wait, inclusive; the next one is refused.
        stops_on_failure: whether an error in ``on_receive`` ends the actor.
    """

    mailbox_max: ClassVar[int] = MAILBOX_MAX
    stops_on_failure: ClassVar[bool] = False

    actor_inbox: Mailbox
    _is_running = False

    def __init__(self, dispatcher: Dispatcher) -> None:
        # Not super().__init__(): it reads randomness for the name and makes an event with its
        # lock per actor.
        self.dispatcher = dispatcher
        self.actor_urn = dispatcher.urn_next()
        self.actor_stopped = cast("threading.Event", StopFlag())
        self.actor_inbox = self._create_actor_inbox()
        self.actor_inbox.bind(self, dispatcher)
        self._actor_ref = LightRef(self)

    @classmethod
    def start(cls, dispatcher: Dispatcher, *args: Any, **kwargs: Any) -> LightRef[Self]:
        """Make an actor and bring it to *dispatcher*; the rest goes to its ``__init__``.

        Returns at once; ``on_start`` runs on the dispatcher, before any mail.
        Not in pykka's global registry: unregistering there takes time in proportion to the
        number of actors.

        Raises:
            StoppingError: the dispatcher is closed.
        """
        actor = cls(dispatcher, *args, **kwargs)
        actor._start_actor_loop()
        return actor.actor_ref

    @staticmethod
    def _create_actor_inbox() -> Mailbox:
        return Mailbox()

    @staticmethod
    def _create_future() -> Future[Any]:
        return Future()

    def _start_actor_loop(self) -> None:
        self.dispatcher.adopt(self)

    @property
    def actor_ref(self) -> LightRef[Self]:
        """The outside of this actor."""
        return cast("LightRef[Self]", self._actor_ref)

    def stop(self) -> None:
        """Stop once the mail that is here now is handled."""
        self.actor_ref.stop()

    def on_error(self, error: BaseException) -> None:
        """Learn of an *error* that ``on_receive``, ``on_start`` or a proxy call raised.

        Called after the asker was answered. Goes to pykka's ``on_failure`` unless overridden;
        an error in here ends the actor.
        """
        self.on_failure(type(error), error, error.__traceback__)

    def run_batch(self, mail_max: int) -> int:
        """Handle up to *mail_max* mails; for the dispatcher only. Return how many there were."""
        if not self._is_running and not self.actor_stopped.is_set():
            self._run_on_start()
        mailbox = self.actor_inbox
        handled = 0
        while handled < mail_max and not mailbox.empty():
            handled += 1
            self._deliver(mailbox.get())
        return handled

    def terminate(self) -> None:
        """Stop now, on the dispatcher's thread: run ``on_stop``, then answer what waits."""
        if self.actor_stopped.is_set():
            return
        waiting = self._shut()
        try:
            self.on_stop()
        except (Exception, CancelledError) as error:  # noqa: BLE001  # one failure rule for all
            self._log_failure("on_stop", error)
        finally:
            self._answer_dead(waiting)

    def _stop(self) -> None:
        """Be what pykka calls to stop, without its global registry."""
        self.terminate()

    def _run_on_start(self) -> None:
        self._is_running = True
        try:
            self.on_start()
        except (Exception, CancelledError) as error:  # noqa: BLE001  # one failure rule for all
            # An actor that did not start cannot be trusted with mail, whatever its class says.
            self._log_failure("on_start", error)
            self._call_on_error(error)
            self.terminate()
        except BaseException:
            self._answer_dead(self._shut())
            raise

    def _deliver(self, envelope: Envelope[Any]) -> None:
        """Handle one mail under the failure rule of this module."""
        message = envelope.message
        reply_to = cast("Future[Any] | None", envelope.reply_to)
        try:
            if type(message) is _ActorStop:
                self.terminate()
                answer: Any = True
            elif type(message) in _PROXY_MAIL:
                answer = self._handle_receive(message)
            else:
                answer = self.on_receive(message)
        except (Exception, CancelledError) as error:  # noqa: BLE001  # one failure rule for all
            self._fail(envelope, error)
        except BaseException:
            answer_dead(envelope, str(self))
            self._answer_dead(self._shut())
            raise
        else:
            if reply_to is None:
                return
            if isinstance(answer, Future):
                answer.add_done_callback(reply_to.follow)
            else:
                reply_to.resolve(answer)
        finally:
            # An error's traceback holds this frame: with these in it the future of the answer
            # would hold itself through its error, until the next garbage collection.
            del envelope, message, reply_to

    def _fail(self, envelope: Envelope[Any], error: BaseException) -> None:
        is_answered = answer_error(envelope, error)
        self._log_failure(type(envelope.message).__name__, error, is_answered=is_answered)
        self._call_on_error(error)
        if self.stops_on_failure:
            self.terminate()

    def _call_on_error(self, error: BaseException) -> None:
        try:
            self.on_error(error)
        except (Exception, CancelledError) as second:  # noqa: BLE001  # as above
            self._log_failure("on_error", second)
            self.terminate()

    def _shut(self) -> Iterable[Envelope[Any]]:
        """Take no mail any more, leave the dispatcher, and return the mail that waits."""
        self.actor_stopped.set()
        self.dispatcher.forget(self)
        return self.actor_inbox.close()

    def _answer_dead(self, waiting: Iterable[Envelope[Any]]) -> None:
        name = str(self)
        for envelope in waiting:
            answer_dead(envelope, name)

    def _log_failure(self, where: str, error: BaseException, *, is_answered: bool = False) -> None:
        """Log one line. A refusal that its asker has heard of is no news to the operator."""
        is_refusal = is_answered and isinstance(error, SchedulerError)
        place = "unknown place"
        for frame, line in traceback.walk_tb(error.__traceback__):
            place = f"{frame.f_code.co_filename}:{line}"
        _LOG.log(
            logging.DEBUG if is_refusal else logging.ERROR,
            "%s failed in %s: %s (%s)",
            self,
            where,
            repr(error)[:_LOG_ERROR_MAX_CHARS],
            place,
            exc_info=error if _LOG.isEnabledFor(logging.DEBUG) else None,
        )
