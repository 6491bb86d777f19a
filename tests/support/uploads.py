"""A bundler that does as it is told, and an uploader over a log in memory."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

from seriatim.actors.runtime.clock import ManualClock
from seriatim.actors.runtime.future import Future
from seriatim.actors.scheduler.writer import Sealed, append_of
from seriatim.actors.uploads.carrier import Carrier
from seriatim.actors.uploads.uploader import Uploader
from seriatim.formats.errors import StoreError
from seriatim.formats.schedule.record import Kind, Record
from seriatim.formats.schedule.upload import Part, upload_of
from seriatim.formats.wire.stored import StoredAssignment
from seriatim.store.log import Log, Place, Uploaded

Item = tuple[Place, Part]
Behaviour = Callable[[Item], Exception | None]


class ToldCarrier(Carrier):
    """Takes everything, or does with an item what *behaviour* says.

    Attributes:
        acknowledged: how often each item was.
        sent: every item that came, in the order in which it came.
    """

    kinds = (Kind.ITEM, Kind.REFERENCE)

    def __init__(self) -> None:
        self.acknowledged: Counter[Item] = Counter()
        self.sent: list[Item] = []
        self.behaviour: Behaviour = lambda _: None
        self.held: asyncio.Event | None = None

    async def carry(self, stored: StoredAssignment, part: Part) -> None:
        item = (Place(stored.process, stored.slot), part)
        self.sent.append(item)
        if self.held is not None:
            await self.held.wait()
        error = self.behaviour(item)
        if error is not None:
            raise error
        self.acknowledged[item] += 1


class Uploads:
    """One life of an uploader over a log that outlives it.

    Attributes:
        store_fails: how many acknowledgements the disk refuses next.
    """

    def __init__(self, log: Log, clock: ManualClock, carrier: ToldCarrier, seed: int = 1) -> None:
        self.log = log
        self.clock = clock
        self.store_fails = 0
        self.uploader = Uploader(log, carrier, store=self._store, clock=clock, random=Random(seed))
        self.uploader.start()

    def _store(self, uploaded: Uploaded) -> Future[Sealed]:
        answer: Future[Sealed] = Future()
        if self.store_fails:
            self.store_fails -= 1
            answer.fail(StoreError("planted"))
        else:
            self.log.append([], [uploaded])
            answer.resolve(Sealed(b"", b"", b""))
        return answer

    def append(self, process: bytes, records: Sequence[Record], first: int = 0) -> None:
        """Append *records*, all that can be uploaded of them in the outbox."""
        self.log.append(
            [
                append_of(process, slot, record)._replace(
                    upload=upload_of(record, ToldCarrier.kinds)
                )
                for slot, record in enumerate(records, first)
            ]
        )
        self.uploader.wake()
