"""The wire shapes: golden bytes for every kind of message in every variant, and what they prove.

``SERIATIM_WRITE_GOLDEN=1`` writes the files anew; the difference is for a person to read.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.codec import from_message
from seriatim.formats.ans104.item import DataItem, sign_item
from seriatim.formats.codecs.json import JsonCodec
from seriatim.formats.errors import MalformedError
from seriatim.formats.ids import b64url, decode_id, encode_id
from seriatim.formats.message import Message, Value
from seriatim.formats.schedule.audit import Audit
from seriatim.formats.schedule.record import NO_ID, Kind, Record
from seriatim.formats.schedule.submission import submit_item, submit_unsigned
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.wire import aos2, legacy, schedule
from seriatim.formats.wire.legacy_rules import check_legacy_item
from seriatim.formats.wire.receipt import Receipt, receipt_to_plain
from seriatim.formats.wire.stored import StoredAssignment
from tests.support.builders import (
    BLOCK,
    CLIENT,
    every_kind,
    make_draft,
    make_tags,
    seal_log,
    spawn_item,
)
from tests.support.records import make_id
from tests.support.strategies import items, known_wallet

GOLDEN = Path(__file__).parent / "golden"
IS_WRITING = os.environ.get("SERIATIM_WRITE_GOLDEN") == "1"

Encode = Callable[[StoredAssignment], bytes]
SHAPES: dict[str, Encode] = {
    "legacy": lambda stored: legacy.encode_edge(stored, str(stored.slot), show_anchor=True),
    "aos2": aos2.encode_edge,
    "schedule": schedule.encode_assignment,
}


def log_of(variant: Variant) -> list[StoredAssignment]:
    drafts = every_kind(variant)
    return [
        StoredAssignment(drafts[0].process, slot, record)
        for slot, record in enumerate(seal_log(drafts))
    ]


LOGS = {variant: log_of(variant) for variant in Variant}


@pytest.mark.parametrize("variant", Variant, ids=lambda variant: variant.name.lower())
@pytest.mark.parametrize("shape", SHAPES)
def test_every_kind_has_its_golden_bytes(shape: str, variant: Variant) -> None:
    lines = b"".join(SHAPES[shape](stored) + b"\n" for stored in LOGS[variant])
    path = GOLDEN / f"{shape}-{variant.name.lower()}.jsonl"
    if IS_WRITING:
        path.write_bytes(lines)
    assert lines == path.read_bytes()


@pytest.mark.parametrize("variant", Variant)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_kind_is_there_and_is_json(shape: str, variant: Variant) -> None:
    stored = LOGS[variant]
    # HyperBEAM messages have salted signatures, and no golden bytes: see the recorded ones.
    assert {each.record.kind for each in stored} == set(Kind) - {Kind.TABM}
    for each in stored:
        assert isinstance(orjson.loads(SHAPES[shape](each)), dict)


def plain_message(plain: dict[str, Any]) -> Message:
    return JsonCodec().decode(orjson.dumps(plain))


@pytest.mark.parametrize("variant", Variant)
def test_a_schedule_is_verified_from_its_json_alone(variant: Variant) -> None:
    """Every item is rebuilt from what the page says, then the whole log is audited."""
    page = b",".join(schedule.encode_entry(each) for each in LOGS[variant])
    process = LOGS[variant][0].process
    closing = schedule.page_close(process, BLOCK, continues=False)
    whole = orjson.loads(schedule.page_open() + page + closing)
    assert whole["process"] == encode_id(process)
    audit = Audit(process)
    for key, plain in whole["assignments"].items():
        audit.add(int(key), rebuilt(plain))
    assert audit.slots == len(LOGS[variant])
    signed = len(LOGS[variant]) if variant.signed else 0
    assert audit.signatures == signed + sum(each.record.kind is Kind.ITEM for each in LOGS[variant])


def rebuilt(plain: dict[str, Any]) -> Record:
    """Return the record that *plain* says, its items put together again."""
    kind, message = Kind.REFERENCE, b""
    if "body" in plain:
        body = plain_message(plain["body"])
        if body.commitments:
            kind, message = Kind.ITEM, bytes(from_message(body).raw)
        else:
            kind, message = Kind.UNSIGNED, submit_unsigned(body, process=NO_ID).message
    assignment_id, assignment = NO_ID, b""
    if "commitments" in plain:
        ((_, commitment),) = plain["commitments"].items()
        pairs = commitment["original-tags"]
        fields: dict[str, Any] = {}
        for number in range(len(pairs), 0, -1):
            tag = pairs[str(number)]
            fields[tag["name"].lower()] = tag["value"]
        item = from_message(plain_message({**fields, "commitments": plain["commitments"]}))
        assignment_id, assignment = item.id, bytes(item.raw)
    return Record(
        Variant.from_tag(plain["variant"]),
        kind,
        plain["timestamp"],
        decode_id(plain["message"]),
        assignment_id,
        decode_id(plain["hash-chain"]),
        message,
        assignment,
    )


@pytest.mark.parametrize("variant", Variant)
def test_legacy_readers_find_nonce_timestamp_and_chain_in_every_variant(variant: Variant) -> None:
    for stored in LOGS[variant]:
        node = orjson.loads(legacy.encode_node(stored))
        tags = {tag["name"]: tag["value"] for tag in node["assignment"]["tags"]}
        assert tags["Nonce"] == str(stored.slot)
        assert tags["Timestamp"] == str(stored.record.timestamp_ms)
        assert tags["Hash-Chain"] == encode_id(stored.record.hash_chain)
        assert tags["Variant"] == variant.tag
        assert tags["Block-Height"] == ("000000000007" if variant.signed else "0" * 12)
        assert tags.get("Message", encode_id(stored.process)) == encode_id(stored.record.message_id)


@pytest.mark.parametrize("variant", Variant)
def test_the_process_describes_itself_in_every_variant(variant: Variant) -> None:
    stored = LOGS[variant][0]
    plain = orjson.loads(legacy.encode_process(stored))
    assert plain["process_id"] == encode_id(stored.process)
    assert plain["timestamp"] == stored.record.timestamp_ms
    assert {"name": "Type", "value": "Process"} in plain["tags"]
    assert plain["target"] is None


def unsigned_log() -> list[StoredAssignment]:
    first = submit_unsigned(Message({"type": "Process", "data": b"\xff"}))
    fields: dict[str, Value] = {
        "target": encode_id(first.process),
        "number": 1.5,
        "flag": True,
        "list": ("a", 1),
        "map": {"b": b"\xff", "c": {"d": 1}},
        "data": "text",
    }
    rest = submit_unsigned(Message(fields))
    drafts = [make_draft(each, slot, Variant.NATIVE) for slot, each in enumerate([first, rest])]
    return [
        StoredAssignment(first.process, slot, record)
        for slot, record in enumerate(seal_log(drafts))
    ]


@pytest.mark.parametrize("shape", SHAPES)
def test_unsigned_messages_of_any_values_have_every_shape(shape: str) -> None:
    spawn, message = (orjson.loads(SHAPES[shape](each)) for each in unsigned_log())
    assert spawn
    assert message


def test_bytes_in_a_map_keep_their_form_in_a_legacy_tag() -> None:
    plain = orjson.loads(legacy.encode_node(unsigned_log()[1]))
    tags = {tag["name"]: tag["value"] for tag in plain["message"]["tags"]}
    assert orjson.loads(tags["map"]) == {"b+base64url": "_w", "c": {"d": 1}}
    assert orjson.loads(tags["list"]) == ["a", 1]


def test_a_process_without_a_signature_describes_itself() -> None:
    plain = orjson.loads(legacy.encode_process(unsigned_log()[0]))
    assert plain["owner"] == {"address": "", "key": ""}
    assert plain["data"] == "\ufffd"
    assert plain["signature"] == ""


def test_fields_of_an_unsigned_message_are_text_to_legacy_readers() -> None:
    node = orjson.loads(legacy.encode_node(unsigned_log()[1]))
    tags = {tag["name"]: tag["value"] for tag in node["message"]["tags"]}
    assert tags["number"] == "1.5"
    assert tags["flag"] == "true"
    assert tags["list"] == '["a",1]'
    assert orjson.loads(tags["map"])["c"] == {"d": 1}
    assert "data" not in tags
    assert node["message"]["data"] == "text"
    assert node["message"]["target"] == encode_id(unsigned_log()[0].process)


@given(item=items())
def test_an_item_with_any_tags_has_every_shape(item: DataItem) -> None:
    submission = submit_item(spawn_item(Variant.NATIVE))
    (record,) = seal_log([make_draft(submission, 0, Variant.NATIVE)])
    stored = StoredAssignment(
        submission.process, 3, record._replace(message=bytes(item.raw), message_id=item.id)
    )
    for encode in SHAPES.values():
        assert orjson.loads(encode(stored))
    body = orjson.loads(schedule.encode_assignment(stored))["body"]
    assert from_message(plain_message(body)).raw == item.raw


@pytest.mark.parametrize("variant", Variant)
@given(cursor=st.integers(0, 2**53))
def test_a_view_takes_any_cursor(variant: Variant, cursor: int) -> None:
    for stored in LOGS[variant]:
        view = legacy.encode_view(stored)
        assert legacy.recursor(view, cursor) == legacy.encode_edge(stored, str(cursor))


def test_pages_close_with_where_they_are() -> None:
    process = make_id("p")
    page = orjson.loads(aos2.page_open() + aos2.page_close(process, BLOCK, has_next_page=True))
    assert page == {
        "edges": [],
        "page_info": {
            "block-hash": b64url(BLOCK.hash),
            "block-height": "7",
            "has_next_page": True,
            "process": encode_id(process),
            "timestamp": "8",
        },
    }
    page = orjson.loads(schedule.page_open() + schedule.page_close(process, BLOCK, continues=True))
    assert page == {
        "assignments": {},
        "block-hash": b64url(BLOCK.hash),
        "block-height": 7,
        "continues": True,
        "process": encode_id(process),
        "timestamp": 8,
        "type": "schedule",
    }


def test_a_receipt_names_what_its_client_can_check() -> None:
    receipt = Receipt(
        make_id("p"), 3, Variant.LEGACY, 5, make_id("m"), make_id("a"), make_id("c"), b"item"
    )
    plain = receipt_to_plain(receipt)
    assert plain["assignment"] == b64url(b"item")
    assert plain["assignment-id"] == encode_id(make_id("a"))
    assert plain["slot"] == 3
    bare = receipt_to_plain(receipt._replace(assignment=b"", assignment_id=NO_ID))
    assert plain.keys() - bare.keys() == {"assignment", "assignment-id"}


def item_of(pairs: dict[str, str], *more: Tag, target: bytes = b"") -> DataItem:
    return sign_item(
        known_wallet(CLIENT),
        target=target,
        anchor=b"",
        tags=[*make_tags(pairs), *more],
        data=b"",
    )


MESSAGE = {"Data-Protocol": "ao", "Type": "Message"}
PROCESS = {"Data-Protocol": "ao", "Type": "Process", "Module": "m", "Scheduler": "s"}


@pytest.mark.parametrize(
    "item",
    [
        item_of(MESSAGE, target=make_id("p")),
        item_of({"data-protocol": "x", "type": "Message"}, target=make_id("p")),
        item_of(PROCESS),
    ],
)
def test_what_an_ao_unit_takes_is_taken(item: DataItem) -> None:
    check_legacy_item(item)


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (item_of({}), "bad_type"),
        (item_of({"Type": "Assignment"}), "bad_type"),
        (item_of({"Type": "Message"}), "no_data_protocol"),
        (item_of({**MESSAGE, "a+link": "x"}, target=make_id("p")), "link_tag"),
        (item_of({**MESSAGE, "a": "x+link"}, target=make_id("p")), "link_tag"),
        (item_of({**PROCESS, "a+link": "x"}), "link_tag"),
        (item_of({"Data-Protocol": "ao", "Type": "Process"}), "no_module_or_scheduler"),
        (item_of({k: PROCESS[k] for k in PROCESS if k != "Module"}), "no_module_or_scheduler"),
        (item_of(MESSAGE), "no_target"),
        (item_of(MESSAGE, Tag(b"a", b"\xff"), target=make_id("p")), "bad_tag_text"),
        (item_of(MESSAGE, Tag(b"\xff", b"a"), target=make_id("p")), "bad_tag_text"),
    ],
)
def test_what_an_ao_unit_refuses_is_refused_with_its_reason(item: DataItem, code: str) -> None:
    with pytest.raises(MalformedError) as caught:
        check_legacy_item(item)
    assert caught.value.code == code
