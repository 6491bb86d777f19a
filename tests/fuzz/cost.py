"""What an input costs, in units that no busy machine changes: bytes of memory, and calls.

Both have to stay in proportion to the input's size. A decoder that looks at everything once for
each byte, or that unfolds a few bytes into many values, does not: inputs have up to thousands of
bytes, so that it is beyond the bound by far.
"""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

BASE_BYTES: Final = 1_024
"""What the smallest input is counted as."""

MEMORY_MAX: Final = 512
"""Bytes of memory for a byte of input; the most that was seen is 92."""

CALLS_MAX: Final = 512
"""Calls of functions, in Python or C, for a byte of input; the most that was seen is 70."""


class CostError(AssertionError):
    """An input costs more than its size allows."""


def check_cost(check: Callable[[bytes], None], raw: bytes) -> None:
    """Call *check* with *raw*, twice, and count what that takes.

    Raises:
        CostError: it is out of proportion.
        Exception: whatever *check* raises.
    """
    size = len(raw) + BASE_BYTES
    memory = memory_of(check, raw)
    if memory > MEMORY_MAX * size:
        raise CostError(f"{memory} bytes of memory for {len(raw)} bytes")
    calls = calls_of(check, raw)
    if calls > CALLS_MAX * size:
        raise CostError(f"{calls} calls for {len(raw)} bytes")


def memory_of(check: Callable[[bytes], None], raw: bytes) -> int:
    """Return how many bytes of memory are in use at once, at most, beside what was before."""
    tracemalloc.start()
    try:
        check(raw)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def calls_of(check: Callable[[bytes], None], raw: bytes) -> int:
    """Return how many functions are called and returned from."""
    calls = 0

    def count(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal calls
        calls += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        check(raw)
    finally:
        sys.setprofile(before)
    return calls
