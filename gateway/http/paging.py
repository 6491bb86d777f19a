"""From the legacy API's paging parameters to a range of slots, and pages as streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from seriatim.formats.errors import MalformedError
from seriatim.formats.limits import JSON_INTEGER_MAX, PAGE_DEFAULT, PAGE_MAX

_INTEGER_DIGITS_MAX: Final = 19
_ABSENT: Final = frozenset({"", "undefined", "null"})


class SlotRange(NamedTuple):
    """Slots *first* to *last*, both inclusive; empty when *last* < *first*.

    Attributes:
        first: first slot of the page.
        last: last slot of the page.
        has_next: whether a slot that was asked for follows.
        by_nonce: whether cursors are slots; they are timestamps otherwise.
    """

    first: int
    last: int
    has_next: bool
    by_nonce: bool


def legacy_range(
    query: Mapping[str, str], *, head: int, slots_until: Callable[[int], int]
) -> SlotRange:
    """Return the page that a legacy client asks for.

    ``from`` is exclusive and ``to`` inclusive, as times or, with any nonce parameter, as slots.
    The process itself (slot 0) comes first when ``from`` is absent, whatever ``to`` says.

    Args:
        query: ``from``, ``to``, ``from-nonce``, ``to-nonce``, ``limit``; ``undefined`` counts
            as absent, as real clients send it.
        head: the process's last slot.
        slots_until: how many slots have a timestamp of at most the given one.

    Raises:
        MalformedError: a bound that is no 64-bit integer, or a limit below 1; code
            ``bad_query``.
    """
    by_nonce = _given(query, "from-nonce") or _given(query, "to-nonce")
    if by_nonce:
        after = _integer(query, "from-nonce", -1)
        last = min(_integer(query, "to-nonce", head), head)
        first = 0 if after == -1 else max(after + 1, 1)
    else:
        first, last = 0, head
        if _given(query, "from"):
            first = max(slots_until(_integer(query, "from", 0)), 1)
        if _given(query, "to"):
            last = slots_until(_integer(query, "to", 0)) - 1
    if first == 0:
        last = max(last, 0)
    page_last = min(last, first + _limit(query) - 1)
    has_next = page_last < last
    return SlotRange(first, page_last, has_next, by_nonce)


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", "")
    try:
        limit = int(text)
    except ValueError:
        return PAGE_DEFAULT
    if limit < 1:
        raise MalformedError("limit must be 1 or more", code="bad_query")
    return min(limit, PAGE_MAX)


def _given(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "") not in _ABSENT


def _integer(query: Mapping[str, str], name: str, default: int) -> int:
    if not _given(query, name):
        return default
    return parse_integer(name, query[name])


def parse_integer(name: str, text: str) -> int:
    """Return the 64-bit integer *text* of query parameter *name*.

    Raises:
        MalformedError: not an integer, or beyond 64 bits; code ``bad_query``.
    """
    digits = text.removeprefix("-")
    is_integer = digits.isascii() and digits.isdigit() and len(digits) <= _INTEGER_DIGITS_MAX
    if not is_integer or int(digits) > JSON_INTEGER_MAX:
        raise MalformedError(
            f"{name} must be an integer of at most 64 bits, not {text[:32]!r}", code="bad_query"
        )
    return int(text)


def join_page(opening: bytes, chunks: Iterator[bytes], closing: bytes) -> Iterator[bytes]:
    """Yield a page in pieces: *opening*, *chunks* with commas between them, *closing*."""
    yield opening
    separator = b""
    for chunk in chunks:
        if separator:
            yield separator
        yield chunk
        separator = b","
    yield closing
