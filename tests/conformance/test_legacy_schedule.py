"""The recorded legacy schedule: our records give the recorded replies, byte for byte."""

from __future__ import annotations

import orjson
import pytest

from seriatim.formats.ans104.bundle import decode_bundle, encode_bundle, is_bundle
from seriatim.formats.ans104.item import DataItem
from seriatim.formats.errors import ChainBrokenError, NotVerifiableError
from seriatim.formats.ids import b64url, encode_id
from seriatim.formats.schedule.assignment import Block, Draft, legacy_tags
from seriatim.formats.schedule.audit import Audit
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.wire import legacy
from seriatim.formats.wire.legacy_page import LegacyPageReader
from tests.support.recorded_schedule import (
    ENTRIES,
    PROCESS,
    SCHEDULE,
    VECTORS,
    record_at,
    recorded,
    stored_at,
)

NOT_TEXT = 3
"""The nonce of the message whose anchor and data are not UTF-8."""


def test_the_audit_accepts_the_recorded_schedule() -> None:
    audit = Audit(PROCESS)
    for nonce in range(len(ENTRIES)):
        audit.add(nonce, record_at(nonce))
    assert audit.slots == len(ENTRIES)
    assert audit.scheduler is not None
    assert encode_id(audit.scheduler) == SCHEDULE["schedulerAddress"]
    assert audit.signatures == 2 * len(ENTRIES) - 1, "the assign carries no message to verify"


def test_the_audit_refuses_a_gap() -> None:
    audit = Audit(PROCESS)
    audit.add(0, record_at(0))
    with pytest.raises(ChainBrokenError, match="slot 1"):
        audit.add(2, record_at(2))


def test_the_audit_refuses_slots_in_another_order() -> None:
    audit = Audit(PROCESS)
    audit.add(0, record_at(0))
    with pytest.raises(ChainBrokenError, match="hash chain"):
        audit.add(1, record_at(2))


@pytest.mark.parametrize("nonce", range(len(ENTRIES)))
def test_the_assignment_tags_are_ours_in_the_recorded_order(nonce: int) -> None:
    entry, record = ENTRIES[nonce], record_at(nonce)
    item = DataItem.decode(record.assignment)
    excludes = tuple(tag.value.decode() for tag in item.tags if tag.name == b"Exclude")
    draft = Draft(
        PROCESS,
        nonce,
        Variant.LEGACY,
        entry["timestamp"],
        record.kind,
        record.message_id,
        record.message,
        "",
        excludes,
        Block(height=entry["blockHeight"]),
    )
    assert tuple(legacy_tags(draft, record.hash_chain)) == item.tags


LISTS = {
    "GET-list-default": (range(7), False, False),
    "GET-list-limit3": (range(3), True, False),
    "GET-list-from-ts-limit2": (range(3, 5), True, False),
    "GET-list-from-process-ts": (range(1, 7), False, False),
    "GET-list-past-end": (range(0), False, False),
    "GET-list-show-anchor": (range(2), True, True),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_page_has_the_recorded_bytes(name: str) -> None:
    nonces, has_next, show_anchor = LISTS[name]
    edges = (
        legacy.encode_edge(stored_at(n), str(ENTRIES[n]["timestamp"]), show_anchor=show_anchor)
        for n in nonces
    )
    page = legacy.PAGE_OPEN[has_next] + b",".join(edges) + legacy.PAGE_CLOSE
    assert page == recorded(name)


def test_an_assign_has_the_recorded_bytes() -> None:
    assert legacy.encode_node(stored_at(4)) == recorded("GET-assigned-by-assignment-id")


def test_a_view_takes_another_cursor() -> None:
    view = legacy.encode_view(stored_at(3))
    assert legacy.recursor(view, 3) == legacy.encode_edge(stored_at(3), "3")


@pytest.mark.parametrize("nonce", range(len(ENTRIES)))
def test_a_recorded_bundle_has_the_assignment_first_and_its_message_behind(nonce: int) -> None:
    """An ao unit uploads both in one item; a node of ours uploads each by itself."""
    item = DataItem.decode((VECTORS / f"{nonce:02}-bundle.bin").read_bytes())
    item.verify()
    assert is_bundle(item)
    record = record_at(nonce)
    items = [raw for raw in (record.assignment, record.message) if raw]
    assert [each.raw for each in decode_bundle(item.data)] == items
    assert encode_bundle([DataItem.decode(raw) for raw in items]) == bytes(item.data)


@pytest.mark.parametrize("name", LISTS)
def test_a_recorded_page_is_read_back_to_the_recorded_items(name: str) -> None:
    """All but slot 3, whose data and anchor are not text: its page has lost them."""
    nonces, _, show_anchor = LISTS[name]
    page = orjson.loads(recorded(name))
    if not show_anchor:  # what a follower asks for: the page in which the anchors survive
        for edge, nonce in zip(page["edges"], nonces, strict=True):
            anchor = bytes(DataItem.decode(record_at(nonce).assignment).anchor)
            edge["node"]["assignment"]["anchor"] = b64url(anchor)
    reader = LegacyPageReader()
    entries = reader.entries(orjson.dumps(page))
    assert [entry.slot for entry in entries] == list(nonces)
    for entry in entries:
        if entry.slot == NOT_TEXT:
            with pytest.raises(NotVerifiableError, match="is not text"):
                reader.record(PROCESS, entry)
        else:
            assert reader.record(PROCESS, entry) == record_at(entry.slot)


def test_a_page_without_the_anchors_of_its_assignments_is_not_taken() -> None:
    reader = LegacyPageReader()
    entry = reader.entries(recorded("GET-list-default"))[0]
    record = reader.record(PROCESS, entry)
    with pytest.raises(ChainBrokenError, match="slot 0"):
        Audit(PROCESS).add(0, record)
