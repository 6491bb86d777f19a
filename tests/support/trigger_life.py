"""One life of a node's trigger table over a disk that outlives it; the scheduler is the product's.

A clock that notes when the table looks at it, a writer that does as it is told, and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from seriatim.actors.own_log import OwnLog
from seriatim.actors.runtime.dispatcher import LoopDispatcher
from seriatim.actors.runtime.future import Future
from seriatim.actors.scheduler.mail import Submit
from seriatim.actors.triggers.alarms import Alarms
from seriatim.actors.triggers.book import World
from seriatim.actors.triggers.runs import Act
from seriatim.actors.triggers.table import TriggerTable
from seriatim.actors.watches.registry import WatchRegistry
from seriatim.formats.schedule.submission import Submission
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.wire.receipt import Receipt
from seriatim.testing import VirtualClock
from tests.support.simulated_disk import Fate, SimulatedDisk, SimulatedWriter, simulated_scheduler
from tests.support.trigger_policy import Look
from tests.support.waiting import until_idle
from tests.support.watching import quiet_world

if TYPE_CHECKING:
    from seriatim.actors.runtime.clock import Timer

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NONCES = count()


class WatchedClock:
    """A `Clock` that notes what it shows when a trigger table looks for what is due.

    Attributes:
        looks: that, in its order.
    """

    def __init__(self, now_ms: int) -> None:
        self._clock = VirtualClock(_EPOCH + timedelta(milliseconds=now_ms))
        self.looks: list[Look] = []

    def look(self) -> Look:
        """Return what it shows."""
        return Look(self.now_ms(), self.monotonic_ms())

    def now_ms(self) -> int:
        """See `Clock.now_ms`."""
        return self._clock.now_ms()

    def monotonic_ms(self) -> int:
        """See `Clock.monotonic_ms`."""
        return self._clock.monotonic_ms()

    def call_later(self, delay_ms: int, callback: Callable[[], object]) -> Timer:
        """See `Clock.call_later`."""
        if not isinstance(getattr(callback, "__self__", None), Alarms):
            return self._clock.call_later(delay_ms, callback)

        def look() -> None:
            self.looks.append(self.look())
            callback()

        return self._clock.call_later(delay_ms, look)

    def advance(self, passed_ms: int) -> None:
        """See `VirtualClock.advance`."""
        self._clock.advance(milliseconds=passed_ms)

    def set(self, now_ms: int) -> None:
        """See `VirtualClock.set`."""
        self._clock.set(_EPOCH + timedelta(milliseconds=now_ms))


class TriggerLife:
    """A node that has triggers and a scheduler, from its start until it is killed.

    Attributes:
        clock: what it takes for the time.
        writer: writes for it.
        table: its triggers.
        armed: since when the table looks for each trigger, by its id: from which look of the clock
            on, and what the clock showed before.
    """

    def __init__(self, disk: SimulatedDisk, now_ms: int, draw_fate: Callable[[], Fate]) -> None:
        self.clock = WatchedClock(now_ms)
        self.writer = SimulatedWriter(disk, draw_fate)
        dispatcher = LoopDispatcher(asyncio.get_running_loop(), self.clock)
        self._scheduler = simulated_scheduler(dispatcher, disk, self.writer)
        self.table = TriggerTable(
            World(
                log=disk.log,
                tree=disk.tree,
                clock=self.clock,
                own=OwnLog(self.place, self._scheduler.store),
                check_target=lambda process: None,
                wallet=None,
                entropy=lambda size: next(_NONCES).to_bytes(size),
            ),
            kinds=WatchRegistry(()),
            watch_world=quiet_world(self.clock),
        )

        self.armed: dict[bytes, tuple[int, Look]] = {}
        arm = self.table._firing.arm

        def note(trigger: bytes, *rest: Any) -> None:
            self.armed.setdefault(trigger, (len(self.clock.looks), self.clock.look()))
            arm(trigger, *rest)

        self.table._firing.arm = note  # type: ignore[assignment,method-assign]  # only to see when

    async def place(self, submission: Submission) -> Receipt:
        """Give *submission* its slot; see `Node.place_own`."""
        reply: Future[Receipt] = Future()
        self._scheduler.submit(Submit(submission, Variant.NATIVE, reply, is_early=False))
        return await reply

    async def start(self, acts: Mapping[str, Act]) -> None:
        """Start, and have *acts* do what triggers wait for."""
        await self.table.start()
        for name, act in acts.items():
            self.table.provide(name, act)

    async def close(self) -> None:
        """Have the table fire nothing more; what is on its way to disk may come there."""
        closing = asyncio.ensure_future(self.table.close())
        await until_idle()
        closing.cancel()

    async def pass_time(self, passed_ms: int) -> None:
        """Let time pass, and everything happen that follows from it."""
        slow = self.writer.slow
        self.clock.advance(passed_ms)
        await until_idle()
        self.writer.catch_up(slow)
        await until_idle()

    async def settle(self) -> None:
        """Let whatever is due come to disk: what has failed is tried again, some time later."""
        while not self.writer.is_killed and (self.table._firing._lines or self._is_due):
            await self.pass_time(1_000)

    @property
    def _is_due(self) -> bool:
        """Whether anything is due and not decided: what queues is, one after the other."""
        alarms, clocks = self.table._firing._alarms, self.clock.look()
        is_due = any(each <= clocks.wall_ms for each in alarms._due.by_key.values())
        return is_due or any(each <= clocks.passed_ms for each in alarms._ends.by_key.values())
