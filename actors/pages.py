"""Rendered pages: assignments in a wire shape, remembered in whole blocks of slots.

What is durable never changes, so a rendered block is good for ever; only its memory is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from seriatim.formats.limits import MEMORY_CACHE_BYTES, PAGE_BLOCK_BYTES, PAGE_BLOCK_SLOTS
from seriatim.formats.wire.stored import StoredAssignment
from seriatim.store.cache import ByteCache

if TYPE_CHECKING:
    from seriatim.store.log import Log

Encode = Callable[[StoredAssignment], bytes]


class RenderedPages:
    """A bounded memory of rendered blocks over one log. Belongs to the event loop's thread."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._cache: ByteCache[bytes] = ByteCache(size_max_bytes=MEMORY_CACHE_BYTES)

    def render(
        self,
        process: bytes,
        first: int,
        last: int,
        *,
        shape: str,
        encode: Encode,
        separator: bytes,
    ) -> Iterator[bytes]:
        """Yield the assignments from *first* to *last*, both inclusive, joined with *separator*.

        In chunks of about ``PAGE_BLOCK_BYTES`` and up to ``PAGE_BLOCK_SLOTS`` assignments, at least
        one; ends early where the log ends.

        Args:
            process: process id, 32 raw bytes.
            first: first slot.
            last: last slot.
            shape: names what *encode* makes; one name always means the same bytes.
            encode: renders one assignment.
            separator: stands between two assignments; *shape* names it too.
        """
        slot = first
        while slot <= last:
            # Blocks have fixed borders, so that pages which overlap share most of them.
            block = range(
                slot, min(slot - slot % PAGE_BLOCK_SLOTS + PAGE_BLOCK_SLOTS - 1, last) + 1
            )
            key = b"%b/%b/%d-%d" % (shape.encode(), process, block[0], block[-1])
            chunk = self._cache.get(key)
            if chunk is not None:
                yield chunk
                slot = block.stop
                continue
            for count, chunk in self._render_block(process, block, encode, separator):
                if count == len(block):
                    self._cache.put(key, chunk)
                yield chunk
                slot += count
            if slot < block.stop:
                return

    def _render_block(
        self, process: bytes, block: range, encode: Encode, separator: bytes
    ) -> Iterator[tuple[int, bytes]]:
        """Yield assignments of *block*, joined: how many, and the bytes."""
        rendered: list[bytes] = []
        size = 0
        for slot, record in self._log.read_range(process, block[0], block[-1]):
            piece = encode(StoredAssignment(process, slot, record))
            size += len(piece)
            if rendered and size > PAGE_BLOCK_BYTES:
                yield len(rendered), separator.join(rendered)
                rendered, size = [], len(piece)
            rendered.append(piece)
        if rendered:
            yield len(rendered), separator.join(rendered)
