"""Who has run what when: a window of a queue's log, as spans; a page at a time, from any thread.

The start of a window is found by its time, and what was leased there by a row and the few slots
behind it. So no page costs more for what the log has before it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, Self

from seriatim.formats.errors import MalformedError
from seriatim.formats.jobs.slot import read_slot
from seriatim.formats.jobs.spans import Span, Spans
from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import QUEUE_LOOKED_AT_MAX, QUEUE_OPEN_EVERY_SLOTS

if TYPE_CHECKING:
    from seriatim.actors.queue.reader import QueueReader
    from seriatim.actors.reader import Reader
    from seriatim.formats.jobs.fold import Event
    from seriatim.formats.jobs.job import Job


class Place(NamedTuple):
    """Where a page of a timeline begins.

    Attributes:
        last: the last slot of the window; the same for all of its pages.
        slot: the slot whose ends are next; behind *last*, what has not ended.
        skipped: how many of those another page has.
    """

    last: int
    slot: int
    skipped: int = 0

    def __str__(self) -> str:
        return ".".join(map(str, self))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return what ``str`` has made *text* of.

        Raises:
            MalformedError: it is none; code ``bad_query``.
        """
        parts = text.split(".")
        numbers = [int(each) for each in parts if each.isascii() and each.isdecimal()]
        if len(parts) != len(cls._fields) or len(numbers) != len(parts):
            raise MalformedError("after: it is of no page of a timeline", code="bad_query")
        return cls(*numbers)


class Shown(NamedTuple):
    """A span, and what is known of its job besides.

    Attributes:
        span: see `Span`.
        type: of the job; ``None`` where that was forgotten.
        attempt: which one it was, from 1; ``None`` where the job does not say it any more.
    """

    span: Span
    type: str | None
    attempt: int | None


class TimelinePage(NamedTuple):
    """Some spans of a window.

    Attributes:
        spans: by their ends; those that had not ended by the end of the window come last.
        after: where the next page begins; ``None`` at the end.
    """

    spans: Sequence[Shown]
    after: Place | None


class Timeline:
    """The timeline of one queue."""

    def __init__(self, queue: str, process: bytes, log: Reader, rows: QueueReader) -> None:
        """Read *queue*, whose slots are those of *process* in *log*."""
        self._queue = queue
        self._process = process
        self._log = log
        self._rows = rows

    def window(self, from_ms: int, to_ms: int) -> Place:
        """Return where the spans begin that overlap the time from *from_ms* up to *to_ms*.

        A span that ends at *from_ms* counts, and one that begins at *to_ms* does not.
        """
        slots = range(1, self._rows.slot(self._queue) + 1)
        before_it = bisect_left(slots, from_ms, key=self._at_ms)
        return Place(bisect_left(slots, to_ms, key=self._at_ms), before_it + 1)

    def page(self, place: Place, limit: int) -> TimelinePage:
        """Return up to *limit* spans from *place* on.

        It ends with the slot that has it look at ``QUEUE_LOOKED_AT_MAX`` events, too; so it may be
        short, or empty, before the end.

        Raises:
            MalformedError: there is no such place; code ``bad_query``.
            StoreError: the queue's rows or slots are not as they must be.
        """
        last, first, skipped = place
        if not 1 <= first <= last + 1 <= self._rows.slot(self._queue) + 1:
            raise MalformedError("after: it is of no page of this timeline", code="bad_query")
        spans = self._before(first)
        found: list[Span] = []
        looked_at = 0
        for slot, at_ms, events in self._slots(first, last):
            ended = spans.apply(slot, at_ms, events)[skipped:]
            room = limit - len(found)
            found.extend(ended[:room])
            if len(ended) > room:
                return self._page(found, Place(last, slot, skipped + room))
            skipped = 0
            looked_at += len(events)
            if looked_at >= QUEUE_LOOKED_AT_MAX:
                return self._page(found, Place(last, slot + 1))
        still = spans.open[skipped:]
        room = limit - len(found)
        found.extend(still[:room])
        after = Place(last, last + 1, skipped + room) if len(still) > room else None
        return self._page(found, after)

    def _before(self, slot: int) -> Spans:
        """Return what was open before *slot*, which is 1 at least."""
        known = (slot - 1) - (slot - 1) % QUEUE_OPEN_EVERY_SLOTS
        spans = self._rows.open_after(self._queue, known)
        for each, at_ms, events in self._slots(known + 1, slot - 1):
            spans.apply(each, at_ms, events)
        return spans

    def _slots(self, first: int, last: int) -> Iterator[tuple[int, int, Sequence[Event]]]:
        """Yield the slots from *first* to *last*, both inclusive: their times and events."""
        for each in self._log.schedule(self._process, first, last):
            said = read_slot(each.slot, each.fields)
            yield each.slot, said.at_ms, said.events

    def _at_ms(self, slot: int) -> int:
        return read_slot(slot, self._log.stored(self._process, slot).fields).at_ms

    def _page(self, spans: Sequence[Span], after: Place | None) -> TimelinePage:
        jobs: dict[str, Job | None] = {}
        for span in spans:
            if span.job not in jobs:
                jobs[span.job] = self._rows.job(self._queue, span.job)
        return TimelinePage([_shown(span, jobs[span.job]) for span in spans], after)


def _shown(span: Span, job: Job | None) -> Shown:
    """Return *span* with what its *job*, as it is now, says of it."""
    if job is None or job.order.slot > span.token:  # one that was forgotten since, by the same id
        return Shown(span, None, None)
    if span.how == "released":  # it may count for none, though the job was cancelled with it
        return Shown(span, job.type, None)
    attempts = {failure.token: failure.attempt for failure in job.failures or ()}
    # Elsewhere the job may have been given back since, untouched, which counts for no attempt.
    if job.token == span.token and job.state in (JobState.LEASED, JobState.DONE):
        attempts[span.token] = job.attempt
    return Shown(span, job.type, attempts.get(span.token))
