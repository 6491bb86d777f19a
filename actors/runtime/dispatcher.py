"""Who runs actors, and when: on an asyncio loop, or step by step under a test's hand.

An actor is in the line of its dispatcher only while it has mail. The dispatcher lets it handle at
most `MAIL_BATCH_MAX` mails and puts it at the end of the line again: between two batches of one
actor everybody else who waits gets one.
"""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Any

from seriatim.actors.runtime.clock import Clock, SystemClock
from seriatim.actors.runtime.deadline import Deadlines
from seriatim.formats.errors import StoppingError
from seriatim.formats.limits import DISPATCH_TURN_MAX, MAIL_BATCH_MAX

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from seriatim.actors.runtime.actor import LightActor
    from seriatim.actors.runtime.future import Future


class Dispatcher(ABC):
    """Runs the actors that were started on it, all on one thread, one at a time.

    Attributes:
        clock: time and timers for everything that runs here.
        lock: guards the line and the state of every mailbox. Reentrant, because a finalizer or
            a signal handler may tell an actor something while it is held.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self._deadlines = Deadlines(clock)
        self._actors: dict[LightActor, None] = {}  # in the order in which they started
        self._started = 0
        self._is_closed = False

    @property
    def actor_count(self) -> int:
        """How many actors are alive here."""
        return len(self._actors)

    def urn_next(self) -> str:
        """Return a name that no other actor of this dispatcher has."""
        with self.lock:
            self._started += 1
            return f"urn:seriatim:actor:{self._started}"

    def adopt(self, actor: LightActor) -> None:
        """Bring a new *actor* into the line, for its ``on_start``.

        Raises:
            StoppingError: the dispatcher is closed.
        """
        with self.lock:
            if self._is_closed:
                raise StoppingError("the dispatcher is closed and starts no more actors")
            self._actors[actor] = None
            must_wake = self.enqueue(actor)
        if must_wake:
            self.wake()

    def forget(self, actor: LightActor) -> None:
        """Let go of *actor*, which has stopped."""
        with self.lock:
            self._actors.pop(actor, None)

    def watch(self, future: Future[Any], what: object, deadline_ms: int) -> None:
        """Fail *future* with `DeadlineExceededError` unless it is done in time.

        Safe from any thread. See `Deadlines.watch`.
        """
        if self._deadlines.watch(future, what, deadline_ms):
            self._arm(self._deadlines)

    def close(self) -> None:
        """Stop every actor at once, answer all mail with `ActorDeadError`, start none any more.

        For the end of a node, after its actors were stopped in good order. Belongs to the
        dispatcher's thread.
        """
        with self.lock:
            self._is_closed = True
            actors = list(self._actors)
        for actor in actors:
            actor.terminate()
        self._deadlines.close()

    @abstractmethod
    def enqueue(self, actor: LightActor) -> bool:
        """Put *actor* at the end of the line; called under `lock`.

        Returns:
            Whether `wake` must be called after the lock is released.
        """

    @abstractmethod
    def wake(self) -> None:
        """Make the dispatcher's thread look at the line. Safe from any thread."""

    @abstractmethod
    def _arm(self, deadlines: Deadlines) -> None:
        """Call ``deadlines.arm()`` on the dispatcher's thread."""

    def _run_batch(self, actor: LightActor, mail_max: int) -> int:
        """Let *actor* handle up to *mail_max* mails; put it in the line again if mail is left."""
        handled = actor.run_batch(mail_max)
        with self.lock:
            if actor.actor_inbox.rest():
                self.enqueue(actor)
        return handled


class LoopDispatcher(Dispatcher):
    """Runs actors on an asyncio (or uvloop) event loop, between its other callbacks.

    One ``call_soon`` wakes it for everything that is in the line. It handles about
    `DISPATCH_TURN_MAX` mails, then lets the loop look at its sockets.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock | None = None) -> None:
        """Run actors on *loop*; *clock* is by default the machine's, with the loop's timers."""
        super().__init__(SystemClock(loop) if clock is None else clock)
        self._loop = loop
        self._line: deque[LightActor] = deque()
        self._is_awake = False

    def enqueue(self, actor: LightActor) -> bool:
        """Put *actor* at the end of the line. See `Dispatcher.enqueue`."""
        self._line.append(actor)
        if self._is_awake:
            return False
        self._is_awake = True
        return True

    def wake(self) -> None:
        """Run the line in the next turn of the loop."""
        if _is_running_here(self._loop):
            self._loop.call_soon(self._turn)
        else:
            self._call_from_outside(self._turn)

    def _arm(self, deadlines: Deadlines) -> None:
        if _is_running_here(self._loop):
            deadlines.arm()
        else:
            self._call_from_outside(deadlines.arm)

    def _call_from_outside(self, callback: Callable[[], object]) -> None:
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            # The loop is closed. After close() all mail is answered and nothing is to be done;
            # without it the mail would wait for ever, so whoever sent it has to know.
            if not self._is_closed:
                raise

    def _turn(self) -> None:
        line = self._line
        budget = DISPATCH_TURN_MAX
        try:
            while line and budget > 0:
                # An actor without mail (it has just started) counts as one, or starting a
                # million of them would be one turn.
                budget -= max(1, self._run_batch(line.popleft(), MAIL_BATCH_MAX))
        finally:
            # Also on KeyboardInterrupt: those who waited keep their place.
            with self.lock:
                self._is_awake = bool(line)
            if line:
                self._loop.call_soon(self._turn)


class ManualDispatcher(Dispatcher):
    """Runs one mail of one actor per `step`; which actor is chosen by the given randomness.

    For tests and simulation: the same seed over the same program gives the same interleaving.
    Per actor, mail is handled in order; between actors, every order can happen.
    """

    def __init__(self, clock: Clock, random: Random) -> None:
        super().__init__(clock)
        self._random = random
        self._line: list[LightActor] = []

    def enqueue(self, actor: LightActor) -> bool:
        """Put *actor* among those that `step` chooses from."""
        self._line.append(actor)
        return False

    def wake(self) -> None:
        """Do nothing: steps are taken by hand."""

    def _arm(self, deadlines: Deadlines) -> None:
        deadlines.arm()

    def step(self) -> bool:
        """Let one actor start or handle one mail; return whether there was one."""
        line = self._line
        if not line:
            return False
        chosen = self._random.randrange(len(line))
        line[chosen], line[-1] = line[-1], line[chosen]
        self._run_batch(line.pop(), 1)
        return True

    def run_until_idle(self, steps_max: int = 1_000_000) -> int:
        """Step until no actor has mail; return the number of steps. Does not move the clock.

        Raises:
            RuntimeError: there is still mail after *steps_max* steps.
        """
        for steps in range(steps_max):
            if not self.step():
                return steps
        if self._line:
            raise RuntimeError(f"actors still have mail after {steps_max} steps")
        return steps_max


def _is_running_here(loop: asyncio.AbstractEventLoop) -> bool:
    """Tell whether *loop* runs on this thread."""
    return asyncio._get_running_loop() is loop  # documented for such checks
