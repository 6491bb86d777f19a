"""Runs: what a fire starts that takes its time: a function of the program, or a path of the node.

A run is on disk before it begins, and its end is, too. One that was interrupted by the end of its
node begins once more with the next one: at least once, where a message is placed exactly once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from seriatim.actors.runtime.pauses import Pauses
from seriatim.actors.runtime.unbroken import unbroken
from seriatim.actors.triggers.rows import Begun, Where, change_rows, end_rows
from seriatim.formats.errors import SchedulerError, StoreError, UnsupportedError
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import (
    FIRE_PAUSE_MAX_MS,
    FIRE_PAUSE_MIN_MS,
    RUN_REASON_MAX_CHARS,
    RUNS_AT_ONCE_MAX,
    RUNS_STOP_MS,
)
from seriatim.formats.triggers.definition import NOMINAL_TIME, Definition, Overlap, fire_key
from seriatim.formats.triggers.word import Word, word_of

if TYPE_CHECKING:
    from seriatim.actors.runtime.clock import Clock
    from seriatim.actors.triggers.book import Book
    from seriatim.formats.message import Value

_LOG: Final = logging.getLogger("seriatim.actors")
NO_EVENT: Final[Mapping[str, Value]] = MappingProxyType({})
CANCELLED: Final = "cancelled"
RAISED: Final = "raised"


class Run(NamedTuple):
    """A fire that starts something.

    Attributes:
        definition: what its trigger is.
        begun: which run it is: the same when it is begun once more.
        event: what it is for, where that is not a time.
    """

    definition: Definition
    begun: Begun
    event: Mapping[str, Value]

    @property
    def trigger(self) -> bytes:
        """Id of its trigger, 32 raw bytes."""
        return self.begun.trigger


Act = Callable[[Run], Awaitable[None]]
"""Does what a run is; raises where that fails, and `NotYetError` where it is to be tried again."""


class RaisedError(Exception):
    """What somebody's code has raised, in words: whatever it was, it ends nothing of ours."""

    @classmethod
    def of(cls, error: BaseException) -> RaisedError:
        """Return *error*, in words."""
        return cls(f"{type(error).__name__}: {_words(error)}")


class NotYetError(Exception):
    """It cannot be done just now; it is tried again in a while, and says why."""


class _Running:
    """A run that has begun. Its work may be cancelled; what becomes of it is seen through."""

    __slots__ = ("cancelled", "run", "seen", "work")

    def __init__(self, run: Run, work: asyncio.Task[None]) -> None:
        self.run = run
        self.work = work
        self.seen: asyncio.Task[None] | None = None
        self.cancelled = ""


class Runs:
    """The runs of one node; belongs to one event loop."""

    def __init__(self, book: Book, clock: Clock) -> None:
        self._book = book
        self._clock = clock
        self._places = asyncio.Semaphore(RUNS_AT_ONCE_MAX)
        # By trigger and by key, in the order in which they have begun.
        self._running: dict[bytes, dict[bytes, _Running]] = {}
        self._acts: dict[str, Act] = {}
        self._interrupted: dict[str, list[Run]] = {}
        self._is_closed = False

    async def start(self) -> None:
        """Look for runs that were interrupted; each begins once more when it can."""
        for begun in sorted(self._book.rows.begun(), key=self._book.slot_of):
            try:
                defined = self._book.rows.defined(begun.trigger)
            except StoreError:
                _LOG.exception("a run is not begun once more")
                continue
            if defined is None:
                run = Run(Definition(), begun, NO_EVENT)
                await self._note_end(run, CANCELLED, "its trigger was removed")
                continue
            run = Run(defined.definition, begun, self._book.event_of(begun))
            self._interrupted.setdefault(defined.definition.waits_for, []).append(run)

    def provide(self, name: str, act: Act) -> None:
        """Have *act* do what waits for *name*; see `Definition.waits_for`."""
        self._acts[name] = act
        for run in self._interrupted.pop(name, ()):
            self.begin(run)

    def provides(self, name: str) -> bool:
        """Tell whether something here does what waits for *name*; nothing has to, for no name."""
        return not name or name in self._acts

    def active(self, trigger: bytes) -> int:
        """Return how many runs of *trigger* have not ended."""
        return len(self._running.get(trigger, ()))

    def begin(self, run: Run) -> None:
        """Begin *run*, which is on disk; nothing happens if it has begun, or the node ends.

        Where a run takes the place of those before, or queues for an event, it waits for their end.
        """
        own = self._running.get(run.trigger, {})
        if self._is_closed or run.begun.key in own:
            return
        overlap = run.definition.overlap
        if overlap is Overlap.CANCEL:
            self._cancel(run.trigger, "a later one has taken its place")
        waits = overlap is Overlap.CANCEL or (run.event and overlap in (None, Overlap.QUEUE))
        before = next(reversed(own.values())).seen if waits and own else None
        running = _Running(run, asyncio.ensure_future(self._work(run, before)))
        self._running.setdefault(run.trigger, own)[run.begun.key] = running
        running.seen = asyncio.ensure_future(self._see_through(running))

    def begin_if_due(self, run: Run) -> None:
        """Begin *run* if it is on disk and has not ended."""
        if self._book.rows.has_begun(run.begun.key):
            self.begin(run)

    async def ended(self, trigger: bytes) -> None:
        """Return when no run of *trigger* is left."""
        while own := self._running.get(trigger):
            await asyncio.wait([each.seen for each in own.values() if each.seen])

    async def settled(self) -> None:
        """Return when no run is left."""
        while self._running:
            await self.ended(next(iter(self._running)))

    async def cancel(self, trigger: bytes, reason: str) -> None:
        """Cancel the runs of *trigger* for *reason*; return when their ends are on disk, or soon.

        Those that were interrupted, and wait to begin once more, have their ends, too.
        """
        self._cancel(trigger, reason)
        for runs in self._interrupted.values():
            for run in [each for each in runs if each.trigger == trigger]:
                runs.remove(run)
                await self._note_end(run, CANCELLED, reason)
        seen = [each.seen for each in self._running.get(trigger, {}).values() if each.seen]
        if seen:
            # Somebody's code may not let itself be cancelled.
            await asyncio.wait(seen, timeout=RUNS_STOP_MS / 1_000)

    def _cancel(self, trigger: bytes, reason: str) -> None:
        for each in self._running.get(trigger, {}).values():
            if each.work.cancel():
                each.cancelled = reason

    async def close(self) -> None:
        """Leave every run where it is: the next node begins it once more."""
        self._is_closed = True
        running = [each for own in self._running.values() for each in own.values()]
        tasks = [task for each in running for task in (each.work, each.seen) if task]
        for task in tasks:
            task.cancel()
        if tasks:
            # Somebody's code may go on all the same.
            await asyncio.wait(tasks, timeout=RUNS_STOP_MS / 1_000)

    async def _work(self, run: Run, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        pauses = Pauses(self._clock, FIRE_PAUSE_MIN_MS, FIRE_PAUSE_MAX_MS)
        while not await self._try(run):
            await pauses.rest()  # without a place: others go on

    async def _try(self, run: Run) -> bool:
        """Do what *run* is, where there is a place; return whether that is done."""
        async with self._places:
            act = self._acts.get(run.definition.waits_for)
            if act is None:
                raise UnsupportedError("nothing here does that: see `provide`")
            try:
                await act(run)
            except NotYetError as error:
                _LOG.warning("trigger %s is tried again: %s", encode_id(run.trigger), error)
                return False
            except (SchedulerError, RaisedError, asyncio.CancelledError, KeyboardInterrupt):
                raise
            except BaseException as error:
                raise RaisedError.of(error) from error
            return True

    async def _see_through(self, running: _Running) -> None:
        """Wait for the end of *running*, whatever it is, and have it on disk."""
        run = running.run
        try:
            await asyncio.wait([running.work])
            if not self._is_closed:
                await self._end(run, *_outcome(running))
        finally:
            own = self._running[run.trigger]
            del own[run.begun.key]
            if not own:
                del self._running[run.trigger]

    async def _end(self, run: Run, code: str, reason: str) -> None:
        pauses = Pauses(self._clock, FIRE_PAUSE_MIN_MS, FIRE_PAUSE_MAX_MS)
        while not self._is_closed:
            try:
                await self._note_end(run, code, reason)
            except SchedulerError:
                _LOG.warning("the end of a run is not on disk yet; once more", exc_info=True)
            else:
                return
            await pauses.rest()

    @unbroken
    async def _note_end(self, run: Run, code: str, reason: str) -> None:
        book = self._book
        async with book.turn(run.trigger):
            progress = book.rows.progress(run.trigger)
            assert progress is not None, "what has begun was defined"
            table = await book.open_table()
            if not book.rows.has_begun(run.begun.key):
                return  # the commit that nobody knew the outcome of has come about
            key = fire_key(run.trigger, f"end {progress.changes}")
            rows = change_rows(run.trigger, progress, progress, Where(table, key))
            said: dict[str, Value] = {NOMINAL_TIME: run.begun.nominal_ms}
            if code:
                said |= {"code": code, "reason": reason[:RUN_REASON_MAX_CHARS]}
            word = {**word_of(Word.END, run.trigger), **said}
            await book.note(word, key, (*rows, *end_rows(run.begun.key)))


def _outcome(running: _Running) -> tuple[str, str]:
    """Return the code and the reason of what has become of a run; both empty if all is well."""
    if running.cancelled:
        return CANCELLED, running.cancelled
    if running.work.cancelled():  # by itself: it has waited for something that was cancelled
        return RAISED, "CancelledError"
    error = running.work.exception()
    if error is None:
        return "", ""
    return (error.code if isinstance(error, SchedulerError) else RAISED), _words(error)


def _words(error: BaseException) -> str:
    """Return what *error* says, in characters that every message can carry."""
    try:
        return str(error).encode("utf-8", "replace").decode()
    except Exception:  # noqa: BLE001  # an exception of somebody's class can fail at that, too
        return "it says nothing"
