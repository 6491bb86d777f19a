"""Commits that are slow, or of which nobody knows: what is written of a trigger stays in order."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import pytest

from seriatim.actors.triggers.runs import Run
from seriatim.formats.errors import UnavailableError
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import ASK_DEADLINE_MS
from seriatim.formats.message import Message
from seriatim.formats.schedule.submission import submit_unsigned
from tests.support.simulated_disk import Fate, SimulatedDisk
from tests.support.trigger_life import TriggerLife
from tests.support.trigger_replay import TriggerReplay, written_rows
from tests.support.waiting import until_idle

NOW_MS = 1_790_000_000_000
SPAWN = submit_unsigned(Message({"type": "Process"}))
HOUR_MS = 3_600_000
HOURLY: dict[str, Any] = {"when": "every hour", "process": encode_id(SPAWN.process)}


class Told:
    """A disk on which batches have the fates that are told, and are written when none is."""

    def __init__(self) -> None:
        self.disk = SimulatedDisk()
        self.fates: deque[Fate] = deque()

    async def start(self) -> TriggerLife:
        """Return a node with a table, a process, and a function ``act`` that ends when it may."""
        life = TriggerLife(self.disk, NOW_MS, self._fate)
        self.may_end = asyncio.Event()
        await life.start({"act": self._act})
        await life.place(SPAWN)
        await life.table.define({**HOURLY, "when": "every 9 days"})  # the table has its log
        return life

    def check(self) -> list[str]:
        """Return what the table's log says; it has to be what the rows say."""
        replay = TriggerReplay(self.disk.log)
        said = [each.action for each in replay.go_on()]
        assert written_rows(self.disk.tree) == replay.rows
        return said[1:]

    async def _act(self, run: Run) -> None:
        await self.may_end.wait()

    def _fate(self) -> Fate:
        return self.fates.popleft() if self.fates else Fate.WRITTEN


def test_a_definition_that_came_to_disk_unknown_fires() -> None:
    async def main() -> None:
        told = Told()
        life = await told.start()
        told.fates.append(Fate.DOUBTFUL)
        with pytest.raises(UnavailableError):
            await life.table.define(HOURLY)
        await life.pass_time(HOUR_MS)
        assert told.check() == ["define", "fire"]

    asyncio.run(main())


def test_a_definition_goes_on_when_nobody_waits_for_it_any_more() -> None:
    async def main() -> None:
        told = Told()
        life = await told.start()
        told.fates.append(Fate.SLOW)
        asking = asyncio.ensure_future(life.table.define(HOURLY))
        await until_idle()
        asking.cancel()
        await life.pass_time(1)
        await life.pass_time(HOUR_MS)
        assert told.check() == ["define", "fire"]

    asyncio.run(main())


def test_nobody_goes_on_from_rows_that_a_slow_commit_is_about_to_change() -> None:
    async def main() -> None:
        told = Told()
        life = await told.start()
        trigger = (await life.table.define(HOURLY)).id
        told.fates.append(Fate.SLOW)
        await life.pass_time(HOUR_MS)
        pausing = asyncio.ensure_future(life.table.pause(trigger))
        await life.pass_time(2 * ASK_DEADLINE_MS)
        assert (await pausing).progress.cursor_ms == NOW_MS + HOUR_MS
        assert told.check() == ["define", "fire", "pause"]

    asyncio.run(main())


def test_nobody_goes_on_from_rows_that_change_while_the_node_stops() -> None:
    async def main() -> None:
        told = Told()
        life = await told.start()
        await life.table.define({"when": "every hour", "function": "act", "overlap": "allow"})
        await life.pass_time(HOUR_MS)
        told.fates.append(Fate.SLOW)
        await life.pass_time(HOUR_MS)
        told.may_end.set()
        await until_idle()  # the end of the first run waits for the second fire
        await life.close()
        await life.pass_time(1)
        # The second run is the next node's.
        assert told.check() == ["define", "run", "run", "end"]

    asyncio.run(main())


def test_what_is_repeated_and_cannot_be_written_now_is_no_miss() -> None:
    async def main() -> None:
        told = Told()
        life = await told.start()
        await life.table.define(HOURLY)
        told.fates.extend([Fate.SLOW, Fate.FAILED])
        await life.pass_time(HOUR_MS)
        await life.pass_time(2 * ASK_DEADLINE_MS)
        await life.settle()
        assert told.check() == ["define", "fire"]

    asyncio.run(main())
