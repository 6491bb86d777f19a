"""Firing: what is due is decided at its time, and made durable one after the other.

A **line** is what has been decided of one trigger and is not on disk yet. The way of a fire::

    Alarms ──due──► decide (pure: due.py) ──► line ──► drain: a turn of the book each
                        ▲                                │ message + rows, one transaction
                        └──── the next nominal time ─────┘

Decided is nothing: what the disk says is where a line begins anew, after a change or a restart.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from seriatim.actors.runtime.pauses import Pauses
from seriatim.actors.triggers.alarms import Alarms
from seriatim.actors.triggers.fires import Fires
from seriatim.actors.triggers.rows import Begun, Where, change_rows
from seriatim.actors.triggers.runs import NO_EVENT, Run, Runs
from seriatim.formats.errors import SchedulerError
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import (
    FIRE_LATE_MS,
    FIRE_PAUSE_MAX_MS,
    FIRE_PAUSE_MIN_MS,
    FIRES_AT_ONCE_MAX,
    FIRES_OF_TRIGGER_MAX,
    FIRES_WAITING_MAX,
    RUNS_OF_TRIGGER_MAX,
)
from seriatim.formats.recurrence.zone_database import zone_database_version
from seriatim.formats.triggers.definition import Overlap, fire_key
from seriatim.formats.triggers.due import (
    Fire,
    Miss,
    Reason,
    Wait,
    due_of,
    is_elapsed,
    longest_wait,
    next_step,
)
from seriatim.formats.triggers.progress import State
from seriatim.formats.triggers.word import miss_word

if TYPE_CHECKING:
    from seriatim.actors.runtime.clock import Clock
    from seriatim.actors.triggers.book import Book
    from seriatim.formats.triggers.progress import Defined, Progress

_LOG: Final = logging.getLogger("seriatim.actors")


class _Step(NamedTuple):
    """Something that is decided.

    Attributes:
        what: a nominal time fires, or some are missed.
        next_ms: the nominal time behind it; ``None`` for none.
    """

    what: Fire | Miss
    next_ms: int | None

    def after(self, before: Progress) -> Progress:
        """Return how far a trigger that has come to *before* has come by this."""
        return before._replace(
            state=State.OVER if self.next_ms is None else State.LIVE,
            cursor_ms=self.what.cursor_ms,
            next_ms=self.next_ms,
            edition=zone_database_version(),
        )


class _Line:
    """What is decided of a trigger, and not on disk yet.

    Attributes:
        steps_max: so much is decided at once, and what is next when that is on disk: one step of
            what queues.
        is_held: whether something is due that was not decided for that.
    """

    __slots__ = (
        "cursor_ms",
        "defined",
        "is_held",
        "is_placing",
        "next_ms",
        "steps",
        "steps_max",
        "timing",
        "trigger",
    )

    def __init__(self, trigger: bytes, defined: Defined, cursor_ms: int) -> None:
        self.trigger = trigger
        self.defined = defined
        self.timing = defined.definition.timing(defined.defined_ms)
        self.cursor_ms = cursor_ms
        self.next_ms: int | None = None
        self.steps: deque[_Step] = deque()
        is_queued = defined.definition.overlap is Overlap.QUEUE
        self.steps_max = 1 if is_queued else FIRES_OF_TRIGGER_MAX
        self.is_held = False
        self.is_placing = False

    @property
    def is_full(self) -> bool:
        """Whether nothing more is decided of it now."""
        return len(self.steps) >= self.steps_max


class Firing:
    """Fires the triggers of one node that are due by the time. Of one event loop."""

    def __init__(self, book: Book, fires: Fires, runs: Runs, clock: Clock) -> None:
        self._book = book
        self._fires = fires
        self._runs = runs
        self._clock = clock
        self._alarms = Alarms(clock, self._decide)
        self._lines: dict[bytes, _Line] = {}
        self._drains: dict[asyncio.Task[None], _Line] = {}
        self._places = asyncio.Semaphore(FIRES_AT_ONCE_MAX)
        self._waiting = 0

    @property
    def live(self) -> int:
        """How many triggers wait for their time."""
        return len(self._alarms)

    def arm(self, trigger: bytes, progress: Progress) -> None:
        """Have *trigger* decided when it is due next; forget what was decided of it."""
        self.forget(trigger)
        if progress.state is State.LIVE and progress.next_ms is not None:
            # Whether elapsed time leads to it, its definition says, which is read when it rings.
            now_ms = self._clock.now_ms()
            wait_ms = longest_wait(progress.next_ms, progress.cursor_ms, now_ms)
            self._alarms.set(trigger, progress.next_ms, wait_ms=wait_ms)

    def forget(self, trigger: bytes) -> None:
        """Have *trigger* fire no more; what was decided of it, and is not on disk, is not."""
        self._alarms.set(trigger, None)
        line = self._lines.pop(trigger, None)
        if line is not None:
            self._count(-len(line.steps))

    def decide_soon(self, trigger: bytes, next_ms: int | None) -> None:
        """Have *trigger* decided anew, which may be due by now; ``None`` where it never is."""
        self.forget(trigger)
        if next_ms is not None:
            self._alarms.set(trigger, next_ms, wait_ms=0)

    async def settled(self) -> None:
        """Return when nothing that has been due until now is on its way to disk."""
        while self._drains:
            await asyncio.wait(self._drains)

    def release(self) -> None:
        """Decide nothing more, and forget what is not on its way to disk."""
        self._alarms.close()
        self._lines.clear()

    async def close(self) -> None:
        """End; what is on its way to disk is not waited for."""
        self.release()
        # What is on its way to disk keeps its trigger's turn until it is there.
        ending = [task for task, line in self._drains.items() if not line.is_placing]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    # Deciding.

    def _decide(self, trigger: bytes, due_ms: int, now_ms: int) -> None:
        try:
            line = self._lines.get(trigger) or self._open(trigger)
            if line is not None:
                # So much has passed that it is due, though the clock was set back since.
                is_over = is_elapsed(line.timing, line.cursor_ms)
                self._extend(line, max(due_ms, now_ms) if is_over else now_ms)
        except Exception:  # noqa: BLE001  # the others go on
            # A damaged row, say, or a zone that the machine does not have any more.
            _LOG.exception("trigger %s cannot be read", encode_id(trigger))
            self._alarms.set(trigger, now_ms + FIRE_LATE_MS, wait_ms=FIRE_LATE_MS)

    def _open(self, trigger: bytes) -> _Line | None:
        rows = self._book.rows
        progress, defined = rows.progress(trigger), rows.defined(trigger)
        if progress is None or defined is None or progress.state is not State.LIVE:
            return None
        return _Line(trigger, defined, progress.cursor_ms)

    def _extend(self, line: _Line, now_ms: int) -> None:
        """Decide what is due next, and when to look again; for what is full, when it is empty."""
        if line.is_full:
            line.is_held = True
            return
        trigger_id = encode_id(line.trigger)
        what = next_step(line.timing, trigger_id, line.cursor_ms, now_ms)
        if isinstance(what, Wait):
            self._await(line, what.due_ms, now_ms)
            return
        next_ms = line.timing.recurrence.after(what.cursor_ms)
        line.steps.append(_Step(what, next_ms))
        line.cursor_ms, line.next_ms = what.cursor_ms, next_ms
        self._count(1)
        if line.trigger not in self._lines:
            self._lines[line.trigger] = line
            task = asyncio.ensure_future(self._drain(line))
            self._drains[task] = line
            task.add_done_callback(self._drains.__delitem__)
        due_ms = None if next_ms is None else due_of(line.timing, trigger_id, next_ms)
        self._await(line, due_ms, now_ms)

    def _await(self, line: _Line, due_ms: int | None, now_ms: int) -> None:
        """Have *line* decided further at *due_ms*, as seen at *now_ms*; ``None`` for never."""
        wait_ms = None
        if due_ms is not None and is_elapsed(line.timing, line.cursor_ms):
            wait_ms = longest_wait(due_ms, line.cursor_ms, now_ms)
        self._alarms.set(line.trigger, due_ms, wait_ms=wait_ms)

    # Making durable.

    async def _drain(self, line: _Line) -> None:
        pauses = Pauses(self._clock, FIRE_PAUSE_MIN_MS, FIRE_PAUSE_MAX_MS)
        while line.steps and self._is_current(line):
            try:
                if not await self._makes_way(line):
                    return
                await self._take_turn(line)
            except Exception as error:  # noqa: BLE001  # a fault of ours, too, is tried again
                if not self._is_current(line):
                    return
                is_ours = not isinstance(error, SchedulerError)
                _LOG.warning(
                    "trigger %s has not fired yet: %r",
                    encode_id(line.trigger),
                    error,
                    exc_info=is_ours,
                )
                await pauses.rest()
            else:
                pauses.restart()
        if self._is_current(line):
            del self._lines[line.trigger]
            if line.is_held:
                self._await(line, line.next_ms, self._clock.now_ms())

    def _count(self, more: int) -> None:
        """Count what waits for the disk: too much of it, and nothing more is decided."""
        self._waiting += more
        self._alarms.hold(is_held=self._waiting >= FIRES_WAITING_MAX)

    def _is_current(self, line: _Line) -> bool:
        """Tell whether *line* still holds: a change of its trigger makes another one."""
        return self._lines.get(line.trigger) is line

    async def _makes_way(self, line: _Line) -> bool:
        """Return when the run before is out of the way, as the policy says; and whether it goes on.

        What has waited for it is late: that is decided anew, by the time that it is then. Not so
        jobs, which are submitted one after the other: what is decided of them stands, as it does
        of messages, and how long a submission takes is no matter.
        """
        if line.defined.definition.job:
            await self._runs.ended(line.trigger)
            return True
        is_queued = line.defined.definition.overlap is Overlap.QUEUE
        if not is_queued or not self._runs.active(line.trigger):
            return True
        await self._runs.ended(line.trigger)
        async with self._book.turn(line.trigger):
            progress = self._book.rows.progress(line.trigger)
            if self._is_current(line) and progress is not None:
                self.decide_soon(line.trigger, progress.next_ms)
        return False

    async def _take_turn(self, line: _Line) -> None:
        async with self._places, self._book.turn(line.trigger):
            if not self._is_current(line):
                return
            line.is_placing = True
            try:
                await self._take(line, line.steps[0])
            finally:
                line.is_placing = False

    async def _take(self, line: _Line, step: _Step) -> None:
        """Make *step* durable; what can never be placed is missed, with the reason."""
        before = self._book.rows.progress(line.trigger)
        assert before is not None, "what has a line was defined"
        after, what = step.after(before), step.what
        if isinstance(what, Fire) and self._overlaps(line):
            what = Miss(what.nominal_ms, what.nominal_ms, Reason.OVERLAP)
        if isinstance(what, Fire):
            try:
                await self._fire(line, what, before, after)
            except SchedulerError as error:
                if error.retryable:
                    raise
                what = Miss(what.nominal_ms, what.nominal_ms, error.code, str(error))
        if isinstance(what, Miss):
            await self._miss(line, what, before, after)
        if self._is_current(line):
            line.steps.popleft()
            self._count(-1)

    def _overlaps(self, line: _Line) -> bool:
        """Tell whether so many runs have not ended that the policy allows no more."""
        definition = line.defined.definition
        if not definition.may_overlap:
            return False
        active = self._runs.active(line.trigger)
        is_skipped = definition.overlap in (None, Overlap.SKIP)
        return active >= (1 if is_skipped else RUNS_OF_TRIGGER_MAX)

    async def _fire(self, line: _Line, fire: Fire, before: Progress, after: Progress) -> None:
        definition = line.defined.definition
        key = fire_key(line.trigger, str(fire.nominal_ms))
        begun = Begun(key, line.trigger, fire.nominal_ms)
        if before.cursor_ms >= fire.nominal_ms:
            # The commit that nobody knew the outcome of has come about.
            self._runs.begin_if_due(Run(definition, begun, NO_EVENT))
            return
        await self._fires.place(definition, begun, before=before, after=after)

    async def _miss(self, line: _Line, miss: Miss, before: Progress, after: Progress) -> None:
        if before.cursor_ms >= miss.last_ms:
            return
        table = await self._book.open_table()
        key = fire_key(line.trigger, f"miss {miss.first_ms} {miss.last_ms}")
        rows = change_rows(line.trigger, after, before, Where(table, key))
        await self._book.note(miss_word(line.trigger, miss), key, rows)
