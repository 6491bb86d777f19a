"""Runs: what a fire starts that takes its time: a function of the program, or a path of the node.

A run is on disk before it begins, and its end is, too. One that was interrupted by the end of its
node begins once more with the next one: at least once, where a message is placed exactly once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from seriatim.actors.runtime.clock import pause
from seriatim.actors.triggers.book import unbroken
from seriatim.actors.triggers.rows import Begun, Where, change_rows, end_rows
from seriatim.formats.errors import SchedulerError, UnsupportedError
from seriatim.formats.limits import (
    FIRE_PAUSE_MAX_MS,
    FIRE_PAUSE_MIN_MS,
    RUN_REASON_MAX_CHARS,
    RUNS_AT_ONCE_MAX,
)
from seriatim.formats.triggers.definition import NOMINAL_TIME, fire_key
from seriatim.formats.triggers.word import Word, word_of

if TYPE_CHECKING:
    from seriatim.actors.runtime.clock import Clock
    from seriatim.actors.triggers.book import Book
    from seriatim.formats.message import Value
    from seriatim.formats.triggers.definition import Definition

_LOG: Final = logging.getLogger("seriatim.actors")
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
"""Does what a run is; raises where that fails."""


class Runs:
    """The runs of one node; belongs to one event loop."""

    def __init__(self, book: Book, clock: Clock) -> None:
        self._book = book
        self._clock = clock
        self._places = asyncio.Semaphore(RUNS_AT_ONCE_MAX)
        self._tasks: dict[bytes, set[asyncio.Task[None]]] = {}
        self._cancelled: set[asyncio.Task[None]] = set()
        self._acts: dict[str, Act] = {}
        self._interrupted: dict[str, list[Run]] = {}

    def start(self) -> None:
        """Look for runs that were interrupted; each begins once more when it can."""
        for begun in self._book.rows.begun():
            defined = self._book.rows.defined(begun.trigger)
            if defined is not None:
                name = defined.definition.waits_for
                event = self._book.event_of(begun)
                self._interrupted.setdefault(name, []).append(Run(defined.definition, begun, event))

    def provide(self, name: str, act: Act) -> None:
        """Have *act* do what waits for *name*; see `Definition.waits_for`."""
        self._acts[name] = act
        for run in self._interrupted.pop(name, ()):
            self.begin(run)

    def provides(self, name: str) -> bool:
        """Tell whether something here does what waits for *name*; nothing has to, for no name."""
        return not name or name in self._acts

    def active(self, trigger: bytes) -> bool:
        """Tell whether a run of *trigger* has not ended."""
        return trigger in self._tasks

    def begin(self, run: Run) -> None:
        """Begin *run*, which is on disk."""
        task = asyncio.ensure_future(self._run(run))
        self._tasks.setdefault(run.trigger, set()).add(task)
        task.add_done_callback(lambda done: self._forget(run.trigger, done))

    def begin_if_due(self, run: Run) -> None:
        """Begin *run* if it is on disk, has not ended, and nobody has begun it."""
        if self._book.rows.has_begun(run.begun.key) and not self.active(run.trigger):
            self.begin(run)

    async def ended(self, trigger: bytes) -> None:
        """Return when no run of *trigger* is left."""
        while tasks := self._tasks.get(trigger):
            await asyncio.wait(tasks)

    async def settled(self) -> None:
        """Return when no run is left."""
        while self._tasks:
            await self.ended(next(iter(self._tasks)))

    async def cancel(self, trigger: bytes) -> None:
        """Cancel the runs of *trigger*, and return when their ends are on disk."""
        for task in self._tasks.get(trigger, ()):
            self._cancelled.add(task)
            task.cancel()
        await self.ended(trigger)

    async def close(self) -> None:
        """Leave every run where it is: the next node begins it once more."""
        tasks = [task for tasks in self._tasks.values() for task in tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, trigger: bytes, task: asyncio.Task[None]) -> None:
        self._cancelled.discard(task)
        tasks = self._tasks[trigger]
        tasks.discard(task)
        if not tasks:
            del self._tasks[trigger]

    async def _run(self, run: Run) -> None:
        code, reason = "", ""
        try:
            async with self._places:
                act = self._acts.get(run.definition.waits_for)
                if act is None:
                    raise UnsupportedError("nothing here does that: see `provide`")
                await act(run)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task not in self._cancelled:
                raise  # the node ends
            task.uncancel()
            code, reason = CANCELLED, "a later fire has taken its place"
        except SchedulerError as error:
            code, reason = error.code, str(error)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # somebody's code raises what it likes
            code, reason = RAISED, f"{type(error).__name__}: {_words(error)}"
        await self._end(run, code, reason)

    async def _end(self, run: Run, code: str, reason: str) -> None:
        pause_ms = FIRE_PAUSE_MIN_MS
        while True:
            try:
                await self._note_end(run, code, reason)
            except SchedulerError:
                _LOG.warning("the end of a run is not on disk yet; once more", exc_info=True)
            else:
                return
            await pause(self._clock, pause_ms)
            pause_ms = min(2 * pause_ms, FIRE_PAUSE_MAX_MS)

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


def _words(error: BaseException) -> str:
    """Return what *error* says, in characters that every message can carry."""
    try:
        return str(error).encode("utf-8", "replace").decode()
    except Exception:  # noqa: BLE001  # an exception of somebody's class can fail at that, too
        return "it says nothing"
