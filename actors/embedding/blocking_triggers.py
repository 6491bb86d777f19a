"""The blocking twin of `triggers.py`."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol, TypeVar, Unpack

from seriatim.actors.embedding.triggers import (
    EmbeddedTriggers,
    Occurrence,
    Trigger,
    TriggerOptions,
    When,
)
from seriatim.formats.message import Value

T = TypeVar("T")


class Runner(Protocol):
    """Returns what comes of some work on the node's loop."""

    def __call__(self, work: Coroutine[Any, Any, T], /) -> T:
        """Run *work*."""


class BlockingTriggers:
    """``node.triggers`` for blocking code; each method as in `EmbeddedTriggers`."""

    def __init__(self, triggers: EmbeddedTriggers, run: Runner) -> None:
        self._triggers = triggers
        self._run = run

    def add(
        self,
        when: When,
        *,
        process: str,
        message: Mapping[str, Value] | None = None,
        **options: Unpack[TriggerOptions],
    ) -> Trigger:
        """See `EmbeddedTriggers.add`."""
        work = self._triggers.add(when, process=process, message=message, **options)
        return self._run(work)

    def show(self, trigger: str) -> Trigger:
        """See `EmbeddedTriggers.show`."""
        return self._triggers.show(trigger)

    def all(self) -> Iterator[Trigger]:
        """See `EmbeddedTriggers.all`."""
        yield from self._run(self._list())

    def pause(self, trigger: str) -> Trigger:
        """See `EmbeddedTriggers.pause`."""
        return self._run(self._triggers.pause(trigger))

    def resume(self, trigger: str) -> Trigger:
        """See `EmbeddedTriggers.resume`."""
        return self._run(self._triggers.resume(trigger))

    def remove(self, trigger: str) -> None:
        """See `EmbeddedTriggers.remove`."""
        self._run(self._triggers.remove(trigger))

    def fire(self, trigger: str) -> Occurrence:
        """See `EmbeddedTriggers.fire`."""
        return self._run(self._triggers.fire(trigger))

    def occur(
        self, trigger: str, key: str = "", fields: Mapping[str, Value] | None = None
    ) -> Occurrence:
        """See `EmbeddedTriggers.occur`."""
        return self._run(self._triggers.occur(trigger, key, fields))

    def backfill(self, trigger: str, first: datetime, last: datetime) -> int:
        """See `EmbeddedTriggers.backfill`."""
        return self._run(self._triggers.backfill(trigger, first, last))

    def next(self, trigger: str, count: int = 5) -> list[datetime]:
        """See `EmbeddedTriggers.next`."""
        return self._triggers.next(trigger, count)

    def history(self, trigger: str, *, after: int = -1, limit: int = 100) -> list[Occurrence]:
        """See `EmbeddedTriggers.history`."""
        return self._triggers.history(trigger, after=after, limit=limit)

    def settled(self) -> None:
        """See `EmbeddedTriggers.settled`."""
        self._run(self._triggers.settled())

    async def _list(self) -> list[Trigger]:
        return [each async for each in self._triggers.all()]
