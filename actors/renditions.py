"""Assignments in HyperBEAM's own form, whatever form they were placed in.

What has no signature in that form yet gets one when it is first read so. It is on disk before
anybody sees it, and the same ever after: of two that are made at the same time, one stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Final

from seriatim.formats.errors import UnsupportedError
from seriatim.formats.httpsig.commitments import Fields
from seriatim.formats.limits import (
    HTTP_PAGE_MAX_BYTES,
    MEMORY_CACHE_BYTES,
    PAGE_CHUNK_BYTES,
    RENDITIONS_BATCH,
)
from seriatim.formats.signing.wallet import RsaWallet, Wallet
from seriatim.formats.wire.http_schedule import encode_entry
from seriatim.formats.wire.rendition import (
    needs_rendition,
    sign_rendition,
    whole_assignment,
)
from seriatim.formats.wire.stored import StoredAssignment
from seriatim.store.cache import ByteCache
from seriatim.store.log import Rendition

if TYPE_CHECKING:
    from seriatim.actors.scheduler.writer import Store
    from seriatim.store.log import Log


_SIGNERS: Final = 1
"""Threads: a page that is read for the first time must not take every core from the appends."""


class Renditions:
    """Reads assignments as HTTP messages; belongs to the event loop's thread."""

    def __init__(
        self,
        log: Log,
        wallet: Wallet | None,
        store: Store[Rendition],
        *,
        is_own: Callable[[bytes], bool],
    ) -> None:
        """Read from *log*, sign with *wallet*, and make what was signed durable by *store*.

        Args:
            log: what is read.
            wallet: the node's, if it has one.
            store: makes a rendition durable.
            is_own: tells of a process (32 raw bytes) whether this node schedules it: nothing of
                a copy is ever signed here.
        """
        self._is_own = is_own
        self._log = log
        self._wallet = wallet
        self._store = store
        self._cache: ByteCache[bytes] = ByteCache(size_max_bytes=MEMORY_CACHE_BYTES)
        self._pool = ThreadPoolExecutor(_SIGNERS, "rendition")

    async def read(self, stored: StoredAssignment) -> Fields:
        """Return one assignment with its message, signed as an HTTP message where it can be.

        Raises:
            UnsupportedError: it has no form as an HTTP message.
            UnavailableError: not now.
        """
        await self._sign_missing([stored])
        return self._whole(stored)

    async def entries(self, process: bytes, first: int, last: int) -> tuple[list[bytes], int]:
        """Return what `encode_entry` makes of *first* to *last*, both inclusive, and the last slot.

        At most about ``HTTP_PAGE_MAX_BYTES``, at least one slot; ends early where the log ends.

        Raises:
            UnsupportedError, UnavailableError: as for `read`.
        """
        found: list[bytes] = []
        fresh: dict[int, bytes] = {}
        size = 0
        for slot in range(first, last + 1):
            entry = fresh.pop(slot, None) or self._cache.get(_key(process, slot))
            if entry is None:
                fresh = await self._render(process, slot, last)
                entry = fresh.pop(slot, None)
            if entry is None:
                return found, slot - 1
            size += len(entry)
            if found and size > HTTP_PAGE_MAX_BYTES:
                return found, slot - 1
            found.append(entry)
        return found, last

    def close(self) -> None:
        """End the signing thread; what it signs is stored by nobody."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _render(self, process: bytes, first: int, last: int) -> dict[int, bytes]:
        """Return some slots from *first* on, by slot; none where the log ends."""
        batch: list[StoredAssignment] = []
        size = 0
        for slot, record in self._log.read_range(
            process, first, min(last, first + RENDITIONS_BATCH - 1)
        ):
            batch.append(StoredAssignment(process, slot, record))
            size += len(record.message)
            if size > PAGE_CHUNK_BYTES:
                break
        await self._sign_missing(batch)
        rendered: dict[int, bytes] = {}
        for stored in batch:
            entry = encode_entry(stored.slot, self._whole(stored))
            self._cache.put(_key(process, stored.slot), entry)
            rendered[stored.slot] = entry
        # Rendering takes the loop's time: everybody else gets a turn between two batches.
        await asyncio.sleep(0)
        return rendered

    async def _sign_missing(self, batch: Sequence[StoredAssignment]) -> None:
        missing = [
            stored
            for stored in batch
            if needs_rendition(stored) and self._log.rendition(stored.process, stored.slot) is None
        ]
        if not missing:
            return
        if not self._is_own(missing[0].process):
            raise UnsupportedError(
                "this process is a copy, and its scheduler has not signed it as HTTP messages; "
                "accept application/json"
            )
        wallet = self._wallet
        if not isinstance(wallet, RsaWallet):
            raise UnsupportedError(
                "this node's wallet cannot sign HTTP messages; accept application/json"
            )
        sign = partial(_sign_all, missing, wallet)
        signed = await asyncio.get_running_loop().run_in_executor(self._pool, sign)
        await asyncio.gather(*map(self._stored, signed))

    async def _stored(self, rendition: Rendition) -> None:
        await self._store(rendition)

    def _whole(self, stored: StoredAssignment) -> Fields:
        rendition = (
            self._log.rendition(stored.process, stored.slot) if needs_rendition(stored) else None
        )
        return whole_assignment(stored, rendition)


def _sign_all(missing: Sequence[StoredAssignment], wallet: RsaWallet) -> list[Rendition]:
    return [
        Rendition(stored.process, stored.slot, sign_rendition(stored, wallet)) for stored in missing
    ]


def _key(process: bytes, slot: int) -> bytes:
    return process + slot.to_bytes(8, "big")
