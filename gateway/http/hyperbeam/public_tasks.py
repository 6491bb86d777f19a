"""Tasks of strangers, where the operator lets everybody use ``cron@1.0``: few, and not too often.

They have names of their own, so that no stranger replaces or stops what the operator has defined.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from seriatim.actors.runtime.unbroken import unbroken
from seriatim.actors.triggers.table import TriggerTable
from seriatim.formats.codecs.cbor import dump_plain
from seriatim.formats.codecs.fields import freeze
from seriatim.formats.errors import NotFoundError, OverloadedError, RefusedError
from seriatim.formats.ids import b64url
from seriatim.formats.limits import (
    PAGE_DEFAULT,
    PUBLIC_INTERVAL_MIN_MS,
    PUBLIC_TRIGGERS_MAX,
    RETRY_AFTER_MS,
)
from seriatim.formats.triggers.definition import Definition
from seriatim.formats.triggers.progress import State

_NAME: Final = "public cron "


class PublicTasks:
    """What strangers have defined at one node; belongs to one event loop.

    One change at a time, and each to its end: what is counted is what is in the table.
    """

    def __init__(self) -> None:
        self._known: set[bytes] | None = None
        self._changing = asyncio.Lock()

    @unbroken
    async def define(
        self, table: TriggerTable, fields: Mapping[str, object], every_ms: int | None
    ) -> bytes:
        """Define a stranger's task in *table*; return its id, 32 raw bytes.

        Args:
            table: the node's.
            fields: see `TriggerTable.define`; they have no name.
            every_ms: how often it is due; ``None`` for once.

        Raises:
            RefusedError: that is too often; code ``too_often``.
            OverloadedError: strangers have ``PUBLIC_TRIGGERS_MAX`` tasks that are not over.
            SchedulerError: see `TriggerTable.define`.
        """
        if every_ms is not None and every_ms < PUBLIC_INTERVAL_MIN_MS:
            raise RefusedError(
                f"at most every {PUBLIC_INTERVAL_MIN_MS} ms, but for the operator", code="too_often"
            )
        name = _NAME + b64url(sha256(dump_plain(freeze(fields))).digest())
        task = Definition(name=name).id
        async with self._changing:
            known = await self._tasks(table)
            if task not in known:
                await self._make_room(table, known)
            try:
                await table.define({**fields, "name": name})
            finally:
                _note(table, task, known)
        return task

    @unbroken
    async def remove(self, table: TriggerTable, task: bytes) -> None:
        """Take a stranger's *task* out of *table*.

        Raises:
            NotFoundError: there is none, or it is the operator's.
        """
        async with self._changing:
            known = await self._tasks(table)
            if task not in known:
                raise NotFoundError("no stranger has such a task")
            try:
                await table.remove(task)
            finally:
                _note(table, task, known)

    async def _tasks(self, table: TriggerTable) -> set[bytes]:
        if self._known is None:
            self._known = await _find(table)
        return self._known

    async def _make_room(self, table: TriggerTable, known: set[bytes]) -> None:
        """Take away tasks that are over, where there are too many for another one."""
        if len(known) < PUBLIC_TRIGGERS_MAX:
            return
        for task in tuple(known):
            try:
                if table.show(task).progress.state is State.OVER:
                    await table.remove(task)
                    known.discard(task)
            except NotFoundError:
                known.discard(task)  # by the operator
        if len(known) >= PUBLIC_TRIGGERS_MAX:
            raise OverloadedError("what everybody may define", retry_after_ms=RETRY_AFTER_MS)


def _note(table: TriggerTable, task: bytes, known: set[bytes]) -> None:
    """Have *known* say what *table* says of *task*, however its change has ended."""
    try:
        table.show(task)
    except NotFoundError:
        known.discard(task)
    else:
        known.add(task)


async def _find(table: TriggerTable) -> set[bytes]:
    """Return the tasks of strangers in *table*; others get their turn meanwhile."""
    found: set[bytes] = set()
    after: bytes | None = None
    while page := table.page(after=after, limit=PAGE_DEFAULT):
        found.update(each.id for each in page if each.definition.name.startswith(_NAME))
        after = page[-1].id
        await asyncio.sleep(0)
    return found
