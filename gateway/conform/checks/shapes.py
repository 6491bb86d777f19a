"""Claims about shapes: what stands in which field."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from hypothesis import strategies as st

from seriatim.formats.ans104.item import DataItem
from seriatim.formats.errors import FormatError
from seriatim.formats.ids import b64url, b64url_decode, encode_id
from seriatim.formats.schedule.assignment import BLOCK_HEIGHT_DIGITS
from seriatim.gateway.chain import BLOCK_HASH_SIZES
from seriatim.gateway.conform.check import HYPERBEAM, LEGACY, Check
from seriatim.gateway.conform.claim import (
    CheckSkippedError,
    expect,
    expect_equal,
    expect_status,
    member,
    read_integer,
    read_json,
)
from seriatim.gateway.conform.faces.face import read_tags
from seriatim.gateway.conform.faces.hyperbeam import HyperbeamFace
from seriatim.gateway.conform.faces.legacy import LegacyFace
from seriatim.gateway.conform.talk.exchange import Reply
from seriatim.gateway.conform.talk.keys import Form


class Content(NamedTuple):
    """What a message carries."""

    data: str
    tags: list[tuple[str, str]]


def legacy_identity_is_told(face: LegacyFace, _: None) -> None:
    """Read the three paths that need no process."""
    told = read_json(face.get("/"), dict)
    expect_equal("address", member(told, "address", str), face.address)
    read_integer("timestamp", member(told, "timestamp", str))
    told = read_json(face.get("/timestamp"), dict)
    read_integer("timestamp", member(told, "timestamp", str))
    _check_height(member(told, "block_height", str))
    health = face.get("/health")
    expect_status(health, 200)


def hyperbeam_identity_is_told(face: HyperbeamFace, _: None) -> None:
    """Read the address, which clients take as it is."""
    reply = face.get("/~meta@1.0/info/address")
    expect_status(reply, 200)
    expect_equal("the body", reply.body.decode("utf-8", "replace"), face.address)


def legacy_messages_are_shown(face: LegacyFace, content: Content) -> None:
    """Send a message; every field of it is shown as it was signed."""
    process = face.spawn().id
    sent = face.send(process, data=content.data, tags=content.tags)
    node = read_json(face.get(f"/{sent.id}?process-id={process}"), dict)
    message = member(node, "message", dict)
    _check_signed_fields(message, sent.message.item)
    expect_equal("id", member(message, "id", str), sent.id)
    expect_equal("target", message.get("target"), process)
    expect_equal("data", message.get("data"), content.data)
    tags = read_tags(member(node, "assignment", dict), "tags")
    expect_equal("the tag Process of the assignment", tags.get("Process"), process)
    expect_equal("its tag Message", tags.get("Message"), sent.id)
    expect_equal("its tag Type", tags.get("Type"), "Assignment")
    _check_height(tags.get("Block-Height", ""))


def legacy_processes_are_shown(face: LegacyFace, _: None) -> None:
    """Spawn; every field of the process is shown as it was signed."""
    spawn = face.spawn()
    shown = read_json(face.get(f"/processes/{spawn.id}"), dict)
    expect_equal("process_id", member(shown, "process_id", str), spawn.id)
    _check_signed_fields(shown, spawn.message.item)
    expect_equal("data", shown.get("data"), bytes(spawn.message.item.data).decode())
    _check_height(member(shown, "block", str))
    (first,) = face.entries(spawn.id)
    expect_equal("timestamp", member(shown, "timestamp", int), first.timestamp_ms)


def hyperbeam_messages_are_shown(face: HyperbeamFace, content: Content) -> None:
    """Send a message; every field of it is shown as it was signed."""
    if face.signs_with.form is not Form.ITEM:
        raise CheckSkippedError("the node takes no data items, whose fields these are")
    process = face.spawn().id
    sent = face.send(process, data=content.data, tags=content.tags)
    message = member(face.found(process, sent).plain, "message", dict)
    item = sent.message.item
    owner = encode_id(item.address)
    for name, expected in (
        ("Id", sent.id),
        ("Owner", owner),
        ("From", owner),
        ("Target", process),
        ("Data", content.data),
        ("Tags", _tags(item)),
    ):
        expect_equal(name, message.get(name), expected)


def the_slot_key_names_process_and_block(face: HyperbeamFace, count: int) -> None:
    """Read ``slot``: its members are headers too, whatever the codec."""
    process = face.spawn().id
    for _ in range(count):
        face.send(process)
    reply = face.get(f"/~scheduler@1.0/slot?target={process}")
    expect_status(reply, 200)
    expect_equal("process", reply.headers.get("process"), process)
    expect_equal("current", _header_integer(reply, "current"), count)
    _header_integer(reply, "timestamp")
    _header_integer(reply, "block-height")
    _check_hash(reply.headers.get("block-hash", ""))


def _check_signed_fields(shown: dict[str, Any], item: DataItem) -> None:
    owner = member(shown, "owner", dict)
    expect_equal("owner.address", owner.get("address"), encode_id(item.address))
    expect_equal("owner.key", owner.get("key"), b64url(item.owner))
    expect_equal("signature", shown.get("signature"), b64url(item.signature))
    expect_equal("tags", shown.get("tags"), _tags(item))
    expect_equal("anchor", shown.get("anchor"), None)


def _tags(item: DataItem) -> list[dict[str, str]]:
    return [{"name": name.decode(), "value": value.decode()} for name, value in item.tags]


def _check_height(text: str) -> None:
    expect(
        len(text) == BLOCK_HEIGHT_DIGITS and text.isascii() and text.isdigit(),
        f"the block height: found {text!r}, expected {BLOCK_HEIGHT_DIGITS} digits",
    )


def _check_hash(text: str) -> None:
    sizes = " or ".join(map(str, BLOCK_HASH_SIZES))
    try:
        size = len(b64url_decode(text))
    except FormatError:
        size = 0
    expect(size in BLOCK_HASH_SIZES, f"block-hash: found {text!r}, expected {sizes} bytes")


def _header_integer(reply: Reply, name: str) -> int:
    return read_integer(f"the header {name}", reply.headers.get(name))


# Explicit characters: text that is awkward in JSON, and nothing that a format forbids.
_TEXT: Final = st.text('aB0 é漢😀"\\\n<&', max_size=8)
_VALUE: Final = st.text('aB0 é漢😀"\\\n<&', min_size=1, max_size=8)
_NAME: Final = st.text("aB-", max_size=4).map("X-{}".format)
_CONTENT: Final = st.builds(Content, _TEXT, st.lists(st.tuples(_NAME, _VALUE), max_size=4))

CHECKS: Final = (
    Check(
        "identity",
        "The node tells its address, its time and the newest block, each as text.",
        "ao unit, GET / and GET /timestamp",
        LEGACY,
        st.none(),
        legacy_identity_is_told,
        writes=False,
    ),
    Check(
        "identity",
        "The node tells its address as bare text.",
        "aoconnect, spawn without SCHEDULER; HyperBEAM ~meta@1.0, info/address",
        HYPERBEAM,
        st.none(),
        hyperbeam_identity_is_told,
        writes=False,
    ),
    Check(
        "messages",
        "A message is shown with every field as it was signed, in its place.",
        "ao unit, JSON of a node",
        LEGACY,
        _CONTENT,
        legacy_messages_are_shown,
    ),
    Check(
        "messages",
        "A message is shown with every field as it was signed, in its place.",
        "HyperBEAM, application/aos-2",
        HYPERBEAM,
        _CONTENT,
        hyperbeam_messages_are_shown,
    ),
    Check(
        "processes",
        "A process is described with every field of its spawn as it was signed.",
        "ao unit, GET /processes/{id}",
        LEGACY,
        st.none(),
        legacy_processes_are_shown,
    ),
    Check(
        "slot",
        "The key slot tells process, last slot, and height and hash of a block, in their places.",
        "HyperBEAM ~scheduler@1.0, slot",
        HYPERBEAM,
        st.integers(0, 3),
        the_slot_key_names_process_and_block,
    ),
)
