"""What a node knows of where other schedulers are: their own signed records, kept while they count.

In the tree, at ``scheduler-locations/<address>``: deterministic CBOR of
``{"heard": milliseconds, "record": the message}``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from seriatim.formats.errors import FormatError, RefusedError, StoreError
from seriatim.formats.ids import decode_id, encode_id
from seriatim.formats.limits import LOCATIONS_MAX, PAGE_MAX
from seriatim.formats.schedule.location import Location, read_location
from seriatim.formats.tabm.cbor import decode_cbor, encode_cbor
from seriatim.formats.tabm.model import Tabm
from seriatim.store.tree.tree import Tree, TreePath, format_path

LOCATIONS_GROUP: Final = "scheduler-locations"

_GROUP: Final = (LOCATIONS_GROUP,)
_READ_AT_ONCE: Final = 64

Put = Callable[[TreePath, bytes | None], Awaitable[object]]


class Locations:
    """The records of one folder; belongs to the event loop's thread.

    Anybody may send records, so their number is bounded: of others' records, the one that was
    heard longest ago makes room for a new one. Its scheduler is heard of again when it speaks.
    """

    def __init__(
        self, tree: Tree, put: Put, now_ms: Callable[[], int], *, own: bytes | None = None
    ) -> None:
        """Read from *tree*, and make what is new durable by *put*.

        Args:
            tree: holds the records.
            put: puts a value at a path of it, or removes what is there for ``None``.
            now_ms: the wall clock.
            own: the node's own address, whose record stays.
        """
        self._tree = tree
        self._put = put
        self._now_ms = now_ms
        self._own = own
        self._storing = asyncio.Lock()
        self._heard_ms: dict[bytes, int] | None = None

    def find(self, address: bytes) -> Location | None:
        """Return the record of *address*, 32 raw bytes, while it counts.

        Raises:
            StoreError: what is stored is damaged.
        """
        known = known_location(self._tree, address)
        if known is None:
            return None
        heard_ms, location = known
        return location if self._now_ms() < heard_ms + location.ttl_ms else None

    async def keep(self, location: Location) -> None:
        """Keep *location*, whose signature has been verified, in place of an older one.

        Raises:
            RefusedError: its nonce is not above the known one; code ``old_location``.
            UnavailableError: not now.
        """
        async with self._storing:
            known = known_location(self._tree, location.address)
            if known is not None and location.nonce <= known[1].nonce:
                raise RefusedError(
                    "Known nonce higher than requested nonce: "
                    f"{location.nonce} is not above {known[1].nonce}",
                    code="old_location",
                )
            heard_ms = await self._all_heard()
            if known is None and len(heard_ms) >= LOCATIONS_MAX:
                await self._make_room(heard_ms)
            now_ms = self._now_ms()
            value = encode_cbor({"heard": str(now_ms).encode(), "record": location.message})
            await self._put(_path(location.address), value)
            heard_ms[location.address] = now_ms

    async def _make_room(self, heard_ms: dict[bytes, int]) -> None:
        oldest = min(
            (address for address in heard_ms if address != self._own), key=heard_ms.__getitem__
        )
        await self._put(_path(oldest), None)
        del heard_ms[oldest]

    async def _all_heard(self) -> dict[bytes, int]:
        """Return when each record was heard; read once, and kept from then on.

        One that is damaged is the first to make room.
        """
        if self._heard_ms is None:
            found: dict[bytes, int] = {}
            for name in self._tree.list(_GROUP, limit=PAGE_MAX):
                try:
                    known = _read(self._tree, decode_id(name))
                except StoreError:
                    known = None
                found[decode_id(name)] = 0 if known is None else known[0]
                if not len(found) % _READ_AT_ONCE:
                    await asyncio.sleep(0)  # everybody else gets a turn meanwhile
            self._heard_ms = found
        return self._heard_ms


def known_location(tree: Tree, address: bytes) -> tuple[int, Location] | None:
    """Return when the last record of *address* was heard of, Unix milliseconds, and what it says.

    Also of one that counts no more.

    Raises:
        StoreError: what is stored is damaged.
    """
    known = _read(tree, address)
    if known is None:
        return None
    try:
        return known[0], read_location(known[1])
    except FormatError as error:
        raise _damaged(address) from error


def _read(tree: Tree, address: bytes) -> tuple[int, Tabm] | None:
    """Return when the record of *address* was heard of, and the record, not looked into.

    Raises:
        StoreError: what is stored is damaged.
    """
    stored = tree.get(_path(address))
    if stored is None:
        return None
    try:
        plain = decode_cbor(stored)
        heard, record = plain.get("heard"), plain.get("record")
        if isinstance(heard, bytes) and isinstance(record, dict):
            return int(heard), record
    except (FormatError, ValueError) as error:
        raise _damaged(address) from error
    raise _damaged(address)


def _damaged(address: bytes) -> StoreError:
    return StoreError(f"what is stored at {format_path(_path(address))} is damaged")


def _path(address: bytes) -> TreePath:
    return (*_GROUP, encode_id(address))
