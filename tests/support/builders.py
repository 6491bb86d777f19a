"""Builders of what clients send: spawns and messages, signed with the wallets of the tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.item import DataItem, sign_item
from seriatim.formats.message import Message
from seriatim.formats.schedule.assignment import (
    FIRST_LINK,
    Block,
    Draft,
    link_of,
)
from seriatim.formats.schedule.record import Record
from seriatim.formats.schedule.seal import seal
from seriatim.formats.schedule.submission import (
    Submission,
    submit_item,
    submit_reference,
    submit_unsigned,
)
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.scheme import WalletKind
from seriatim.formats.signing.wallet import Wallet
from tests.support.records import make_id
from tests.support.strategies import known_wallet

NO_TAGS: Mapping[str, str] = MappingProxyType({})

CLIENT = WalletKind.ED25519
NODE = WalletKind.SECP256K1
"""Not the client's kind: what the node has signed is told apart from what it was sent."""

ANCHOR = b"thirty-two characters of plain a"
"""Legacy pages show it as it is: what they show of a message with it can be verified."""

BLOCK = Block(7, make_id("block"), 8)


def make_tags(pairs: Mapping[str, str]) -> list[Tag]:
    """Return *pairs* as tags, in their order."""
    return [Tag(name.encode(), value.encode()) for name, value in pairs.items()]


def spawn_item(
    variant: Variant | None,
    name: str = "",
    *,
    wallet: Wallet | None = None,
    tags: Mapping[str, str] = NO_TAGS,
) -> DataItem:
    """Return the spawn of a process; *name* tells two of them apart."""
    pairs = {"Data-Protocol": "ao", "Type": "Process", "Name": name, **tags}
    if variant is not None:
        pairs["Variant"] = variant.tag
    return sign_item(
        wallet or known_wallet(CLIENT), target=b"", anchor=b"", tags=make_tags(pairs), data=b""
    )


def message_item(
    process: bytes,
    data: bytes | str,
    *,
    wallet: Wallet | None = None,
    tags: Mapping[str, str] = NO_TAGS,
    anchor: bytes = b"",
) -> DataItem:
    """Return a message for *process*."""
    pairs = {"Data-Protocol": "ao", "Type": "Message", **tags}
    return sign_item(
        wallet or known_wallet(CLIENT),
        target=process,
        anchor=anchor,
        tags=make_tags(pairs),
        data=data.encode() if isinstance(data, str) else data,
    )


def spawn(variant: Variant | None, name: str = "") -> Submission:
    """Return the submission of `spawn_item`."""
    return submit_item(spawn_item(variant, name))


def message(process: bytes, data: bytes | str, *, anchor: bytes = b"") -> Submission:
    """Return the submission of `message_item`."""
    return submit_item(message_item(process, data, anchor=anchor))


def messages(
    process: bytes, count: int, prefix: str = "", *, anchor: bytes = b""
) -> Sequence[Submission]:
    """Return *count* different messages for *process*."""
    return [message(process, f"{prefix}{number}", anchor=anchor) for number in range(count)]


def unsigned(process: bytes, data: str) -> Submission:
    """Return an unsigned message for *process*."""
    return submit_unsigned(Message({"data": data}), process=process)


def make_draft(
    submission: Submission,
    slot: int,
    variant: Variant,
    *,
    timestamp_ms: int | None = None,
    block: Block = BLOCK,
) -> Draft:
    """Return *submission* placed at *slot*; the timestamp follows from the slot by default."""
    return Draft(
        submission.process,
        slot,
        variant,
        1_000 + slot if timestamp_ms is None else timestamp_ms,
        submission.kind,
        submission.message_id,
        submission.message,
        submission.path,
        submission.excludes,
        block,
    )


def seal_log(drafts: Sequence[Draft], *, wallet: Wallet | None = None) -> list[Record]:
    """Return the records of a whole log, from slot 0 on, by the node's wallet or another."""
    records: list[Record] = []
    link = FIRST_LINK
    for draft in drafts:
        record, _ = seal(draft, link, wallet or known_wallet(NODE), anchor=make_id("anchor"))
        link = link_of(record)
        records.append(record)
    return records


def every_kind(variant: Variant, name: str = "every kind") -> list[Draft]:
    """Return a log in which every kind of message has a slot, the spawn first."""
    first = spawn(variant, name)
    rest = [
        message(first.process, "signed"),
        unsigned(first.process, "plain"),
        submit_reference(first.process, make_id("elsewhere"), excludes=("Data", "Tags")),
        message(first.process, b"\xff\x00 not text"),
    ]
    return [make_draft(each, slot, variant) for slot, each in enumerate([first, *rest])]
