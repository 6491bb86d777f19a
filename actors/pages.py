"""Rendered pages: assignments in a wire shape, remembered in whole blocks of slots.

What is durable never changes, so a rendered block is good for ever; only its memory is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from seriatim.formats.limits import MEMORY_CACHE_BYTES
from seriatim.formats.wire.stored import StoredAssignment
from seriatim.store.cache import ByteCache

if TYPE_CHECKING:
    from seriatim.store.log import Log

BLOCK_SLOTS: Final = 64

Encode = Callable[[StoredAssignment], bytes]


class RenderedPages:
    """A bounded memory of rendered blocks over one log. Belongs to the event loop's thread."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._cache: ByteCache[bytes] = ByteCache(size_max_bytes=MEMORY_CACHE_BYTES)

    def render(
        self, process: bytes, first: int, last: int, *, shape: str, encode: Encode
    ) -> Iterator[bytes]:
        """Yield the assignments from *first* to *last*, both inclusive, joined with commas.

        In chunks of up to `BLOCK_SLOTS` assignments; ends early where the log ends.

        Args:
            process: process id, 32 raw bytes.
            first: first slot.
            last: last slot.
            shape: names what *encode* makes; one name always means the same bytes.
            encode: renders one assignment.
        """
        slot = first
        while slot <= last:
            # Blocks have fixed borders, so that pages which overlap share most of them.
            block_last = min(slot - slot % BLOCK_SLOTS + BLOCK_SLOTS - 1, last)
            key = b"%b/%b/%d-%d" % (shape.encode(), process, slot, block_last)
            chunk = self._cache.get(key)
            if chunk is None:
                rendered = [
                    encode(StoredAssignment(process, at, record))
                    for at, record in self._log.read_range(process, slot, block_last)
                ]
                if not rendered:
                    return
                chunk = b",".join(rendered)
                if len(rendered) == block_last - slot + 1:
                    self._cache.put(key, chunk)
            yield chunk
            slot = block_last + 1
