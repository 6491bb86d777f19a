"""The trigger table: what a node is told of triggers, and what it says of them.

One process is its log; see `formats/triggers/word.py` for what stands there, and `rows.py` for what
follows from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from seriatim.actors.runtime.unbroken import unbroken
from seriatim.actors.triggers.book import Book, World
from seriatim.actors.triggers.fires import Fires
from seriatim.actors.triggers.firing import Firing
from seriatim.actors.triggers.reader import Happened, Trigger, TriggerReader
from seriatim.actors.triggers.rows import Begun, Known, Where, change_rows, defined_rows
from seriatim.actors.triggers.runs import Act, Runs
from seriatim.actors.triggers.watching import Watching
from seriatim.actors.watches.webhook_watch import WEBHOOK
from seriatim.formats.errors import (
    FormatError,
    LimitExceededError,
    MalformedError,
    RefusedError,
)
from seriatim.formats.ids import b64url, decode_id
from seriatim.formats.limits import (
    BACKFILL_MAX,
    EVENT_KEY_BYTES,
    TRIGGERS_MAX,
)
from seriatim.formats.recurrence.zone_database import zone_database_version
from seriatim.formats.triggers.definition import (
    Definition,
    check_times,
    fire_key,
    parse_definition,
)
from seriatim.formats.triggers.due import Miss, Reason, last_until
from seriatim.formats.triggers.progress import Defined, Progress, State
from seriatim.formats.triggers.word import Word, define_word, miss_fields, word_of
from seriatim.formats.watches.event import Event, check_event

if TYPE_CHECKING:
    from seriatim.actors.watches.registry import WatchRegistry
    from seriatim.actors.watches.watch import World as WatchWorld
    from seriatim.formats.message import Value
    from seriatim.formats.schedule.assignment import Rows


class TriggerTable(TriggerReader):
    """The triggers of one node; belongs to one event loop."""

    def __init__(self, world: World, *, kinds: WatchRegistry, watch_world: WatchWorld) -> None:
        """Keep the triggers of the node that hands it *world*.

        Args:
            world: the node's.
            kinds: of watches.
            watch_world: what watches are handed.
        """
        self._world = world
        self._book = Book(world)
        super().__init__(self._book.rows, world.log)
        self._runs = Runs(self._book, world.clock)
        self._fires = Fires(self._book, self._runs)
        self._firing = Firing(self._book, self._fires, self._runs, world.clock)
        self._watching = Watching(
            self._book, self._fires, self._runs, world.clock, kinds=kinds, world=watch_world
        )
        self._missing: dict[str, set[bytes]] = {}
        self._count = 0

    @property
    def process(self) -> bytes | None:
        """The process of the table's own log; ``None`` before there is one."""
        return self._book.table

    @property
    def live(self) -> int:
        """How many triggers wait for their time, or for an event."""
        return self._firing.live + self._watching.live

    async def start(self) -> None:
        """Have everything fire that is live, and begin once more what was interrupted."""
        self._count = self._rows.count()
        await self._runs.start()
        edition = zone_database_version()
        now_ms = self._world.clock.now_ms()
        for page in self._rows.live():
            for trigger, progress in page:
                if progress.waits_for and not self._runs.provides(progress.waits_for):
                    self._missing.setdefault(progress.waits_for, set()).add(trigger)
                elif progress.next_ms is None:
                    self._arm(trigger)  # it watches
                elif progress.edition == edition:
                    self._firing.arm(trigger, progress)
                else:
                    # Another edition may have another next time.
                    self._firing.decide_soon(trigger, now_ms)

    def provide(self, name: str, act: Act) -> None:
        """Have *act* do what triggers start that wait for *name*; see `Definition.waits_for`."""
        self._runs.provide(name, act)
        for trigger in self._missing.pop(name, ()):
            self._arm(trigger)

    @unbroken
    async def define(self, fields: Mapping[str, object]) -> Trigger:
        """Define a trigger; the same again is the same one, and nothing happens.

        Args:
            fields: see `Definition`.

        Raises:
            MalformedError, LimitExceededError: see `read_definition`; there are ``TRIGGERS_MAX``.
            NotFoundError: there is no such process.
            FollowedError: it is a copy of another node's.
            SchedulerError: it cannot be written now.
        """
        definition = parse_definition(fields)
        if definition.process:
            self._world.check_target(decode_id(definition.process))
        trigger = definition.id
        async with self._book.turn(trigger):
            known = self._rows.of(trigger)
            if known.defined is not None and known.defined.definition == definition:
                if known.progress is None or known.progress.state is not State.OVER:
                    return self.show(trigger)
                if not self._is_due_again(definition):
                    return self.show(trigger)
            check_times(definition, self._world.clock.now_ms())
            if known.defined is None and self._count >= TRIGGERS_MAX:
                raise LimitExceededError("triggers", given=self._count + 1, maximum=TRIGGERS_MAX)
            made = await self._define(trigger, definition, known)
            self._count += known.defined is None
        old = known.defined
        if old is not None and old.definition.waits_for != definition.waits_for:
            await self._runs.cancel(trigger, "its trigger was changed")
        return made

    def check(self, fields: Mapping[str, object]) -> Definition:
        """Return the definition that *fields* say, if `define` would take it now.

        Raises:
            MalformedError, LimitExceededError: as for `define`.
        """
        definition = parse_definition(fields)
        defined = self._rows.of(definition.id).defined
        if defined is None or defined.definition != definition:
            check_times(definition, self._world.clock.now_ms())
        return definition

    def _is_due_again(self, definition: Definition) -> bool:
        """Tell whether *definition*, which is over, has a time again when it is defined now."""
        try:
            check_times(definition, self._world.clock.now_ms())
        except FormatError:
            return False
        return True

    async def _define(self, trigger: bytes, definition: Definition, known: Known) -> Trigger:
        """Make *trigger* what *definition* says; what of it is not changed goes on as it was."""
        before, old = known.progress, known.defined
        missed = None
        if before is not None and old is not None and _goes_on(before, old, definition):
            defined = Defined(definition, old.defined_ms)
            after = before._replace(waits_for=definition.waits_for)
        else:
            if before is not None and old is not None:
                missed = self._missed(Trigger(trigger, *old, before), Reason.CHANGED)
            defined = Defined(definition, self._world.clock.now_ms())
            after = await self._begin(defined, before, missed)
        said = {} if missed is None else miss_fields(missed)
        word = {**define_word(trigger, definition, defined.defined_ms), **said}
        await self._note(trigger, word, after, before, defined, defined_rows(trigger, defined))
        return Trigger(trigger, *defined, after._replace(changes=after.changes + 1))

    async def _begin(
        self, defined: Defined, before: Progress | None, missed: Miss | None
    ) -> Progress:
        """Return the progress of what is defined now: no time before counts any more.

        Raises:
            MalformedError: none is left; code ``never_due``.
        """
        definition, now_ms = defined.definition, defined.defined_ms
        decided = [each.cursor_ms for each in (before, missed) if each is not None]
        # `now` is a nominal time where somebody says so.
        first_ms = now_ms - 1 if definition.start == "now" else now_ms
        begun = Progress(
            State.LIVE,
            max([first_ms, *decided]),
            next_ms=None,
            changes=0 if before is None else before.changes,
            waits_for=definition.waits_for,
        )
        after = await self._from_here(defined, begun)
        if after.state is State.OVER:
            raise MalformedError(
                "every time of it is before what this trigger has decided already: the clock was "
                "set back; give it another name",
                code="never_due",
            )
        return after

    async def _from_here(self, defined: Defined, progress: Progress) -> Progress:
        """Return *progress* with what is due next, or where its watch looks on."""
        definition = defined.definition
        if definition.watch is not None:
            mark = await self._watching.first_mark(definition)
            return progress._replace(state=State.LIVE, mark=mark)
        timing = definition.timing(defined.defined_ms)
        next_ms = timing.recurrence.after(progress.cursor_ms)
        return progress._replace(
            state=State.OVER if next_ms is None else State.LIVE,
            next_ms=next_ms,
            edition=zone_database_version(),
        )

    @unbroken
    async def pause(self, trigger: bytes) -> Trigger:
        """Have *trigger* fire no more until it is resumed; it is paused already: nothing happens.

        Raises:
            NotFoundError: there is no such trigger.
            RefusedError: it is over; code ``trigger_over``.
        """
        async with self._book.turn(trigger):
            known = self._known(trigger)
            before = known.progress
            if before.state is State.OVER:
                raise RefusedError("it is over: nothing of it is due any more", code="trigger_over")
            if before.state is State.LIVE:
                after = before._replace(state=State.PAUSED, next_ms=None)
                await self._note(
                    trigger, word_of(Word.PAUSE, trigger), after, before, known.defined
                )
        return self.show(trigger)

    @unbroken
    async def resume(self, trigger: bytes) -> Trigger:
        """Have *trigger* fire again; what was due meanwhile is missed, and the slot says so.

        Raises:
            NotFoundError: there is no such trigger.
        """
        async with self._book.turn(trigger):
            known = self._known(trigger)
            before = known.progress
            if before.state is State.PAUSED:
                missed = self._missed(known, Reason.PAUSED)
                cursor_ms = before.cursor_ms if missed is None else missed.cursor_ms
                after = await self._from_here(known.defined, before._replace(cursor_ms=cursor_ms))
                said = {} if missed is None else miss_fields(missed)
                word = {**word_of(Word.RESUME, trigger), **said}
                await self._note(trigger, word, after, before, known.defined)
        return self.show(trigger)

    def _missed(self, known: Trigger, reason: Reason) -> Miss | None:
        """Return what of *known* is due until now, and not decided; of events nobody knows."""
        if known.definition.watch is not None:
            return None
        recurrence = known.definition.timing(known.defined_ms).recurrence
        now_ms = self._world.clock.now_ms()
        first_ms = recurrence.after(known.progress.cursor_ms)
        if first_ms is None or first_ms > now_ms:
            return None
        return Miss(first_ms, last_until(recurrence, first_ms, now_ms), reason)

    @unbroken
    async def remove(self, trigger: bytes) -> None:
        """Take *trigger* away; its history stays, and so does what it has fired.

        Raises:
            NotFoundError: there is no such trigger.
        """
        async with self._book.turn(trigger):
            known = self._known(trigger)
            before, missed = known.progress, self._missed(known, Reason.REMOVED)
            cursor_ms = before.cursor_ms if missed is None else missed.cursor_ms
            after = before._replace(state=State.REMOVED, cursor_ms=cursor_ms, next_ms=None)
            said = {} if missed is None else miss_fields(missed)
            word = {**word_of(Word.REMOVE, trigger), **said}
            await self._note(trigger, word, after, before, None, defined_rows(trigger, None))
            self._count -= 1
        await self._runs.cancel(trigger, "its trigger was removed")

    @unbroken
    async def fire(self, trigger: bytes) -> Happened:
        """Have *trigger* fire now, by hand: beside its nominal times, paused or over as it may be.

        Raises:
            NotFoundError: there is no such trigger.
            SchedulerError: the message cannot be placed.
        """
        async with self._book.turn(trigger):
            known = self._known(trigger)
            number = known.progress.changes
            key = fire_key(trigger, f"by hand {number}")
            where = await self._fire(known, self._world.clock.now_ms(), key)
        return self._happened(number, where)

    @unbroken
    async def occur(self, trigger: bytes, key: str, fields: Mapping[str, Value]) -> Happened:
        """Have *trigger*, whose watch is a ``webhook``, fire for an event.

        Args:
            trigger: its id, 32 raw bytes.
            key: names the event: the same again fires no second time; empty for one of its own.
            fields: what the event says.

        Raises:
            NotFoundError: there is no such trigger.
            RefusedError: its watch is another one (code ``no_webhook``), or it is not live
                (``not_live``).
            MalformedError, LimitExceededError: see `check_event`.
            SchedulerError: not now.
        """
        known = self._known(trigger)
        if (known.definition.watch or {}).get("kind") != WEBHOOK:
            raise RefusedError("this trigger waits for no webhook", code="no_webhook")
        name = key or b64url(self._world.entropy(EVENT_KEY_BYTES))
        event = check_event(Event(name, fields, mark=WEBHOOK.encode()))
        where, number = await self._watching.take(trigger, known.definition, event)
        return self._happened(number, where)

    @unbroken
    async def backfill(self, trigger: bytes, first_ms: int, last_ms: int) -> tuple[int, int]:
        """Have the nominal times from *first_ms* to *last_ms*, both inclusive, fire that have not.

        Only those that are decided: what is still to come fires by itself.

        Returns:
            How many have fired now, and how many had before.

        Raises:
            NotFoundError: there is no such trigger.
            RefusedError: it is due by events; code ``no_recurrence``.
            LimitExceededError: they are more than ``BACKFILL_MAX``.
            SchedulerError: one cannot be placed; those before it have fired.
        """
        known = self._known(trigger)
        if known.definition.watch is not None:
            raise RefusedError("events have no times to backfill", code="no_recurrence")
        recurrence = known.definition.timing(known.defined_ms).recurrence
        last_ms = min(last_ms, known.progress.cursor_ms)
        wanted: list[int] = []
        nominal_ms = recurrence.after(first_ms - 1)
        while nominal_ms is not None and nominal_ms <= last_ms:
            wanted.append(nominal_ms)
            if len(wanted) > BACKFILL_MAX:
                raise LimitExceededError("fires at once", given=len(wanted), maximum=BACKFILL_MAX)
            nominal_ms = recurrence.after(nominal_ms)
        fired = 0
        for each_ms in wanted:
            async with self._book.turn(trigger):
                known = self._known(trigger)
                key = fire_key(trigger, str(each_ms))
                where = await self._fires.where(known.definition, key)
                if self._world.log.find_in(where.process, key) is None:
                    await self._fire(known, each_ms, key)
                    fired += 1
        return fired, len(wanted) - fired

    # The end.

    async def settled(self) -> None:
        """Return when nothing that was due until now is on its way, and every run has ended."""
        await self._firing.settled()
        await self._runs.settled()

    def release(self) -> None:
        """Decide nothing more, and watch no more."""
        self._firing.release()
        self._watching.release()

    async def close(self) -> None:
        """Fire nothing more; runs are left where they are."""
        await self._watching.close()
        await self._firing.close()
        await self._runs.close()

    # Within.

    def _progress(self, trigger: bytes) -> Progress | None:
        return self._rows.progress(trigger)

    async def _note(
        self,
        trigger: bytes,
        word: Mapping[str, Value],
        after: Progress,
        before: Progress | None,
        defined: Defined | None,
        more: Rows = (),
    ) -> None:
        """Write a change of *trigger*, and have it fire by what it is then."""
        table = await self._book.open_table()
        key = fire_key(trigger, f"change {after.changes}")
        rows = change_rows(trigger, after, before, Where(table, key))
        try:
            await self._book.note(word, key, (*more, *rows))
        except BaseException:
            # Whether a commit that has failed has come about, the rows say.
            self._arm(trigger)
            raise
        self._arm_as(trigger, defined, after)

    def _arm(self, trigger: bytes) -> None:
        """Have *trigger* fire by what the rows say of it."""
        self._arm_as(trigger, *self._rows.of(trigger))

    def _arm_as(self, trigger: bytes, defined: Defined | None, progress: Progress | None) -> None:
        self._firing.forget(trigger)
        self._watching.forget(trigger)
        if defined is None or progress is None:
            return
        if progress.waits_for and not self._runs.provides(progress.waits_for):
            self._missing.setdefault(progress.waits_for, set()).add(trigger)
        elif defined.definition.watch is None:
            self._firing.arm(trigger, progress)
        elif progress.state is State.LIVE:
            self._watching.arm(trigger, defined.definition)

    async def _fire(self, known: Trigger, nominal_ms: int, key: bytes) -> Where:
        """Fire beside what is decided: the cursor stays where it is."""
        before = known.progress
        begun = Begun(key, known.id, nominal_ms)
        await self._fires.place(known.definition, begun, before=before, after=before)
        return await self._fires.where(known.definition, key)


def _goes_on(before: Progress, old: Defined, definition: Definition) -> bool:
    """Tell whether a trigger that is live stays due as it was, by the same times or watch."""
    return before.state is State.LIVE and old.definition.due_by == definition.due_by
