"""Claims about what is read back: it is there, it stays, and each slot follows from the last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import orjson
from hypothesis import strategies as st

from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.item import DataItem, unsigned_item
from seriatim.formats.errors import CommitmentError, FormatError
from seriatim.formats.ids import ID_BYTES, b64url_decode, decode_id, encode_id
from seriatim.formats.schedule.chain import GENESIS, next_chain
from seriatim.formats.signing.scheme import SCHEMES
from seriatim.gateway.conform.check import BOTH, LEGACY, Check
from seriatim.gateway.conform.claim import (
    CheckSkippedError,
    ClaimBrokenError,
    expect,
    expect_equal,
    member,
)
from seriatim.gateway.conform.faces.face import Entry, Face
from seriatim.gateway.conform.faces.legacy import LegacyFace


class Growth(NamedTuple):
    """Send *before* messages, read, send *after* more, and read again."""

    before: int
    after: int


def the_acknowledged_is_there(face: Face, texts: Sequence[str]) -> None:
    """Read each message by itself as soon as it is acknowledged, and all of them at the end."""
    process = face.spawn().id
    sent = []
    for slot, text in enumerate(texts, 1):
        message = face.send(process, data=text)
        sent.append(message)
        entry = face.found(process, message)
        expect_equal("the message found", entry.message_id, message.id)
        expect_equal("its slot", entry.slot, slot)
        expect_equal("the slot told", slot if message.slot is None else message.slot, slot)
    read = {entry.message_id for entry in face.entries(process)}
    lost = [message.id for message in sent if message.id not in read]
    expect(not lost, f"acknowledged, and not in the schedule: {', '.join(lost)}")


def the_head_is_the_last_slot(face: Face, count: int) -> None:
    """Ask for the head after each message."""
    process = face.spawn().id
    for slot in range(1, count + 1):
        face.send(process)
        expect_equal("the last slot", face.head(process), slot)


def what_was_read_stays(face: Face, plan: Growth) -> None:
    """Read a schedule twice, with messages in between; what was there is there, byte for byte."""
    process = face.spawn().id
    for _ in range(plan.before):
        face.send(process)
    first = face.entries(process)
    for _ in range(plan.after):
        face.send(process)
    second = face.entries(process)[: len(first)]
    expect_equal("how many of the slots are left", len(second), len(first))
    for old, new in zip(first, second, strict=True):
        expect(
            orjson.dumps(old.plain) == orjson.dumps(new.plain),
            f"slot {old.slot} reads otherwise the second time: {_difference(old, new)}",
        )


def the_chain_follows(face: Face, count: int) -> None:
    """Compute every hash chain value from the ids, and compare."""
    process = face.spawn().id
    for _ in range(count):
        face.send(process)
    chain, assignment = GENESIS, b""
    for entry in face.entries(process):
        if not entry.hash_chain:
            raise CheckSkippedError("assignments have no hash chain here")
        chain = next_chain(
            face.variant,
            process=decode_id(process),
            previous=chain,
            previous_assignment_id=assignment,
            message_id=decode_id(entry.message_id),
        )
        expect_equal(f"the hash chain of slot {entry.slot}", entry.hash_chain, encode_id(chain))
        assignment = decode_id(entry.assignment_id) if entry.assignment_id else b""


def assignments_are_signed(face: LegacyFace, count: int) -> None:
    """Rebuild every assignment from the JSON, and verify it."""
    process = face.spawn().id
    for _ in range(count):
        face.send(process)
    for entry in face.page(process, "show-anchor=1").entries:
        where = f"the assignment of slot {entry.slot}"
        try:
            item = _rebuild(entry)
            item.verify()
        except (CommitmentError, FormatError) as error:
            raise ClaimBrokenError(f"{where} does not verify: {error}") from error
        expect_equal(f"the id of {where}", entry.assignment_id, encode_id(item.id))
        expect_equal(f"the signer of {where}", encode_id(item.address), face.address)


def _rebuild(entry: Entry) -> DataItem:
    """Return the assignment of *entry* as the item that was signed."""
    plain = member(entry.plain, "assignment", dict)
    owner = b64url_decode(member(member(plain, "owner", dict), "key", str))
    signature = b64url_decode(member(plain, "signature", str))
    sizes = (len(signature), len(owner))
    kind = next((kind for kind, scheme in SCHEMES.items() if scheme == sizes), None)
    if kind is None:
        raise ClaimBrokenError(f"no signature type has {sizes} bytes of signature and owner")
    tags = [
        Tag(member(tag, "name", str).encode(), member(tag, "value", str).encode())
        for tag in member(plain, "tags", list)
    ]
    anchor = plain.get("anchor")
    unsigned = unsigned_item(
        signature_type=kind,
        owner=owner,
        anchor=_read_anchor(anchor) if isinstance(anchor, str) else b"",
        tags=tags,
    )
    return unsigned.signed(signature)


def _read_anchor(text: str) -> bytes:
    """Return an anchor, which is shown as itself where its bytes are text."""
    raw = text.encode()
    return raw if len(raw) == ID_BYTES else b64url_decode(text)


def _difference(old: Entry, new: Entry) -> str:
    """Say which halves of a slot differ."""
    halves = [half for half in old.plain if old.plain[half] != new.plain.get(half)]
    return f"its {' and '.join(halves)}" if halves else "in another order"


CHECKS: Final = (
    Check(
        "acknowledged",
        "A message that was acknowledged can be read at once, by itself and in the schedule.",
        "aoconnect, returnAssignmentSlot reads once; HyperBEAM, local_confirmation",
        BOTH,
        st.lists(st.text('aé漢"\\', max_size=6), min_size=1, max_size=5),
        the_acknowledged_is_there,
    ),
    Check(
        "head",
        "The last slot is that of the last message that was acknowledged.",
        "ao unit, GET /{process}/latest; HyperBEAM ~scheduler@1.0, slot/current",
        BOTH,
        st.integers(1, 4),
        the_head_is_the_last_slot,
    ),
    Check(
        "stable",
        "What a slot shows never changes, byte for byte.",
        "seriatim, docs/guarantees.md; compute units keep what they have read",
        BOTH,
        st.builds(Growth, st.integers(0, 3), st.integers(0, 3)),
        what_was_read_stays,
    ),
    Check(
        "chain",
        "Each hash chain value follows from the one before, by the rule of its variant.",
        "ao unit, hash chain over assignment ids; HyperBEAM, next_hashchain/2",
        BOTH,
        st.integers(0, 5),
        the_chain_follows,
    ),
    Check(
        "signed",
        "Every assignment is signed by the address that the node tells, over what it shows.",
        "ao unit, assignments as data items; show-anchor",
        LEGACY,
        st.integers(0, 3),
        assignments_are_signed,
    ),
)
