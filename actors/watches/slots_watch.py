"""Slots of another process: one event for each that is new, in order."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from seriatim.formats.errors import OverloadedError, UnsupportedError
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import LONG_POLL_MAX_MS, RETRY_AFTER_MS, SLOTS_TURN, SLOTS_UNMARKED_MAX
from seriatim.formats.watches.event import NoEvent
from seriatim.formats.watches.slots import (
    SlotsSpec,
    decode_slots_mark,
    encode_slots_mark,
    read_slots_spec,
    slot_event,
)
from seriatim.formats.wire.stored import StoredAssignment

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Mapping

    from seriatim.actors.watches.watch import Watch, World
    from seriatim.formats.folds.run import Result
    from seriatim.formats.message import Value
    from seriatim.formats.watches.event import Event


class SlotsKind:
    """The kind ``slots``; see ``docs/watches.md``."""

    name = "slots"

    def check(self, spec: Mapping[str, Value]) -> None:
        """See `WatchKind.check`."""
        read_slots_spec(spec)

    def open(self, spec: Mapping[str, Value], world: World) -> Watch:
        """See `WatchKind.open`."""
        found = read_slots_spec(spec)
        if found.is_computed and world.result_of is None:
            raise UnsupportedError(
                "this node computes nothing, so no slot of it is ever computed; give it folds "
                "(--compute), or leave out computed"
            )
        return SlotsWatch(found, world)


class SlotsWatch:
    """Waits for slots of one process, which need not be there yet. See `Watch`."""

    def __init__(self, spec: SlotsSpec, world: World) -> None:
        """Look in *world* for what *spec* says."""
        self._spec = spec
        self._world = world

    async def first_mark(self) -> bytes:
        """See `Watch.first_mark`."""
        return encode_slots_mark(self._end())

    async def events(self, mark: bytes) -> AsyncGenerator[Event | NoEvent, None]:
        """See `Watch.events`.

        Raises:
            OverloadedError: too many readers wait for slots already.
            CorruptRecordError: a record is damaged.
            FoldError, UnsupportedError: a slot is not computed, nor will be.
        """
        marked = slot = decode_slots_mark(mark) if mark else self._end()
        while True:
            for stored in self._stored(slot):
                slot = stored.slot + 1
                if self._spec.matches(stored):
                    yield slot_event(stored, await self._result(stored.slot))
                    marked = slot
            if slot - marked >= SLOTS_UNMARKED_MAX:
                yield NoEvent(encode_slots_mark(slot))
                marked = slot
            # Reading what was missed takes the loop's time: everybody else gets a turn.
            await asyncio.sleep(0)
            await self._wait_for(slot)

    def _end(self) -> int:
        """Return the slot behind the last one."""
        head = self._world.log.head(self._spec.process)
        return 0 if head is None else head.slot + 1

    def _stored(self, first: int) -> Iterator[StoredAssignment]:
        process = self._spec.process
        for slot, record in self._world.log.read_range(process, first, first + SLOTS_TURN - 1):
            yield StoredAssignment(process, slot, record)

    async def _result(self, slot: int) -> Result | None:
        if not self._spec.is_computed:
            return None
        assert self._world.result_of is not None, "open() has looked"
        return await self._world.result_of(self._spec.process, slot)

    async def _wait_for(self, slot: int) -> None:
        """Return when *slot* is there, or after a while: its arrival may have been missed."""
        if not await self._world.wait_for(self._spec.process, slot, LONG_POLL_MAX_MS):
            raise OverloadedError(
                f"what waits for slots, as for process {encode_id(self._spec.process)},",
                retry_after_ms=RETRY_AFTER_MS,
            )
