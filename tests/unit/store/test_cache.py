"""The cache keeps its bound, and the right entries within it."""

from __future__ import annotations

import pytest

from seriatim.store.cache import ENTRY_OVERHEAD_BYTES, ByteCache, CacheCounters

ROOM = 100
"""Value bytes that each entry may have in the caches below."""

ENTRY_BYTES = ROOM + ENTRY_OVERHEAD_BYTES


@pytest.fixture
def cache() -> ByteCache[str]:
    """Return a cache with room for exactly three entries."""
    return ByteCache(size_max_bytes=3 * ENTRY_BYTES)


def _fill(cache: ByteCache[str], keys: str) -> None:
    for key in keys:
        cache.put(key, key.encode() * ROOM)


def _held(cache: ByteCache[str], keys: str) -> str:
    return "".join(key for key in keys if cache.get(key) is not None)


def test_a_value_is_found_and_a_missing_one_is_none(cache: ByteCache[str]) -> None:
    cache.put("a", b"value")
    cache.put("empty", b"")
    assert cache.get("a") == b"value"
    assert cache.get("empty") == b""
    assert cache.get("b") is None
    size_bytes = len(b"value") + 2 * ENTRY_OVERHEAD_BYTES
    assert cache.counters() == CacheCounters(2, 1, 0, 2, size_bytes)


def test_the_bound_is_inclusive(cache: ByteCache[str]) -> None:
    _fill(cache, "abc")
    assert cache.counters() == CacheCounters(0, 0, 0, 3, 3 * ENTRY_BYTES)


def test_the_least_recently_used_goes_first(cache: ByteCache[str]) -> None:
    _fill(cache, "abc")
    cache.get("a")
    _fill(cache, "d")
    assert _held(cache, "abcd") == "acd"
    assert cache.counters().evictions == 1


def test_putting_again_replaces_and_counts_as_use(cache: ByteCache[str]) -> None:
    _fill(cache, "abc")
    cache.put("a", b"new")
    _fill(cache, "d")
    assert cache.get("a") == b"new"
    assert _held(cache, "abcd") == "acd"
    assert cache.counters().size_bytes == 2 * ENTRY_BYTES + len(b"new") + ENTRY_OVERHEAD_BYTES


def test_a_large_value_drives_out_as_many_as_it_needs(cache: ByteCache[str]) -> None:
    _fill(cache, "abc")
    cache.put("large", bytes(2 * ENTRY_BYTES - ENTRY_OVERHEAD_BYTES))
    assert _held(cache, "abc") == "c"
    assert cache.counters().evictions == 2


def test_a_value_larger_than_the_bound_is_not_kept_and_drives_nothing_out(
    cache: ByteCache[str],
) -> None:
    _fill(cache, "abc")
    cache.put("b", bytes(3 * ENTRY_BYTES))
    assert _held(cache, "abc") == "ac", "the old value of the key is no longer true"
    assert cache.counters().evictions == 0


def test_empty_values_are_bounded_too(cache: ByteCache[str]) -> None:
    for number in range(1_000):
        cache.put(str(number), b"")
    assert cache.counters().size_bytes <= 3 * ENTRY_BYTES


def test_a_discarded_key_is_forgotten(cache: ByteCache[str]) -> None:
    _fill(cache, "ab")
    cache.discard("a")
    cache.discard("never there")
    assert _held(cache, "ab") == "b"
    assert cache.counters().size_bytes == ENTRY_BYTES
