"""Copies that a running node brings up to their sources when somebody reads them.

A read that the copy can answer asks nobody. Any other one fetches what is missing, up to a bound:
verified as ``seriatim follow`` verifies it, and made durable by the node's own writer before it is
served. Readers of one process share one fetch, and go on with what is there when it takes too long;
the fetch goes on without them, up to a deadline of its own. After a failure there is a pause: who
reads meanwhile hears of the same failure, and the source is not asked.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from seriatim.actors.follow.copies import HintedCopy, ServedCopy
from seriatim.actors.follow.follower import Follower
from seriatim.actors.follow.marks import FollowMark
from seriatim.actors.follow.source import Source
from seriatim.formats.errors import (
    DeadlineExceededError,
    DivergedError,
    SchedulerError,
    UnavailableError,
)
from seriatim.formats.limits import (
    CATCH_UP_DEADLINE_MS,
    CATCH_UP_FAILURES_MAX,
    CATCH_UP_FETCH_DEADLINE_MS,
    CATCH_UP_PAUSE_MS,
    CATCH_UP_SLOTS_MAX,
    CATCH_UPS_HINTED_MAX,
    CATCH_UPS_MAX,
    HINTED_COPIES_MAX,
    SOURCES_CACHED_MAX,
)

if TYPE_CHECKING:
    from seriatim.actors.follow.marks import FollowMarks
    from seriatim.actors.runtime.clock import Clock
    from seriatim.actors.scheduler.writer import Copied, Store
    from seriatim.formats.schedule.record import Record
    from seriatim.formats.wire.page import PageEntry
    from seriatim.store.log import Log

OpenSource = Callable[[str, bytes], Source]
"""Makes the source of a process (32 raw bytes) at the node with that URL."""

_LOG: Final = logging.getLogger("seriatim.follow")

_Outcome = int | SchedulerError


class _Fetch(NamedTuple):
    source: FollowMark
    task: asyncio.Task[_Outcome]


class _Failure(NamedTuple):
    """What a fetch has ended with: remembered, so that its source has a pause."""

    error: SchedulerError
    until_ms: int  # on the monotonic clock


class CatchUp:
    """Brings copies up to their sources; belongs to one event loop."""

    def __init__(
        self,
        *,
        log: Log,
        marks: FollowMarks,
        store: Store[Copied],
        open_source: OpenSource,
        clock: Clock,
        draw: Callable[[int], int],
        evidence: Path,
    ) -> None:
        """Fetch into *log* what *marks* say is followed.

        Args:
            log: the node's, to read.
            marks: says from where a process is followed.
            store: the node's writer.
            open_source: gives what is read; it goes only where the operator allows.
            clock: for deadlines and pauses.
            draw: see `Follower`.
            evidence: the folder for what does not hold.
        """
        self._log = log
        self._marks = marks
        self._store = store
        self._open_source = open_source
        self._clock = clock
        self._draw = draw
        self._evidence = evidence
        self._sources: dict[bytes, Source] = {}
        self._fetches: dict[bytes, _Fetch] = {}
        # By the source, too: a wrong hint of one stranger holds up no right one of another.
        self._failures: dict[tuple[bytes, FollowMark], _Failure] = {}
        self._waiting: set[asyncio.Event] = set()
        self._is_released = False

    async def __call__(self, process: bytes, hint: str = "") -> int | None:
        """Fetch what the source of *process* has and its copy has not.

        One fetch ends ``CATCH_UP_SLOTS_MAX`` slots further at the latest: what is asked for may
        be further still.

        Args:
            process: its id, 32 raw bytes.
            hint: URL of a node that has it, as a stranger says; empty for none. The source that the
                operator has named goes before it; a process of which nothing is known is begun to
                be copied from there, up to ``HINTED_COPIES_MAX`` of them.

        Returns:
            The last slot that the source says it has; ``None`` where nobody has been asked or has
            answered in time, or after `release`, for what is there is served then.

        Raises:
            DivergedError: what the source serves does not hold; the evidence is on disk.
            SchedulerError: there is nothing to serve yet of what the operator has named, for this
                reason.
        """
        source = self._source_of(process, hint)
        if source is None:
            return None
        outcome = self._failure(process, source) or await self._fetched(process, source)
        if outcome is None or isinstance(outcome, int):
            return outcome
        if self._log.head(process) is not None:
            is_due = isinstance(outcome, DivergedError)
        else:
            is_due = not source.is_hinted  # what is begun by a hint is sent on, as without it
        if is_due:
            raise _again(outcome)
        return None

    async def _fetched(self, process: bytes, source: FollowMark) -> _Outcome | None:
        """Return what comes of reading *source* now; ``None`` for nothing, or not in time."""
        fetch = self._fetches.get(process)
        if fetch is None:
            if not self._has_place(source):
                return None
            fetch = self._start(process, source)
        elif fetch.source != source:
            return None  # what another stranger has named is read just now
        await self._wait(fetch.task)
        if not fetch.task.done() or fetch.task.cancelled():
            return None
        return fetch.task.result()

    def _has_place(self, source: FollowMark) -> bool:
        """Tell whether one more may be fetched: strangers never take every place."""
        if source.is_hinted:
            hinted = sum(fetch.source.is_hinted for fetch in self._fetches.values())
            if hinted >= CATCH_UPS_HINTED_MAX:
                return False
        return not self._is_released and len(self._fetches) < CATCH_UPS_MAX

    def _failure(self, process: bytes, source: FollowMark) -> SchedulerError | None:
        """Return what reading *source* has ended with, while its pause lasts."""
        failure = self._failures.get((process, source))
        if failure is None or self._clock.monotonic_ms() >= failure.until_ms:
            return None
        return failure.error

    def is_fetching(self, process: bytes) -> bool:
        """Tell whether more of *process* is being read now."""
        return process in self._fetches

    def _source_of(self, process: bytes, hint: str) -> FollowMark | None:
        """Return where *process* is read, or ``None`` where nobody is to be asked."""
        mark = self._marks.find(process)
        if mark is not None and not mark.is_hinted:
            return mark
        if not hint:
            return None
        if mark is None and (
            self._log.head(process) is not None or self._marks.has_hinted(HINTED_COPIES_MAX)
        ):
            return None
        return FollowMark(hint, is_hinted=True)

    def _start(self, process: bytes, source: FollowMark) -> _Fetch:
        if source.is_hinted:
            self._marks.expect()
        task = asyncio.ensure_future(self._fetch(process, source))
        timer = self._clock.call_later(CATCH_UP_FETCH_DEADLINE_MS, task.cancel)

        def ended(task: asyncio.Task[_Outcome]) -> None:
            timer.cancel()
            del self._fetches[process]
            self._remember(process, source, task)

        task.add_done_callback(ended)
        fetch = self._fetches[process] = _Fetch(source, task)
        return fetch

    def _remember(self, process: bytes, source: FollowMark, task: asyncio.Task[_Outcome]) -> None:
        """Give *source* a pause where its fetch has failed, and forget what it serves."""
        outcome: _Outcome = (
            DeadlineExceededError("the source", deadline_ms=CATCH_UP_FETCH_DEADLINE_MS)
            if task.cancelled()
            else task.result()
        )
        self._failures.pop((process, source), None)
        if isinstance(outcome, int):
            return
        self._sources.pop(process, None)
        if len(self._failures) >= CATCH_UP_FAILURES_MAX:
            del self._failures[next(iter(self._failures))]  # the oldest
        until_ms = self._clock.monotonic_ms() + CATCH_UP_PAUSE_MS
        self._failures[process, source] = _Failure(outcome, until_ms)

    def release(self) -> None:
        """Begin no more fetches, and let every reader go on with what is there."""
        self._is_released = True
        for wake in self._waiting:
            wake.set()

    async def close(self) -> None:
        """Release readers and end every fetch; what the writer has already is written."""
        self.release()
        tasks = [fetch.task for fetch in self._fetches.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _fetch(self, process: bytes, mark: FollowMark) -> _Outcome:
        make = HintedCopy if mark.is_hinted else ServedCopy
        try:
            copy = make(
                self._log,
                process,
                mark=self._marks.find(process) or mark,
                store=self._store,
                evidence=self._evidence,
            )
            source = _Near(self._source(process, mark.url), copy.slots + CATCH_UP_SLOTS_MAX - 1)
            follower = Follower(
                copy,
                source,
                clock=self._clock,
                draw=self._draw,
                tell=lambda _: None,
                shares_loop=True,
            )
            await follower.run(once=True)
        except SchedulerError as error:
            return _again(error)
        except Exception as error:  # noqa: BLE001  # whatever it is, its source has a pause
            _LOG.error("%s cannot be read: %s: %s", mark.url, type(error).__name__, error)
            return UnavailableError("this node failed at what the source has said")
        return source.last_said

    def _source(self, process: bytes, url: str) -> Source:
        """Return the source of *process*, which has found out once what its node serves."""
        known = self._sources.get(process)
        if known is not None and known.url == url:
            return known
        if len(self._sources) >= SOURCES_CACHED_MAX:
            self._sources.clear()
        source = self._sources[process] = self._open_source(url, process)
        return source

    async def _wait(self, fetch: asyncio.Task[_Outcome]) -> None:
        """Return when *fetch* is done, at the deadline, or when released: it goes on without."""
        wake = asyncio.Event()

        def done(_: object) -> None:
            wake.set()

        timer = self._clock.call_later(CATCH_UP_DEADLINE_MS, wake.set)
        fetch.add_done_callback(done)
        self._waiting.add(wake)
        try:
            await wake.wait()
        finally:
            self._waiting.discard(wake)
            timer.cancel()
            fetch.remove_done_callback(done)


def _again(error: SchedulerError) -> SchedulerError:
    """Return *error* anew: one that was raised keeps alive whatever it has come through."""
    fresh = type(error).__new__(type(error), *error.args)
    fresh.__dict__.update(error.__dict__)
    return fresh


class _Near(Source):
    """A source of which no more is read at once than up to a slot.

    Attributes:
        last_said: the last slot that it has, as it says itself.
    """

    def __init__(self, source: Source, slot_max: int) -> None:
        self.url = source.url
        self.shape = source.shape
        self.last_said = -1
        self._source = source
        self._slot_max = slot_max

    async def last(self) -> int:
        self.last_said = await self._source.last()
        return min(self.last_said, self._slot_max)

    async def page(self, first: int, count: int) -> Sequence[PageEntry]:
        return await self._source.page(first, min(count, self._slot_max - first + 1))

    async def arrival(self, slot: int) -> None:
        """Never waits: it is read once."""
        del slot

    def record(self, entry: PageEntry) -> Record:
        return self._source.record(entry)
