"""The triggers of an embedded node: what is due calls a function, or places a message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, TypedDict, TypeVar, Unpack

from seriatim.actors.embedding.called_function import CalledFunction, read_function
from seriatim.actors.triggers.reader import Happened
from seriatim.actors.triggers.reader import Trigger as RawTrigger
from seriatim.actors.triggers.runs import NO_EVENT, Run
from seriatim.actors.triggers.table import TriggerTable
from seriatim.formats.errors import MalformedError, RefusedError
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import PROCESSES_PAGE, RUNS_AT_ONCE_MAX
from seriatim.formats.message import Value
from seriatim.formats.recurrence.expression import parse_expression
from seriatim.formats.triggers.definition import Definition, Overlap

_MS: Final = timedelta(milliseconds=1)
_EPOCH: Final = datetime.fromtimestamp(0, UTC)

Function = TypeVar("Function", bound=Callable[..., object])


When = str | Mapping[str, Value]
"""When a trigger is due: a recurrence, or the map that a watch is."""


class TriggerOptions(TypedDict, total=False):
    """What may be said of every trigger; see ``docs/triggers.md``.

    Keys:
        name: another definition of the same name replaces this one.
        tz: the IANA zone whose clocks are meant; ``UTC`` by default.
        start: the first instant that may be due (inclusive), ISO 8601, or ``now``.
        end: the first instant that may be due no more (exclusive), ISO 8601.
        jitter: over how much fires are spread, such as ``30s``.
        gap: what becomes of times that clocks skip: ``after`` or ``skip``.
        fold: of those that they show twice: ``first``, ``second`` or ``both``.
        misfire: of those that are late by more than a minute: ``once``, ``all`` or ``skip``.
        window: how late a misfire may be, such as ``2h``.
        overlap: what a call does while the one before has not ended: ``skip``, ``queue``,
            ``allow`` or ``cancel``.
    """

    name: str
    tz: str
    start: str
    end: str
    jitter: str
    gap: str
    fold: str
    misfire: str
    window: str
    overlap: str


class Fire(NamedTuple):
    """What a function is told that a trigger calls.

    Attributes:
        trigger: id of the trigger, 43 characters.
        nominal: the time that it is called for, in UTC; of an event, when it was seen.
        event: what a watch has seen, and its ``key``; empty for what is due by the time.
    """

    trigger: str
    nominal: datetime
    event: Mapping[str, Value] = NO_EVENT


class Trigger(NamedTuple):
    """A trigger as it is now.

    Attributes:
        id: 43 characters.
        definition: what it is.
        state: ``live``, ``paused`` or ``over``.
        next: the next time that it is due, in UTC, without its jitter; ``None`` for none.
    """

    id: str
    definition: Definition
    state: str
    next: datetime | None


class Occurrence(NamedTuple):
    """Something that has happened to a trigger.

    Attributes:
        number: its place in the trigger's history, from 0; -1 for an event that was seen before.
        process: in whose log it stands, 43 characters.
        slot: in which slot.
        timestamp_ms: when it was placed.
        fields: what is said there.
    """

    number: int
    process: str
    slot: int
    timestamp_ms: int
    fields: Mapping[str, Value]


class EmbeddedTriggers:
    """``node.triggers``: defining triggers, changing them, and looking at them.

    A *trigger* in the arguments is an id or a name.
    """

    def __init__(self, table: TriggerTable) -> None:
        self._table = table
        # Their own: functions that take long keep nobody else from a thread.
        self._threads = ThreadPoolExecutor(RUNS_AT_ONCE_MAX, "trigger")
        self._names: set[str] = set()
        self._defining: set[asyncio.Task[None]] = set()

    async def add(
        self,
        when: When,
        *,
        process: str,
        message: Mapping[str, Value] | None = None,
        **options: Unpack[TriggerOptions],
    ) -> Trigger:
        """Have *message* placed in *process* whenever *when* is due.

        Args:
            when: a recurrence, or the map that a watch is.
            process: its id.
            message: what the message says, beside what every fire says of itself.
            **options: see `TriggerOptions`.

        The same again is the same trigger, and nothing happens; one of the same name is changed.

        Raises:
            MalformedError: *when* or an option is none; the sentence says where and why.
            NotFoundError: there is no such process.
            SchedulerError: it cannot be written now; the same again is safe.
        """
        said = {"process": process, "message": dict(message or {}), **options}
        fields = {**_when(when), **said}
        return _trigger(await self._table.define(fields))

    def show(self, trigger: str) -> Trigger:
        """Return *trigger* as it is now.

        Raises:
            NotFoundError: there is no such trigger; so for all that follows.
        """
        return _trigger(self._table.show(self._id(trigger)))

    async def all(self) -> AsyncIterator[Trigger]:
        """Yield all triggers, in the order of the text of their ids."""
        after: bytes | None = None
        while page := self._table.page(after=after, limit=PROCESSES_PAGE):
            for each in page:
                yield _trigger(each)
            after = page[-1].id

    async def pause(self, trigger: str) -> Trigger:
        """Have *trigger* fire no more until it is resumed.

        Raises:
            RefusedError: it is over; code ``trigger_over``.
        """
        return _trigger(await self._table.pause(self._id(trigger)))

    async def resume(self, trigger: str) -> Trigger:
        """Have *trigger* fire again; what was due meanwhile is missed, and its log says so."""
        return _trigger(await self._table.resume(self._id(trigger)))

    async def remove(self, trigger: str) -> None:
        """Take *trigger* away; its history stays."""
        await self._table.remove(self._id(trigger))

    async def fire(self, trigger: str) -> Occurrence:
        """Have *trigger* fire now, beside its times."""
        return _occurrence(await self._table.fire(self._id(trigger)))

    async def occur(
        self, trigger: str, key: str = "", fields: Mapping[str, Value] | None = None
    ) -> Occurrence:
        """Have *trigger*, whose watch is ``{"kind": "webhook"}``, fire for an event.

        Args:
            trigger: which.
            key: names the event: the same one again fires no second time. Without it, each is
                another event.
            fields: what it says.

        Raises:
            RefusedError: its watch is another one, or it is not live.
        """
        return _occurrence(await self._table.occur(self._id(trigger), key, dict(fields or {})))

    async def backfill(self, trigger: str, first: datetime, last: datetime) -> int:
        """Have the times from *first* to *last*, both inclusive, fire that have not.

        Returns:
            How many have fired now.

        Raises:
            LimitExceededError: they are more than ``BACKFILL_MAX``.
        """
        bounds = (_to_ms(first), _to_ms(last))
        fired, _ = await self._table.backfill(self._id(trigger), *bounds)
        return fired

    def next(self, trigger: str, count: int = 5) -> list[datetime]:
        """Return the next times of *trigger*, at most *count*, in UTC."""
        return [_to_datetime(each) for each in self._table.next_times(self._id(trigger), count)]

    def history(self, trigger: str, *, after: int = -1, limit: int = 100) -> list[Occurrence]:
        """Return what has happened to *trigger*, behind number *after*: at most *limit* of it."""
        found = self._table.history(self._id(trigger), after=after, limit=limit)
        return [_occurrence(each) for each in found]

    async def settled(self) -> None:
        """Return when nothing that was due until now is on its way, and every call has ended.

        Raises:
            SchedulerError: a function's trigger could not be written.
        """
        await self.defined()
        await self._table.settled()

    def close(self) -> None:
        """Begin no more calls in threads; those that last go on to their ends."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    # Functions.

    async def defined(self) -> None:
        """Return when the triggers of all functions are on disk.

        Raises:
            SchedulerError: one of them could not be written.
        """
        while self._defining:
            await asyncio.gather(*self._defining)

    def call(self, when: When, function: Function, options: TriggerOptions) -> Function:
        """Have *function* called whenever *when* is due, and return it as it is.

        Raises:
            MalformedError, LimitExceededError: see `TriggerTable.check` and `read_function`.
            RefusedError: a function of this program has that name already; code ``name_taken``.
        """
        called = read_function(function, options.get("name", ""))
        fields = {**_when(when), **options, "name": called.name, "function": called.name}
        definition = self._table.check(fields)
        if definition.overlap is Overlap.CANCEL and not called.is_async:
            raise MalformedError(
                "overlap: expected 'skip', 'queue' or 'allow' for a function that is no "
                "coroutine: a thread cannot be cancelled",
                code="bad_trigger",
            )
        if called.name in self._names:
            raise RefusedError(
                f"{called.name} is called by a trigger already; give this one a name of its own: "
                "name=…",
                code="name_taken",
            )
        self._names.add(called.name)
        self._defining.add(asyncio.ensure_future(self._define(fields, called)))
        return function

    def cron(self, expression: str, function: Function, options: TriggerOptions) -> Function:
        """Have *function* called by a cron expression; see `call`."""
        parse_expression(expression)
        return self.call(expression, function, options)

    async def _define(self, fields: Mapping[str, object], called: CalledFunction) -> None:
        async def act(run: Run) -> None:
            fire = Fire(encode_id(run.trigger), _to_datetime(run.begun.nominal_ms), run.event)
            await called.call(fire, self._threads)

        await self._table.define(fields)
        # Only now: it is not called by what an earlier program has said of it.
        self._table.provide(called.name, act)
        task = asyncio.current_task()
        if task is not None:
            self._defining.discard(task)

    def _id(self, trigger: str) -> bytes:
        return self._table.find(trigger)


def every_text(when: object) -> str:
    """Return the recurrence that ``every`` makes of *when*.

    Raises:
        MalformedError: it is no text, as where the parentheses of a decorator are missing; code
            ``bad_trigger``.
    """
    if not isinstance(when, str):
        raise MalformedError("write @node.every('5 minutes')", code="bad_trigger")
    return f"every {when}"


def _when(when: When) -> dict[str, object]:
    """Return the field of a definition that says *when*."""
    return {"when" if isinstance(when, str) else "watch": when}


def _trigger(raw: RawTrigger) -> Trigger:
    next_ms = raw.progress.next_ms
    following = None if next_ms is None else _to_datetime(next_ms)
    return Trigger(encode_id(raw.id), raw.definition, raw.progress.state.value, following)


def _occurrence(raw: Happened) -> Occurrence:
    return Occurrence(raw.number, encode_id(raw.process), raw.slot, raw.timestamp_ms, raw.fields)


def _to_datetime(instant_ms: int) -> datetime:
    return _EPOCH + instant_ms * _MS


def _to_ms(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise MalformedError(f"{moment} has no time zone; give it one", code="bad_time")
    return (moment - _EPOCH) // _MS
