"""What a worker has: each attempt from its grant until its word was said.

::

    grant ──► running ──────────── ends ────────────► unsaid ──── a report is answered ──► (said)
                │  │                                     ▲
                │  └─ stop ──► stopping ──── ends ───────┘
                │                 │
                └──── lose ───────┴──► lost ──── ends ────────────────────────────► (forgotten)

An attempt is known by its job and its token: a job that was lost may be granted to the same worker
again while that still stops the attempt before, and neither is to touch the other. Who is lost
keeps its room until it has ended, and nobody would take its word then. What is unsaid stays here
until the node has answered: a report that fails, or is cut off, is made again of the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from seriatim.actors.queue.commands import Done, Failed, Held
from seriatim.formats.limits import (
    REPORT_ENDED_MAX,
    REPORT_MAX_BYTES,
    REPORT_PRINTED_MAX,
)

if TYPE_CHECKING:
    from seriatim.actors.queue.commands import Ended, Printed
    from seriatim.actors.worker.run import Run

T = TypeVar("T")


class Word(NamedTuple):
    """What there is to say, as far as one report has room for it.

    Attributes:
        printed: what was printed.
        ended: what has ended; nothing as long as there is more that was printed.
    """

    printed: list[Printed]
    ended: list[Ended]


class Book:
    """The attempts of one worker."""

    def __init__(self) -> None:
        self._running: dict[Held, Run] = {}
        self._unsaid: dict[Held, Ended] = {}
        self._printed: list[Printed] = []

    @property
    def running(self) -> Collection[Run]:
        """What has not ended, the oldest first: running, stopping, or lost.

        As it is now: the guard of the loop looks from another thread.
        """
        return tuple(self._running.values())

    @property
    def held(self) -> list[Held]:
        """All that the worker has, and would say something of."""
        return [*self._running, *self._unsaid]

    @property
    def has_word(self) -> bool:
        """Whether there is anything to say."""
        return bool(self._unsaid or self._printed)

    def room(self, most: int) -> int:
        """Return how many more it takes where *most* may run at once, and as many be unsaid."""
        running = len(self._running)
        return max(min(most - running, 2 * most - running - len(self._unsaid)), 0)

    def begin(self, run: Run) -> None:
        """Note what was granted, and runs from now on."""
        self._running[run.held] = run

    def latest(self, job: str) -> Run | None:
        """Return the attempt of *job* that was granted last, while it runs."""
        found = [run for run in self._running.values() if run.grant.id == job]
        return max(found, key=lambda run: run.grant.token, default=None)

    def of(self, held: Held) -> Run | None:
        """Return what was granted as *held*, while it runs."""
        return self._running.get(held)

    def end(self, run: Run, ended: Ended) -> None:
        """Note what has become of *run*; nothing where it was lost."""
        del self._running[run.held]
        if not run.is_lost:
            self._printed.extend(run.take_printed())
            self._unsaid[run.held] = ended

    def to_renew(self, now_ms: int) -> list[Run]:
        """Return what runs and whose lease is to be renewed by now."""
        return [run for run in self._kept() if run.renew_ms <= now_ms]

    def renew_ms(self) -> int | None:
        """Return when the next lease is to be renewed, by the monotonic clock."""
        return min((run.renew_ms for run in self._kept()), default=None)

    def shortest_lease_ms(self) -> int | None:
        """Return the shortest of the leases that are to be renewed."""
        return min((run.lease_ms for run in self._kept()), default=None)

    def overdue(self, now_ms: int) -> list[Run]:
        """Return what runs and whose lease was not renewed in time."""
        return [run for run in self._kept() if now_ms - run.renewed_ms > run.lease_ms]

    def word(self) -> Word:
        """Return what there is to say; it is unsaid until `said`."""
        for run in self._kept():
            self._printed.extend(run.take_printed())
        printed = _first(self._printed, REPORT_PRINTED_MAX, lambda each: len(each.data))
        # What a job has printed is said before its end is: afterwards, nobody may say it.
        if len(printed) < len(self._printed):
            return Word(printed, [])
        return Word(printed, _first(self._unsaid.values(), REPORT_ENDED_MAX, _size))

    def said(self, word: Word) -> None:
        """Forget *word*, the last that there was: the node has it."""
        del self._printed[: len(word.printed)]
        for ended in word.ended:
            del self._unsaid[ended.id, ended.token]

    def _kept(self) -> Iterable[Run]:
        return (run for run in self.running if not run.is_lost)


_WORD_MAX_BYTES: Final = REPORT_MAX_BYTES // 2


def _first(items: Collection[T], most: int, size_of: Callable[[T], int]) -> list[T]:
    """Return as many of the first of *items* as half a report has room for, and *most*."""
    taken, size_bytes = [], 0
    for each in islice(items, most):
        if size_bytes >= _WORD_MAX_BYTES:
            break
        taken.append(each)
        size_bytes += size_of(each)
    return taken


def _size(ended: Ended) -> int:
    """Return about how many bytes *ended* is in JSON."""
    if isinstance(ended, Failed):
        return len(ended.reason) + len(str(ended.details))
    return len(ended.result) if isinstance(ended, Done) else 0
