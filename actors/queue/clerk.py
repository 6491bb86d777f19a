"""The clerk: one actor per queue, through which every command for it goes.

::

    IDLE ──── a command ────► its batch is made: what waits now is decided, and becomes a slot
      ▲                         │ nothing to write: answered
      │                         ▼
      └──── answered ◄───── WRITING    what comes meanwhile waits, and is the next batch
                                │
                                └─ the slot has failed: everybody is told, the state is dropped,
                                   and read again from the rows with the next command

So a quiet queue answers after one commit, and a busy one shares each commit among hundreds.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from seriatim.actors.queue.commands import NOTHING, AwaitIdle
from seriatim.actors.queue.load import load_fold
from seriatim.actors.queue.machine import QueueMachine
from seriatim.actors.queue.mail import (
    Answer,
    Ask,
    Bored,
    Loaded,
    Mail,
    Over,
    Release,
    Turn,
    Withdraw,
    Written,
)
from seriatim.actors.queue.output import output_rows
from seriatim.actors.queue.queue_time import QueueTime
from seriatim.actors.queue.retention import forget_what_is_old
from seriatim.actors.queue.waiting import Waiter
from seriatim.actors.runtime.actor import LightActor
from seriatim.actors.runtime.future import Future
from seriatim.actors.runtime.pauses import Pauses
from seriatim.formats.errors import (
    OverloadedError,
    SchedulerError,
    StoppingError,
    StoreError,
    UnavailableError,
)
from seriatim.formats.jobs.slot import slot_fields
from seriatim.formats.limits import (
    CLOCK_CHECK_MS,
    NODE_LATE_MS,
    QUEUE_COMMANDS_MAX,
    QUEUE_PAUSE_MAX_MS,
    RETRY_AFTER_MS,
)
from seriatim.formats.message import Message
from seriatim.formats.schedule.submission import submit_unsigned

if TYPE_CHECKING:
    from seriatim.actors.queue.world import World
    from seriatim.actors.runtime.clock import Timer
    from seriatim.actors.runtime.dispatcher import Dispatcher
    from seriatim.formats.jobs.fold import Event, QueueFold
    from seriatim.formats.jobs.job import Job
    from seriatim.formats.schedule.submission import Submission

_LOG: Final = logging.getLogger("seriatim.actors")
_SLOT_KEY: Final = b"seriatim queue slot 1\0"


class Clerk(LightActor):
    """Decides for one queue, and answers when that is on disk."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        world: World,
        queue: str,
        process: bytes,
        on_slot: Callable[[str, int, Sequence[Event], list[Job]], object],
        on_load: Callable[[QueueFold], int],
        on_drop: Callable[[], object],
    ) -> None:
        """Keep *queue*, whose log is that of *process*.

        Args:
            dispatcher: that of *world*.
            world: the outside.
            queue: its name.
            process: 32 raw bytes.
            on_slot: is told what a slot says, and of jobs that have ended, when that is on disk.
            on_load: is told the state whenever it was read; returns the last slot that it has told
                first since the node has begun.
            on_drop: is called when that state is worth nothing any more.
        """
        super().__init__(dispatcher)
        self.queue = queue
        self._world = world
        self._process = process
        self._on_slot = on_slot
        self._on_load = on_load
        self._on_drop = on_drop
        self._machine: QueueMachine | None = None
        # It outlives the state: a slot that fails holds up no delay.
        self._time = QueueTime()
        self._commands: deque[Ask] = deque()
        self._claims: dict[Waiter, tuple[Future[Any], Timer]] = {}
        self._idlers: dict[Future[Any], Timer] = {}
        self._timer: Timer | None = None
        # When it was to look again, or could no more: much later than that, it was deaf meanwhile.
        self._listens_ms: int | None = None
        self._pauses = Pauses(dispatcher.clock, RETRY_AFTER_MS, QUEUE_PAUSE_MAX_MS)
        self._has_turn = False
        self._is_busy = False
        self._tasks: set[asyncio.Task[None]] = set()

    def on_start(self) -> None:
        """Look at what waits: the time may have brought something."""
        self._take_turn()

    def on_receive(self, message: Any) -> None:  # pykka's signature
        """Handle one mail."""
        kind = type(message)
        if kind is Ask:
            self._take(message)
        elif kind is Turn:
            self._has_turn = False
            self._make_batch()
        elif kind is Written:
            self._settle(message)
        elif kind is Loaded:
            self._begin(message)
        elif kind is Over:
            self._let_go(message.waiter)
        elif kind is Bored:
            self._bore(message.reply)
        elif kind is Withdraw:
            self._withdraw(message.reply)
        elif kind is Release:
            self._release()
        else:
            raise TypeError(f"a clerk knows no mail {kind.__name__}")

    def on_stop(self) -> None:
        """Answer whoever still waits."""
        self._arm(None)
        self._fail_all(_stopping())

    def _take(self, ask: Ask) -> None:
        if len(self._commands) >= QUEUE_COMMANDS_MAX:
            ask.fail(OverloadedError(f"queue {self.queue}", retry_after_ms=RETRY_AFTER_MS))
            return
        ask.taken_ms = self.dispatcher.clock.monotonic_ms()
        self._commands.append(ask)
        self._take_turn()

    def _take_turn(self) -> None:
        """Make a batch when the mail that is here now has been read."""
        if not self._has_turn and not self._is_busy:
            self._has_turn = True
            self.actor_ref.tell(Turn())

    def _make_batch(self) -> None:
        if self._is_busy:
            return
        machine = self._machine
        if machine is None:
            self._load()
            return
        clock = self.dispatcher.clock
        answers: list[Answer] = []
        try:
            self._notice_deaf()
            machine.begin(clock.now_ms(), clock.monotonic_ms())
            self._decide(machine, answers)
            forget_what_is_old(machine, self._world.tree)
            unread_ms = self._commands[0].taken_ms if self._commands else None
            ended = machine.finish(unread_ms)
            submission = self._submission(machine) if machine.events else None
            rows = machine.output.rows()
        except StoreError as error:
            self._drop(error, answers)  # a damaged row: the next slot may meet it, too
            raise
        except Exception:
            # A fault of ours: what it has left in memory is worth nothing.
            self._drop(UnavailableError(f"queue {self.queue} has failed; ask again"), answers)
            raise
        answers.extend(self._answered(machine))
        if submission is not None:
            self._write(self._place(submission, machine.fold.slot), answers, ended)
        elif rows:
            self._write(self._world.own.keep(rows), answers, ended)
        else:
            self._give(answers, ended)

    def _decide(self, machine: QueueMachine, answers: list[Answer]) -> None:
        """Have *machine* do what waits, as far as it fits in a slot; *answers* are to be given."""
        while self._commands and not machine.is_full:
            ask = self._commands.popleft()
            reply = ask.reply
            if isinstance(ask.command, AwaitIdle):
                self._idlers[reply] = self._later(ask.wait_ms, Bored(reply))
                continue
            try:
                answer = machine.do(ask.command)
            except SchedulerError as error:
                reply.fail(error)
                if isinstance(error, StoreError) and machine.is_touched:
                    raise  # in the middle of it
                continue
            except Exception:
                reply.fail(UnavailableError(f"queue {self.queue} has failed; ask again"))
                if machine.is_touched:
                    raise  # what it has changed of the state by then, nobody knows
                _LOG.exception("a command to queue %s has failed", self.queue)
                continue
            if isinstance(answer, Waiter):
                self._claims[answer] = reply, self._later(ask.wait_ms, Over(answer))
                answer.is_hasty = not ask.wait_ms
            else:
                answers.append((reply, answer))

    def _later(self, wait_ms: int, mail: Mail) -> Timer:
        return self.dispatcher.clock.call_later(wait_ms, lambda: self._tell(mail))

    def _answered(self, machine: QueueMachine) -> list[Answer]:
        answers: list[Answer] = []
        for waiter in machine.waiting.take_answered():
            reply, timer = self._claims.pop(waiter)
            timer.cancel()
            answers.append((reply, waiter.answer))
        for waiter in [each for each in self._claims if each.is_hasty]:
            reply, timer = self._claims.pop(waiter)
            timer.cancel()
            machine.waiting.withdraw(waiter)
            answers.append((reply, NOTHING))
        return answers

    def _bore(self, idler: Future[Any]) -> None:
        """Answer who waits for an idle queue, if there is no answer yet."""
        timer = self._idlers.pop(idler, None)
        if timer is not None:
            timer.cancel()
            idler.resolve(None)

    def _let_go(self, waiter: Waiter) -> None:
        """Answer a claim that has waited long enough, if it has no answer yet."""
        found = self._claims.pop(waiter, None)
        if found is not None:
            assert self._machine is not None, "claims are dropped with it"
            self._machine.waiting.withdraw(waiter)
            found[1].cancel()
            found[0].resolve(NOTHING)

    def _release(self) -> None:
        for waiter in list(self._claims):
            self._let_go(waiter)
        for reply in list(self._idlers):
            self._bore(reply)

    def _withdraw(self, reply: Future[Any]) -> None:
        """Forget the claim whose answer is *reply*, whether it waits or was not looked at yet."""
        for ask in [each for each in self._commands if each.reply is reply]:
            self._commands.remove(ask)
            reply.resolve(NOTHING)
        for waiter in [each for each, (its, _) in self._claims.items() if its is reply]:
            self._let_go(waiter)

    # What takes its time.

    def _load(self) -> None:
        async def load() -> None:
            try:
                # Of a long queue it takes seconds.
                fold = await asyncio.to_thread(load_fold, self.queue, self._world.tree)
                find = partial(output_rows, self._world.tree, self.queue)
                found_slot = self._on_load(fold)
                make = partial(QueueMachine, fold, self._time, self._world.draw)
                machine = await asyncio.to_thread(make, find, found_slot)
                loaded = Loaded(machine, None)
            except SchedulerError as error:
                loaded = Loaded(None, error)
            except Exception as error:  # noqa: BLE001  # whoever waits has to be told
                _LOG.exception("queue %s cannot be read", self.queue)
                loaded = Loaded(None, UnavailableError(f"queue {self.queue}: {error!r}"))
            self._tell(loaded)

        self._run(load())

    def _begin(self, loaded: Loaded) -> None:
        self._is_busy = False
        self._machine = loaded.machine
        if loaded.error is not None:
            self._fail_all(loaded.error)
            if loaded.error.retryable:
                # The time may bring something, though nobody asks again.
                self._arm(self._pauses.take_ms())
            return
        self._take_turn()

    async def _place(self, submission: Submission, slot: int) -> None:
        receipt = await self._world.own.place(submission)
        if receipt.slot != slot:
            raise UnavailableError(f"queue {self.queue}: slot {receipt.slot} is not {slot}")

    def _write(self, writing: Awaitable[None], answers: list[Answer], ended: list[Job]) -> None:
        """Give *answers* when *writing* has come to its end."""

        async def write() -> None:
            error: SchedulerError | None = None
            try:
                await writing
            except SchedulerError as failed:
                error = failed
            except Exception as failed:  # noqa: BLE001  # whoever waits has to be told
                _LOG.exception("a slot of queue %s has failed", self.queue)
                error = UnavailableError(f"queue {self.queue}: {failed!r}")
            written = Written(answers, ended, error)
            if self.actor_stopped.is_set():
                written.fail(_stopping())
            else:
                self.actor_ref.tell(written)

        self._arm(NODE_LATE_MS)
        self._run(write())

    def _submission(self, machine: QueueMachine) -> Submission:
        fold = machine.fold
        message = Message(slot_fields(fold.at_ms, fold.wall_ms, machine.data()))
        key = sha256(_SLOT_KEY + self._process + fold.slot.to_bytes(8)).digest()
        submission = submit_unsigned(message, process=self._process)
        return submission._replace(dedupe_key=key, rows=(*fold.rows(), *machine.output.rows()))

    def _settle(self, written: Written) -> None:
        self._is_busy = False
        if written.error is not None:
            _LOG.warning("queue %s begins anew: %s", self.queue, written.error)
            self._drop(written.error, written.answers)
            return
        self._notice_deaf()
        self._give(written.answers, written.ended)

    def _give(self, answers: list[Answer], ended: list[Job]) -> None:
        self._pauses.restart()
        for reply, answer in answers:
            reply.resolve(answer)
        machine = self._machine
        assert machine is not None, "it has made the batch"
        self._on_slot(self.queue, machine.slot, machine.events, ended)
        if not machine.fold.live:
            self._say_idle(machine.slot)
        clock = self.dispatcher.clock
        if self._commands:
            self._take_turn()
        else:
            self._arm(machine.wake_ms(clock.now_ms(), clock.monotonic_ms()))

    def _say_idle(self, slot: int) -> None:
        idlers, self._idlers = self._idlers, {}
        for reply, timer in idlers.items():
            timer.cancel()
            reply.resolve(slot)

    def _arm(self, wait_ms: int | None) -> None:
        """Make a batch in *wait_ms*, too; at no time for ``None``.

        The wall clock may be set forward meanwhile: sooner, where it is known what waits for that.
        """
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._listens_ms = None
        if wait_ms is not None:
            clock = self.dispatcher.clock
            if self._machine is not None:
                wait_ms = min(wait_ms, CLOCK_CHECK_MS)
            self._timer = clock.call_later(wait_ms, self._ring)
            self._listens_ms = clock.monotonic_ms() + wait_ms

    def _notice_deaf(self) -> int:
        """Hold no worker's silence against it where this comes too late; return by how much."""
        now_ms, due_ms = self.dispatcher.clock.monotonic_ms(), self._listens_ms
        if due_ms is None or now_ms - due_ms <= NODE_LATE_MS or self._machine is None:
            return 0
        self._listens_ms = None
        # What workers have said meanwhile is read after this: it listens for a moment first.
        self._machine.miss(now_ms - due_ms + NODE_LATE_MS)
        return now_ms - due_ms

    def _ring(self) -> None:
        self._timer = None
        if late_ms := self._notice_deaf():
            _LOG.warning("queue %s was held up for %d ms; leases hold longer", self.queue, late_ms)
        self._listens_ms = None
        if self._is_busy:  # a disk that is slow makes nobody deaf: mail is taken meanwhile
            self._arm(NODE_LATE_MS)
        elif not self.actor_stopped.is_set():
            self._take_turn()

    def _run(self, work: Any) -> None:
        self._is_busy = True
        self._tasks.add(task := asyncio.ensure_future(work))
        task.add_done_callback(self._tasks.discard)

    def _tell(self, mail: Mail) -> None:
        if not self.actor_stopped.is_set():
            self.actor_ref.tell(mail)

    def _drop(self, error: SchedulerError, answers: list[Answer]) -> None:
        """Forget the state, and tell everybody; the next command has it read again."""
        self._machine = None
        self._on_drop()
        for reply, _ in answers:
            reply.fail(error)
        self._fail_all(error)
        # What was due is due still.
        self._arm(self._pauses.take_ms())

    def _fail_all(self, error: SchedulerError) -> None:
        claims, self._claims = self._claims, {}
        for reply, timer in claims.values():
            timer.cancel()
            reply.fail(error)
        idlers, self._idlers = self._idlers, {}
        for reply, timer in idlers.items():
            timer.cancel()
            reply.fail(error)
        while self._commands:
            self._commands.popleft().fail(error)


def _stopping() -> StoppingError:
    return StoppingError("the node is stopping; ask the next one")
