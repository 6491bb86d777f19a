"""What a node knows of where other schedulers are: their own signed records, kept while they count.

In the tree, at ``scheduler-locations/<address>``: deterministic CBOR of
``{"heard": milliseconds, "record": the message}``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from seriatim.formats.errors import RefusedError, StoreError
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import LOCATIONS_MAX
from seriatim.formats.schedule.location import Location, read_location
from seriatim.formats.tabm.cbor import decode_cbor, encode_cbor
from seriatim.store.tree.tree import Tree, TreePath, format_path

LOCATIONS_GROUP: Final = "scheduler-locations"

_GROUP: Final = (LOCATIONS_GROUP,)

Store = Callable[[TreePath, bytes], Awaitable[object]]


class Locations:
    """The records of one folder; belongs to the event loop's thread."""

    def __init__(self, tree: Tree, store: Store, now_ms: Callable[[], int]) -> None:
        """Read from *tree*, and make what is new durable by *store*."""
        self._tree = tree
        self._store = store
        self._now_ms = now_ms
        self._storing = asyncio.Lock()

    def find(self, address: bytes) -> Location | None:
        """Return the record of *address*, 32 raw bytes, while it counts.

        Raises:
            StoreError: what is stored is damaged.
        """
        known = self._known(address)
        if known is None:
            return None
        heard_ms, location = known
        return location if self._now_ms() < heard_ms + location.ttl_ms else None

    async def keep(self, location: Location) -> None:
        """Keep *location*, whose signature has been verified, in place of an older one.

        Raises:
            RefusedError: its nonce is not above the known one, code ``old_location``; or there
                are ``LOCATIONS_MAX`` of others, code ``too_many_locations``.
            UnavailableError: not now.
        """
        async with self._storing:
            known = self._known(location.address)
            if known is not None and location.nonce <= known[1].nonce:
                raise RefusedError(
                    "Known nonce higher than requested nonce: "
                    f"{location.nonce} is not above {known[1].nonce}",
                    code="old_location",
                )
            if known is None and len(self._tree.list(_GROUP, limit=LOCATIONS_MAX)) == LOCATIONS_MAX:
                raise RefusedError(
                    f"this node keeps {LOCATIONS_MAX} locations, and no more",
                    code="too_many_locations",
                )
            heard = str(self._now_ms()).encode()
            value = encode_cbor({"heard": heard, "record": location.message})
            await self._store(_path(location.address), value)

    def _known(self, address: bytes) -> tuple[int, Location] | None:
        path = _path(address)
        stored = self._tree.get(path)
        if stored is None:
            return None
        plain = decode_cbor(stored)
        heard, record = plain.get("heard"), plain.get("record")
        if not isinstance(heard, bytes) or isinstance(record, bytes) or record is None:
            raise StoreError(f"what is stored at {format_path(path)} is damaged")
        return int(heard), read_location(record)


def _path(address: bytes) -> TreePath:
    return (*_GROUP, encode_id(address))
