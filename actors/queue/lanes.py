"""Which pending job is next: by priority, then by order, and only what there is room for.

Jobs of one type that take the same tokens stand in one *lane*. Of a lane, only the first job
matters; so a job that has to wait for a token holds up its own lane, and nothing else is looked at
again before such a token is free.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection
from itertools import count
from typing import TYPE_CHECKING, Final

from seriatim.formats.jobs.pace import free_from_ms
from seriatim.formats.jobs.state import JobState

if TYPE_CHECKING:
    from seriatim.formats.jobs.fold import QueueFold
    from seriatim.formats.jobs.job import Job

_Key = tuple[int, int, int]
_Takes = tuple[tuple[str, int], ...]
_STALE_MAX: Final = 64


class _Lane:
    """Jobs of one type that take the same tokens."""

    __slots__ = ("is_parked", "jobs", "kind", "takes")

    def __init__(self, kind: _Kind, takes: _Takes) -> None:
        self.kind = kind
        self.takes = takes
        self.jobs: list[tuple[_Key, int, Job]] = []
        self.is_parked = False

    def first(self) -> _Key | None:
        """Return the key of the first job; what is not pending any more is dropped."""
        jobs = self.jobs
        while jobs:
            key, _, job = jobs[0]
            if _is_at(job, key):
                return key
            heapq.heappop(jobs)
        return None


class _Kind:
    """The lanes of one type that have room, as far as is known."""

    __slots__ = ("is_command", "lanes", "name", "open", "place")

    def __init__(self, name: str, *, is_command: bool) -> None:
        self.name = name
        self.is_command = is_command
        # Where it stands among the commands; at most once.
        self.place: _Key | None = None
        self.lanes: dict[_Takes, _Lane] = {}
        self.open: list[tuple[_Key, int, _Lane]] = []

    def first(self) -> _Key | None:
        """Return the key of the first job of all open lanes."""
        heap = self.open
        while heap:
            key, _, lane = heap[0]
            current = None if lane.is_parked else lane.first()
            if current == key:
                return key
            heapq.heappop(heap)
            if current is not None and current > key:
                self.show(lane, current)
            elif current is None:
                self.drop(lane)
        return None

    def drop(self, lane: _Lane) -> None:
        """Forget *lane*, if it is empty; another one with the same tokens stays."""
        if not lane.jobs and self.lanes.get(lane.takes) is lane:
            del self.lanes[lane.takes]

    def show(self, lane: _Lane, key: _Key) -> None:
        """Have *lane* looked at for its job with *key*."""
        heapq.heappush(self.open, (key, id(lane), lane))


class Lanes:
    """The pending jobs of one queue."""

    def __init__(self, fold: QueueFold) -> None:
        """Stand beside *fold*, whose rules say what there is room for."""
        self._fold = fold
        self._kinds: dict[tuple[str, bool], _Kind] = {}
        self._commands: list[tuple[_Key, str]] = []
        self._parked: dict[str, list[_Lane]] = {}
        self._count = count()
        self._added = 0

    def add(self, job: Job) -> None:
        """Take *job*, which is pending; one whose priority has changed, too."""
        self._added += 1
        most = 2 * self._fold.numbers[JobState.PENDING] + _STALE_MAX
        if self._added > most:
            self._added = 0
            lanes = [lane for kind in self._kinds.values() for lane in kind.lanes.values()]
            if sum(len(lane.jobs) for lane in lanes) > most:
                self._begin_anew(lanes)
        self._add(job)

    def _begin_anew(self, lanes: Collection[_Lane]) -> None:
        """Forget what is not pending any more in *lanes*, all there are: nobody may ask for it."""
        # One that stands there twice stays once.
        jobs = {job.id: job for lane in lanes for key, _, job in lane.jobs if _is_at(job, key)}
        self._kinds, self._commands, self._parked = {}, [], {}
        for job in jobs.values():
            self._add(job)

    def _add(self, job: Job) -> None:
        place = (job.type, job.is_command)
        kind = self._kinds.get(place)
        if kind is None:
            kind = self._kinds[place] = _Kind(job.type, is_command=job.is_command)
        takes = job.takes
        lane = kind.lanes.get(takes)
        if lane is None:
            lane = kind.lanes[takes] = _Lane(kind, takes)
        key = _key(job)
        # One job may stand in it twice; whichever comes up first is the job.
        heapq.heappush(lane.jobs, (key, next(self._count), job))
        if lane.jobs[0][0] == key and not lane.is_parked:
            self._show(lane, key)

    def reopen(self, tokens: Collection[str]) -> None:
        """Look again at what waits for one of *tokens*, which there may be more of now."""
        for token in tokens:
            for lane in self._parked.pop(token, ()):
                if lane.is_parked:
                    lane.is_parked = False
                    key = lane.first()
                    if key is not None:
                        self._show(lane, key)
                    else:
                        self._drop(lane)

    def reopen_all(self) -> None:
        """Look again at everything: somebody has changed the settings."""
        self.reopen(list(self._parked))

    def take(self, types: Collection[str], *, commands: bool, now_ms: int) -> Job | None:
        """Return the next job of *types*, or one that is a command; it is granted at once.

        ``None`` where there is none that may begin.
        """
        while True:
            kind = self._first_kind(types, commands=commands, now_ms=now_ms)
            if kind is None:
                return None
            _, _, lane = heapq.heappop(kind.open)
            token = self._missing(lane.takes)
            if token is not None:
                lane.is_parked = True
                self._parked.setdefault(token, []).append(lane)
                continue
            _, _, job = heapq.heappop(lane.jobs)
            key = lane.first()
            if key is not None:
                self._show(lane, key)
            else:
                self._drop(lane)
            return job

    def _drop(self, lane: _Lane) -> None:
        """Forget *lane*, which is empty, and its type, if that was the last one."""
        kind = lane.kind
        kind.drop(lane)
        if not kind.lanes:
            self._kinds.pop((kind.name, kind.is_command), None)

    def _show(self, lane: _Lane, key: _Key) -> None:
        lane.kind.show(lane, key)
        if lane.kind.is_command:
            self._show_command(lane.kind, key)

    def _show_command(self, kind: _Kind, key: _Key) -> None:
        if kind.place is None or key < kind.place:
            kind.place = key
            heapq.heappush(self._commands, (key, kind.name))

    def _first_kind(self, types: Collection[str], *, commands: bool, now_ms: int) -> _Kind | None:
        best: tuple[_Key, _Kind] | None = None
        for name in types:
            kind = self._kinds.get((name, False))
            if kind is not None and self._has_room(name, now_ms):
                key = kind.first()
                if key is not None and (best is None or key < best[0]):
                    best = key, kind
        if commands:
            kind = self._first_command(now_ms)
            if kind is not None:
                key = kind.first()
                if key is not None and (best is None or key < best[0]):
                    best = key, kind
        return None if best is None else best[1]

    def _first_command(self, now_ms: int) -> _Kind | None:
        """Return the type of the first command that has room; each may be a type of its own."""
        aside: list[tuple[_Key, str]] = []
        found = None
        heap = self._commands
        while heap and found is None:
            key, name = heap[0]
            kind = self._kinds.get((name, True))
            if kind is None or kind.place != key:
                heapq.heappop(heap)
            elif (first := kind.first()) != key:
                heapq.heappop(heap)
                kind.place = None
                if first is not None:
                    self._show_command(kind, first)
            elif self._has_room(name, now_ms):
                found = kind
            else:
                aside.append(heapq.heappop(heap))
        for each in aside:
            heapq.heappush(heap, each)
        return found

    def _has_room(self, name: str, now_ms: int) -> bool:
        fold = self._fold
        settings = fold.settings
        if not settings.is_open(name) or fold.running.get(name, 0) >= settings.at_once(name):
            return False
        rate = settings.rates.get(name)
        if rate is None:
            return True
        return free_from_ms(fold.paces.get(name, 0), rate) <= now_ms

    def _missing(self, takes: _Takes) -> str | None:
        """Return the first token of *takes* of which too few are free."""
        fold = self._fold
        for token, number in takes:
            if fold.in_use.get(token, 0) + number > fold.settings.capacity(token):
                return token
        return None

    def free_at_ms(self, now_ms: int) -> int | None:
        """Return when, after *now_ms*, a rate lets a job begin that waits; ``None`` for never."""
        fold = self._fold
        times = [
            free_from_ms(fold.paces.get(name, 0), rate)
            for name, rate in fold.settings.rates.items()
            if ((name, False) in self._kinds or (name, True) in self._kinds)
            and fold.settings.is_open(name)
            and fold.running.get(name, 0) < fold.settings.at_once(name)
        ]
        return min((each for each in times if each > now_ms), default=None)


def _key(job: Job) -> _Key:
    return -job.priority, job.order[0], job.order[1]


def _is_at(job: Job, key: _Key) -> bool:
    """Tell whether *job* waits for its turn at *key* still."""
    return job.state is JobState.PENDING and _key(job) == key
