"""A copy in memory with its follower, moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from seriatim.actors.follow import follower
from seriatim.actors.follow.folder import FollowedProcess
from seriatim.actors.follow.follower import Follower, News
from seriatim.actors.runtime.clock import ManualClock
from seriatim.formats.errors import DivergedError
from seriatim.formats.ids import encode_id
from seriatim.formats.schedule.record import Record
from seriatim.store.log import Log
from seriatim.store.memory_log import MemoryLog
from tests.support.sources import ListSource


@contextmanager
def paging(page_slots: int) -> Iterator[None]:
    """Let followers ask for *page_slots* slots at once, and no more, until the block ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(follower, "CLIENT_PAGE_SLOTS", page_slots)
        yield


class Copy:
    """A copy in memory, and what its follower says."""

    def __init__(self, process: bytes, evidence: Path, log: Log | None = None) -> None:
        self.process = process
        self.log = log or MemoryLog()
        self.evidence = evidence
        self.clock = ManualClock()
        self.news: list[News] = []
        self.drawn: list[int] = []

    def draw(self, below: int) -> int:
        """Return the next of the numbers that a test has drawn, or 0."""
        number = self.drawn.pop(0) if self.drawn else 0
        assert 0 <= number < below
        return number

    def follower(self, source: ListSource) -> Follower:
        """Return a new follower, as after a restart."""
        return Follower(
            FollowedProcess(self.log, self.process, self.evidence),
            source,
            clock=self.clock,
            draw=self.draw,
            tell=self.news.append,
        )

    def follow(self, source: ListSource, *, page_slots: int = 4) -> None:
        """Follow *source* to its head, in a new life."""
        with paging(page_slots):
            asyncio.run(self.follower(source).run(once=True))

    def finding(self, source: ListSource, kind: type[DivergedError], slot: int) -> dict[str, Any]:
        """Follow *source*, which ends with *kind* at *slot*; return the evidence."""
        with pytest.raises(kind) as caught:
            self.follow(source)
        assert caught.value.slot == slot
        plain: dict[str, Any] = orjson.loads(Path(caught.value.evidence).read_bytes())
        assert (plain["kind"], plain["slot"]) == (kind.code, slot)
        assert plain["process"] == encode_id(self.process)
        assert plain["url"] == source.url
        assert plain["expected"] != plain["given"]
        return plain

    @property
    def records(self) -> list[Record]:
        return [record for _, record in self.log.read_range(self.process, 0, 1 << 40)]
