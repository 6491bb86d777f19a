"""Claims about pages: which slots are on one, and how the next one is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from hypothesis import strategies as st

from seriatim.gateway.conform.check import HYPERBEAM, LEGACY, Check
from seriatim.gateway.conform.claim import expect, expect_equal
from seriatim.gateway.conform.faces.face import Entry, Face, Page
from seriatim.gateway.conform.faces.hyperbeam import HyperbeamFace
from seriatim.gateway.conform.faces.legacy import LegacyFace

_LIMIT_DEFAULT: Final = 100


class Query(NamedTuple):
    """One page of a process with *messages* messages.

    Bounds are slots. By time each stands for the timestamp of its slot, *offset_ms* later.
    """

    messages: int
    after: int | None
    until: int | None
    limit: int | None
    by_time: bool
    offset_ms: int


class Walk(NamedTuple):
    """All pages of a process with *messages* messages, *size* slots at a time."""

    messages: int
    size: int
    by_time: bool = False


class Bounds(NamedTuple):
    """The slots *first* to *last* of a process with *messages* messages; ``None``: not said."""

    messages: int
    first: int | None
    last: int | None


def legacy_bounds_hold(face: LegacyFace, plan: Query) -> None:
    """Ask for one page; compare with what its words say."""
    whole = _fill(face, plan.messages)
    query, wanted = _legacy_page(plan, whole)
    _compare(face.page(whole[0].message_id, query), wanted, plan.limit or _LIMIT_DEFAULT)


def _legacy_page(plan: Query, whole: Sequence[Entry]) -> tuple[str, list[int]]:
    """Return the query for *plan*, and the slots that it asks for."""
    last = len(whole) - 1

    def key(entry: Entry) -> int:
        return entry.timestamp_ms if plan.by_time else entry.slot

    def bound(slot: int | None) -> int | None:
        if slot is None or not plan.by_time:
            return slot
        return whole[min(slot, last)].timestamp_ms + plan.offset_ms

    after, until = bound(plan.after), bound(plan.until)
    suffix = "" if plan.by_time else "-nonce"
    query = "&".join(
        f"{name}={value}"
        for name, value in ((f"from{suffix}", after), (f"to{suffix}", until), ("limit", plan.limit))
        if value is not None
    )
    # The process comes first whatever `to` says, and only where nothing is said about `from`.
    wanted = [0] if after is None else []
    wanted += [
        entry.slot
        for entry in whole[1:]
        if (after is None or key(entry) > after) and (until is None or key(entry) <= until)
    ]
    return query, wanted


def _compare(page: Page, wanted: Sequence[int], limit: int) -> None:
    slots = [entry.slot for entry in page.entries]
    expect_equal("the slots on the page", slots, list(wanted[:limit]))
    expect_equal("has_next_page", page.has_next, len(wanted) > limit)


def legacy_cursors_lead_on(face: LegacyFace, plan: Walk) -> None:
    """Follow the cursors from the first page to the last, as compute units do."""
    whole = _fill(face, plan.messages)
    process = whole[0].message_id
    # To begin with, nothing is said about time, and slot -1 is the one before the first.
    bound, query = ("from", "") if plan.by_time else ("from-nonce", "from-nonce=-1&")
    walked: list[int] = []
    while len(walked) < len(whole):
        page = face.page(process, f"{query}limit={plan.size}")
        expect(page.entries, f"an empty page after slots {walked}")
        for entry in page.entries:
            place = entry.timestamp_ms if plan.by_time else entry.slot
            expect_equal(f"the cursor of slot {entry.slot}", entry.cursor, str(place))
        walked += [entry.slot for entry in page.entries]
        if not page.has_next:
            break
        query = f"{bound}={page.entries[-1].cursor}&"
    expect_equal("the slots on all pages", walked, [entry.slot for entry in whole])


def hyperbeam_bounds_hold(face: HyperbeamFace, plan: Bounds) -> None:
    """Ask for one range; both of its ends are in it."""
    whole = _fill(face, plan.messages)
    said = (("from", plan.first), ("to", plan.last))
    bounds = "&".join(f"{name}={slot}" for name, slot in said if slot is not None)
    page = face.page(whole[0].message_id, bounds or "from=0")
    last = plan.messages if plan.last is None else min(plan.last, plan.messages)
    slots = [entry.slot for entry in page.entries]
    expect_equal("the slots on the page", slots, list(range(plan.first or 0, last + 1)))
    expect_equal("has_next_page", page.has_next, expected=False)


def hyperbeam_cursors_lead_on(face: HyperbeamFace, plan: Walk) -> None:
    """Read range after range, each from the slot after the last cursor."""
    whole = _fill(face, plan.messages)
    process = whole[0].message_id
    walked: list[int] = []
    first = 0
    while len(walked) < len(whole):
        page = face.page(process, f"from={first}&to={first + plan.size - 1}")
        expect(page.entries, f"an empty page after slots {walked}")
        for entry in page.entries:
            expect_equal(f"the cursor of slot {entry.slot}", entry.cursor, entry.slot)
        walked += [entry.slot for entry in page.entries]
        first = walked[-1] + 1
    expect_equal("the slots on all pages", walked, [entry.slot for entry in whole])


def _fill(face: Face, messages: int) -> list[Entry]:
    """Return the schedule of a new process with so many messages, slots in order."""
    process = face.spawn().id
    for _ in range(messages):
        face.send(process)
    whole = face.entries(process)
    slots = [entry.slot for entry in whole]
    expect_equal("the slots of the process", slots, list(range(messages + 1)))
    return whole


_BOUND: Final = st.none() | st.integers(0, 8)
_MESSAGES: Final = st.integers(0, 6)

CHECKS: Final = (
    Check(
        "pages",
        "On a page: after `from`, up to and with `to`, `limit` at most; has_next_page is exact.",
        "ao unit, GET /{process}: from, to, from-nonce, to-nonce, limit",
        LEGACY,
        st.builds(
            Query,
            _MESSAGES,
            _BOUND,
            _BOUND,
            st.none() | st.integers(1, 8),
            st.booleans(),
            st.integers(-1, 1),
        ),
        legacy_bounds_hold,
    ),
    Check(
        "pages",
        "A range has both of its ends in it, stops where the process ends, and says so.",
        "HyperBEAM ~scheduler@1.0, schedule: from, to",
        HYPERBEAM,
        st.builds(Bounds, _MESSAGES, _BOUND, _BOUND),
        hyperbeam_bounds_hold,
    ),
    Check(
        "cursors",
        "Following the cursors gives every slot once, and no page is empty.",
        "ao compute unit, which starts over at an empty page",
        LEGACY,
        st.builds(Walk, _MESSAGES, st.integers(1, 4), st.booleans()),
        legacy_cursors_lead_on,
    ),
    Check(
        "cursors",
        "The cursor of an edge is its slot, and ranges one after another give every slot once.",
        "HyperBEAM, application/aos-2",
        HYPERBEAM,
        st.builds(Walk, _MESSAGES, st.integers(1, 4)),
        hyperbeam_cursors_lead_on,
    ),
)
