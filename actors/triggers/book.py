"""Writing down what happens to triggers: a message, and the rows that follow from it, as one.

Whatever happens has a key of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

from seriatim.actors.triggers.rows import TriggerRows, table_row
from seriatim.formats.codecs.json import value_to_json
from seriatim.formats.errors import NotFoundError
from seriatim.formats.ids import encode_id
from seriatim.formats.message import Message
from seriatim.formats.schedule.signed_fields import sign_fields
from seriatim.formats.schedule.submission import submit_item, submit_unsigned
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.triggers.definition import EVENT, NOMINAL_TIME
from seriatim.formats.triggers.word import TABLE_TYPE
from seriatim.formats.wire.stored import StoredAssignment

if TYPE_CHECKING:
    from seriatim.actors.own_log import OwnLog
    from seriatim.actors.runtime.clock import Clock
    from seriatim.actors.triggers.rows import Begun, Where
    from seriatim.formats.message import Value
    from seriatim.formats.schedule.assignment import Rows
    from seriatim.formats.signing.wallet import Wallet
    from seriatim.formats.wire.receipt import Receipt
    from seriatim.store.log import Log
    from seriatim.store.tree.tree import Tree


class World(NamedTuple):
    """What a trigger table is handed.

    Attributes:
        log: read only.
        tree: read only.
        clock: by which triggers are due.
        own: makes slots and rows durable.
        check_target: refuses what is no process of this node's.
        wallet: signs what is for processes whose assignments are signed.
        entropy: gives that many random bytes.
    """

    log: Log
    tree: Tree
    clock: Clock
    own: OwnLog
    check_target: Callable[[bytes], object]
    wallet: Wallet | None
    entropy: Callable[[int], bytes]


class Book:
    """Writes for the triggers of one node; one thing at a time for each. Of one event loop.

    Attributes:
        rows: what is written, read.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.rows = TriggerRows(world.tree)
        self._table = self.rows.table()
        self._spawning = asyncio.Lock()
        self._turns: dict[bytes, tuple[asyncio.Lock, list[None]]] = {}

    @property
    def table(self) -> bytes | None:
        """The process of the table's own log, 32 raw bytes; ``None`` before it has one."""
        return self._table

    @asynccontextmanager
    async def turn(self, trigger: bytes) -> AsyncIterator[None]:
        """Let nobody else write of *trigger* meanwhile."""
        lock, users = self._turns.setdefault(trigger, (asyncio.Lock(), []))
        users.append(None)
        try:
            async with lock:
                yield
        finally:
            users.pop()
            if not users:
                self._turns.pop(trigger, None)

    async def open_table(self) -> bytes:
        """Return the process of the table's own log, spawned where there is none yet."""
        async with self._spawning:
            self._table = self._table or self.rows.table()
            if self._table is None:
                # Two nodes have two tables, though nobody signs their spawns.
                nonce = encode_id(self._world.entropy(32))
                fields = {"type": "Process", "variant": Variant.NATIVE.tag, "nonce": nonce}
                spawn = submit_unsigned(Message({**fields, "table": TABLE_TYPE}))
                rows = table_row(spawn.process)
                await self._world.own.place(spawn._replace(rows=rows))
                self._table = spawn.process
        return self._table

    async def note(self, fields: Mapping[str, Value], key: bytes, rows: Rows) -> Receipt:
        """Write *fields* into the table's own log, under *key*, together with *rows*.

        Raises:
            SchedulerError: see `Node.place`.
        """
        table = await self.open_table()
        submission = submit_unsigned(Message(fields), process=table)
        return await self._world.own.place(submission._replace(dedupe_key=key, rows=rows))

    async def send(
        self, process: bytes, fields: Mapping[str, Value], key: bytes, rows: Rows
    ) -> Receipt:
        """Place a message that says *fields* in *process*, under *key*, together with *rows*.

        Where assignments are signed, the message is, too: by the node's wallet.

        Raises:
            NotFoundError: there is no such process.
            RefusedError, MalformedError: it cannot be signed; see `sign_fields`.
            SchedulerError: see `Node.place`.
        """
        head = self._world.log.head(process)
        if head is None:
            raise NotFoundError(f"process {encode_id(process)} is not known here; spawn it first")
        if head.variant.signed:
            own = {key: fields[key] for key in (NOMINAL_TIME, EVENT) if key in fields}
            texts = {**fields, **{key: value_to_json(value) for key, value in own.items()}}
            # An RSA signature takes milliseconds, and lets other threads run meanwhile.
            item = await asyncio.to_thread(sign_fields, self._world.wallet, texts, target=process)
            submission = submit_item(item, process=process)
        else:
            submission = submit_unsigned(Message(fields), process=process)
        return await self._world.own.place(submission._replace(dedupe_key=key, rows=rows))

    def slot_of(self, begun: Begun) -> int:
        """Return the slot of the table's log in which the run *begun* begins; -1 for none."""
        slot = self._world.log.find_in(self._table, begun.key) if self._table else None
        return -1 if slot is None else slot

    def stands(self, where: Where) -> bool:
        """Tell whether a message stands there."""
        return self._world.log.find_in(where.process, where.key) is not None

    def event_of(self, begun: Begun) -> Mapping[str, Value]:
        """Return what the run *begun* is for, as its slot says; nothing where that is a time."""
        if self._table is None:
            return {}
        slot = self._world.log.find_in(self._table, begun.key)
        record = None if slot is None else self._world.log.read(self._table, slot)
        if slot is None or record is None:
            return {}
        event = StoredAssignment(self._table, slot, record).fields.get(EVENT)
        return event if isinstance(event, Mapping) else {}

    async def keep(self, rows: Rows) -> None:
        """Make *rows* durable alone; see `OwnLog.keep`."""
        await self._world.own.keep(rows)
