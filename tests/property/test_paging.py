"""Paging against brute force: a page is a filtered list, whatever arithmetic found it."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.formats.errors import MalformedError
from seriatim.formats.limits import PAGE_DEFAULT, PAGE_MAX, SCHEDULE_PAGE_MAX
from seriatim.gateway.http.hyperbeam.devices.scheduler_device import schedule_range
from seriatim.gateway.http.paging import SlotRange, join_page, legacy_range, parse_integer

ABSENT = ["", "undefined", "null"]

stamp_lists = st.lists(st.integers(1, 50), min_size=1, max_size=40).map(
    lambda steps: list(accumulate(steps))
)
bounds = st.none() | st.integers(-3, 2_100)
nonces = st.none() | st.integers(-3, 45)
limits = st.none() | st.integers(1, 50)


def ask(stamps: list[int], **query: object) -> SlotRange:
    """Return the range for *query*; ``None`` is a parameter that is not there."""
    text = {key.replace("_", "-"): str(value) for key, value in query.items() if value is not None}
    return legacy_range(
        text, head=len(stamps) - 1, slots_until=lambda time_ms: bisect_right(stamps, time_ms)
    )


def slots_of(page: SlotRange) -> list[int]:
    return list(range(page.first, page.last + 1))


def matching(
    stamps: list[int], *, after: int | None, until: int | None, by_nonce: bool
) -> list[int]:
    """Return the slots that were asked for, by an ao unit's rules and no arithmetic.

    ``from`` is exclusive and ``to`` inclusive. The process itself is there when ``from`` is
    absent (or, as a nonce, -1), whatever ``to`` says.
    """
    has_process = after is None or (by_nonce and after == -1)
    found = [0] if has_process else []
    for slot in range(1, len(stamps)):
        cursor = slot if by_nonce else stamps[slot]
        if (after is None or cursor > after) and (until is None or cursor <= until):
            found.append(slot)
    return found


@given(stamps=stamp_lists, after=bounds, until=bounds, limit=limits)
def test_a_page_by_time_is_what_a_filter_finds(
    stamps: list[int], after: int | None, until: int | None, limit: int | None
) -> None:
    page = ask(stamps, **{"from": after, "to": until, "limit": limit})
    found = matching(stamps, after=after, until=until, by_nonce=False)
    size = PAGE_DEFAULT if limit is None else limit
    assert slots_of(page) == found[:size]
    assert page.has_next == (len(found) > size)
    assert not page.by_nonce


@given(stamps=stamp_lists, after=nonces, until=nonces, limit=limits, time_ms=bounds)
def test_a_page_by_nonce_is_what_a_filter_finds_and_times_do_not_count(
    stamps: list[int],
    after: int | None,
    until: int | None,
    limit: int | None,
    time_ms: int | None,
) -> None:
    if after is None and until is None:
        after = -1
    page = ask(stamps, from_nonce=after, to_nonce=until, limit=limit, to=time_ms)
    found = matching(stamps, after=after, until=until, by_nonce=True)
    size = PAGE_DEFAULT if limit is None else limit
    assert slots_of(page) == found[:size]
    assert page.has_next == (len(found) > size)
    assert page.by_nonce


@given(
    stamps=stamp_lists,
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=5),
    by_nonce=st.booleans(),
    until=st.none() | st.integers(0, 2_100),
)
def test_the_cursors_lead_through_the_whole_list_whatever_the_sizes(
    stamps: list[int], sizes: list[int], by_nonce: bool, until: int | None
) -> None:
    seen: list[int] = []
    query: dict[str, object] = {"from-nonce": -1} if by_nonce else {}
    query["to-nonce" if by_nonce else "to"] = until
    turn = 0
    while True:
        page = ask(stamps, **query, limit=sizes[turn % len(sizes)])
        slots = slots_of(page)
        assert slots or (turn == 0 and not page.has_next), "true before an empty page"
        seen += slots
        if not page.has_next:
            break
        last = slots[-1]
        query["from-nonce" if by_nonce else "from"] = last if by_nonce else stamps[last]
        turn += 1
    expected = matching(stamps, after=None, until=until, by_nonce=by_nonce)
    assert seen == expected
    assert seen == sorted(set(seen))


@given(
    head=st.integers(0, 5_000),
    first=st.none() | st.integers(-5, 6_000),
    last=st.none() | st.integers(-5, 6_000),
)
def test_a_scheduler_page_is_what_a_filter_finds(
    head: int, first: int | None, last: int | None
) -> None:
    keys = {"from": first, "to": last}
    query = {key: str(value) for key, value in keys.items() if value is not None}
    low = max(first or 0, 0)
    high = head if last is None else max(last, 0)
    found = [slot for slot in range(head + 1) if low <= slot <= high]
    page_first, page_last, continues = schedule_range(query, head=head)
    assert list(range(page_first, page_last + 1)) == found[:SCHEDULE_PAGE_MAX]
    assert continues == (len(found) > SCHEDULE_PAGE_MAX)


@given(head=st.integers(0, 5_000), first=st.integers(0, 100))
def test_scheduler_pages_lead_through_the_whole_list(head: int, first: int) -> None:
    seen: list[int] = []
    start = first
    continues = True
    while continues:
        page_first, page_last, continues = schedule_range({"from": str(start)}, head=head)
        seen += range(page_first, page_last + 1)
        start = page_last + 1
    assert seen == list(range(first, head + 1))


@pytest.mark.parametrize("text", ABSENT)
@pytest.mark.parametrize("name", ["from", "to", "from-nonce", "to-nonce"])
def test_what_clients_send_for_nothing_is_nothing(name: str, text: str) -> None:
    stamps = list(range(1, 21))
    assert ask(stamps, **{name: text}) == ask(stamps)


@pytest.mark.parametrize("text", ["undefined", "many", "", "1.5", "0x10"])
def test_a_limit_that_is_no_number_is_the_default(text: str) -> None:
    page = ask(list(range(PAGE_MAX * 2)), limit=text)
    assert len(slots_of(page)) == PAGE_DEFAULT


@pytest.mark.parametrize("limit", [PAGE_MAX, PAGE_MAX + 1, 10**30])
def test_a_page_is_bounded_and_says_honestly_that_more_follows(limit: int) -> None:
    page = ask(list(range(PAGE_MAX + 1)), limit=limit)
    assert len(slots_of(page)) == PAGE_MAX
    assert page.has_next


@pytest.mark.parametrize("limit", [0, -1, -(10**30)])
def test_a_page_of_nothing_is_refused(limit: int) -> None:
    with pytest.raises(MalformedError) as caught:
        ask([1, 2, 3], limit=limit)
    assert caught.value.code == "bad_query"


@pytest.mark.parametrize("text", ["x", "-", "--1", "+1", " 1", "1_0", "\u0661", "1.0", "²"])
def test_a_bound_that_is_no_integer_is_refused(text: str) -> None:
    with pytest.raises(MalformedError) as caught:
        ask([1, 2, 3], **{"from": text})
    assert caught.value.code == "bad_query"
    with pytest.raises(MalformedError):
        schedule_range({"to": text}, head=3)


@pytest.mark.parametrize("text", [str(2**63), "-" + str(2**63), "9" * 40, "9" * 5_000])
def test_a_bound_beyond_64_bits_is_refused(text: str) -> None:
    with pytest.raises(MalformedError, match="64 bits"):
        parse_integer("from", text)


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_a_bound_of_64_bits_is_itself(number: int) -> None:
    assert parse_integer("from", str(number)) == number


@given(
    chunks=st.lists(st.binary(min_size=1, max_size=9), max_size=6),
    opening=st.binary(max_size=4),
    closing=st.binary(max_size=4),
)
def test_a_page_in_pieces_is_the_page(chunks: list[bytes], opening: bytes, closing: bytes) -> None:
    pieces = join_page(opening, iter(chunks), closing)
    assert b"".join(pieces) == opening + b",".join(chunks) + closing
