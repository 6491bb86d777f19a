"""Firing by events: a task for each trigger that watches, as long as it is live.

An event fires like a nominal time does: its message, and the watch mark behind it, are one
transaction, under the key H(trigger, event). So an event that is seen again fires no second time.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from seriatim.actors.runtime.pauses import Pauses
from seriatim.actors.runtime.unbroken import unbroken
from seriatim.actors.triggers.rows import Begun, Where, change_rows, progress_rows
from seriatim.actors.triggers.runs import Run, Runs
from seriatim.formats.errors import (
    OverloadedError,
    RefusedError,
    SchedulerError,
)
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import (
    FIRE_PAUSE_MAX_MS,
    FIRE_PAUSE_MIN_MS,
    RETRY_AFTER_MS,
    RUNS_OF_TRIGGER_MAX,
)
from seriatim.formats.triggers.definition import EVENT, Overlap, fire_key
from seriatim.formats.triggers.due import Reason
from seriatim.formats.triggers.progress import State
from seriatim.formats.triggers.word import Word, word_of
from seriatim.formats.watches.event import NoEvent, check_event, check_mark

if TYPE_CHECKING:
    from seriatim.actors.runtime.clock import Clock
    from seriatim.actors.triggers.book import Book
    from seriatim.actors.triggers.fires import Fires
    from seriatim.actors.watches.registry import WatchRegistry
    from seriatim.actors.watches.watch import WatchKind, World
    from seriatim.formats.message import Value
    from seriatim.formats.triggers.definition import Definition
    from seriatim.formats.watches.event import Event

_LOG: Final = logging.getLogger("seriatim.actors")
_KIND: Final = "kind"


class Watching:
    """The triggers of one node that are due by events. Of one event loop."""

    def __init__(
        self,
        book: Book,
        fires: Fires,
        runs: Runs,
        clock: Clock,
        *,
        kinds: WatchRegistry,
        world: World,
    ) -> None:
        """Open watches of *kinds*, which are handed *world*."""
        self._book = book
        self._fires = fires
        self._runs = runs
        self._clock = clock
        self._kinds = kinds
        self._world = world
        self._tasks: dict[bytes, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def live(self) -> int:
        """How many triggers watch."""
        return len(self._tasks)

    async def first_mark(self, definition: Definition) -> bytes:
        """Return from where the watch that *definition* asks for looks on, when it is defined now.

        Raises:
            MalformedError: it asks for none; code ``bad_watch``.
            UnsupportedError: the node does not do what it takes.
            SchedulerError: it cannot look now.
        """
        kind, spec = self._asked(definition)
        kind.check(spec)
        return check_mark(await kind.open(spec, self._world).first_mark())

    def arm(self, trigger: bytes, definition: Definition) -> None:
        """Have *trigger*, which is live, fire by its events."""
        self.forget(trigger)
        self._tasks[trigger] = asyncio.ensure_future(self._watch(trigger, definition))

    def forget(self, trigger: bytes) -> None:
        """Have *trigger* fire no more."""
        task = self._tasks.pop(trigger, None)
        if task is not None:
            task.cancel()
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    def release(self) -> None:
        """Watch no more; what has been seen, and is not on disk, is seen again by the next node."""
        for trigger in list(self._tasks):
            self.forget(trigger)

    async def close(self) -> None:
        """Watch no more, and return when nothing does."""
        self.release()
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _asked(self, definition: Definition) -> tuple[WatchKind, dict[str, Value]]:
        """Return the kind of watch that *definition* asks for, and for what."""
        spec = dict(definition.watch or {})
        name = spec.pop(_KIND, None)
        return self._kinds.get(name if isinstance(name, str) else ""), spec

    async def _watch(self, trigger: bytes, definition: Definition) -> None:
        pauses = Pauses(self._clock, FIRE_PAUSE_MIN_MS, FIRE_PAUSE_MAX_MS)
        while True:
            begun_ms = self._clock.monotonic_ms()
            try:
                progress = self._book.rows.progress(trigger)
                assert progress is not None, "what watches was defined"
                kind, spec = self._asked(definition)
                watch = kind.open(spec, self._world)
                async with aclosing(watch.events(progress.mark)) as events:
                    async for seen in events:
                        await self._keep(trigger, definition, seen)
                        pauses.restart()
            except SchedulerError as error:
                _LOG.warning("trigger %s does not watch now: %s", encode_id(trigger), error)
            except Exception:  # noqa: BLE001  # somebody's kind of watch raises what it likes
                _LOG.exception("trigger %s does not watch now", encode_id(trigger))
            if self._clock.monotonic_ms() - begun_ms > FIRE_PAUSE_MAX_MS:
                pauses.restart()  # for so long all was well
            await pauses.rest()

    async def _keep(self, trigger: bytes, definition: Definition, seen: Event | NoEvent) -> None:
        """Have on disk what a watch has *seen*, however long that takes: it sees it only once."""
        pauses = Pauses(self._clock, FIRE_PAUSE_MIN_MS, FIRE_PAUSE_MAX_MS)
        while True:
            try:
                if isinstance(seen, NoEvent):
                    await self._pass(trigger, check_mark(seen.mark))
                else:
                    await self.take(trigger, definition, check_event(seen))
            except SchedulerError as error:
                if not error.retryable:
                    raise
                _LOG.warning("trigger %s has not fired yet: %s", encode_id(trigger), error)
            else:
                return
            await pauses.rest()

    @unbroken
    async def _pass(self, trigger: bytes, mark: bytes) -> None:
        """Have the watch of *trigger* look on from *mark*, though nothing fires."""
        async with self._book.turn(trigger):
            before = self._book.rows.progress(trigger)
            if before is not None and before.state is State.LIVE:
                after = before._replace(mark=mark)
                await self._book.keep(progress_rows(trigger, after))

    @unbroken
    async def take(self, trigger: bytes, definition: Definition, event: Event) -> tuple[Where, int]:
        """Make *event* durable: it fires, or is missed with the reason.

        Returns:
            Where that stands, and its number in the trigger's history; -1 where it stood before.

        Raises:
            RefusedError: the trigger is not live; code ``not_live``.
            OverloadedError: ``RUNS_OF_TRIGGER_MAX`` of its runs have not ended.
            SchedulerError: not now.
        """
        key = fire_key(trigger, f"{EVENT} {event.key}")
        said: dict[str, Value] = {**event.fields, "key": event.key}
        async with self._book.turn(trigger):
            before = self._book.rows.progress(trigger)
            if before is None or before.state is not State.LIVE:
                raise RefusedError("this trigger is paused, or was removed", code="not_live")
            after = before._replace(mark=event.mark)
            table = await self._book.open_table()
            fired, missed = await self._fires.where(definition, key), Where(table, key)
            begun = Begun(key, trigger, self._clock.now_ms())
            for where in (fired, missed):
                if self._book.stands(where):  # it was seen before
                    await self._book.keep(progress_rows(trigger, after))
                    self._runs.begin_if_due(Run(definition, begun, said))
                    return where, -1
            failed = self._overlap_of(trigger, definition)
            try:
                if not failed:
                    await self._fires.place(
                        definition, begun, before=before, after=after, event=said
                    )
                    return fired, before.changes
            except SchedulerError as error:
                if error.retryable:
                    raise
                failed = {"reason": error.code, "detail": str(error)}
            word = word_of(Word.MISS, trigger, event=said, **failed)
            await self._book.note(word, key, change_rows(trigger, after, before, missed))
            return missed, before.changes

    def _overlap_of(self, trigger: bytes, definition: Definition) -> dict[str, Value]:
        """Return why an event is missed because of the runs before it; empty where it is not."""
        active = self._runs.active(trigger)
        if active and definition.overlap is Overlap.SKIP:
            return {"reason": Reason.OVERLAP.value}
        if active >= RUNS_OF_TRIGGER_MAX:
            raise OverloadedError("the runs of this trigger", retry_after_ms=RETRY_AFTER_MS)
        return {}
