"""A cache bounded in bytes, for what is dear to make and cheap to keep, such as rendered pages.

Nothing here is ever the only copy.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, NamedTuple, TypeVar

ENTRY_OVERHEAD_BYTES: Final = 256
"""What an entry costs beside its value: the key, the object headers, its place in the table."""

K = TypeVar("K", bound=Hashable)


class CacheCounters(NamedTuple):
    """What a cache has done since it was made, and what it holds now."""

    hits: int
    misses: int
    evictions: int
    entries: int
    size_bytes: int


class ByteCache(Generic[K]):
    """Values by key; the least recently used ones go when the bound is reached.

    Not safe from several threads: for the event loop only.
    """

    def __init__(self, *, size_max_bytes: int) -> None:
        """Start empty, to hold up to *size_max_bytes*, inclusive, overhead counted."""
        self._size_max_bytes = size_max_bytes
        self._values: OrderedDict[K, bytes] = OrderedDict()
        self._size_bytes = 0
        self._hits = 0
        self._misses = 0
        self._evictions = 0

    def get(self, key: K) -> bytes | None:
        """Return the value of *key* and keep it longer, or count a miss and return ``None``."""
        value = self._values.get(key)
        if value is None:
            self._misses += 1
            return None
        self._values.move_to_end(key)
        self._hits += 1
        return value

    def put(self, key: K, value: bytes) -> None:
        """Keep *value* as the most recently used; drop others until the bound holds.

        A value that alone passes the bound is not kept: it would only drive the others out.
        """
        self.discard(key)
        size_bytes = len(value) + ENTRY_OVERHEAD_BYTES
        if size_bytes > self._size_max_bytes:
            return
        while self._size_bytes + size_bytes > self._size_max_bytes:
            _, evicted = self._values.popitem(last=False)
            self._size_bytes -= len(evicted) + ENTRY_OVERHEAD_BYTES
            self._evictions += 1
        self._values[key] = value
        self._size_bytes += size_bytes

    def discard(self, key: K) -> None:
        """Forget *key*, if it is there: its value is no longer true."""
        value = self._values.pop(key, None)
        if value is not None:
            self._size_bytes -= len(value) + ENTRY_OVERHEAD_BYTES

    def counters(self) -> CacheCounters:
        """Return the counters as they stand."""
        return CacheCounters(
            self._hits, self._misses, self._evictions, len(self._values), self._size_bytes
        )
