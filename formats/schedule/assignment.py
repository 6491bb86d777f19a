"""Assignments as ANS-104 items: what they say, tag by tag.

Two forms, both items of the node's wallet without target and data; `seal` signs them:

* ``ao.TN.1``: the legacy tags in the legacy order, a random anchor.
* ``ao.N.1``: lower-case tags sorted by name, typed by ``ao-types``, no anchor; the message is
  named by ``body+link``.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ids import b64url, encode_id
from seriatim.formats.schedule.chain import GENESIS
from seriatim.formats.schedule.record import NO_ID, Kind, Record
from seriatim.formats.schedule.variant import Variant

Rows = tuple[tuple[tuple[str, ...], bytes | None], ...]
"""Paths of the tree and their values; ``None`` takes one away."""

EPOCH: Final = "0"
BLOCK_HEIGHT_DIGITS: Final = 12
HYPERBEAM_TYPES: Final = (
    'block-height="integer", block-timestamp="integer", slot="integer", timestamp="integer"'
)

_TYPES_TAG: Final = Tag(b"ao-types", HYPERBEAM_TYPES.encode())
_PROTOCOL_TAG: Final = Tag(b"data-protocol", b"ao")
_EPOCH_TAG: Final = Tag(b"epoch", EPOCH.encode())
_TYPE_TAG: Final = Tag(b"type", b"Assignment")
_VARIANT_TAG: Final = Tag(b"variant", Variant.HYPERBEAM.tag.encode())


class Block(NamedTuple):
    """The newest known block of the chain that a node publishes to.

    Attributes:
        height: block height; 0 when unknown.
        hash: block hash, raw bytes; 32 zeros when unknown.
        timestamp: as the gateway gives it (seconds); 0 when unknown.
    """

    height: int = 0
    hash: bytes = bytes(32)
    timestamp: int = 0


class Draft(NamedTuple):
    """A message with its place, before chain and signature. Ids are 32 raw bytes.

    Attributes beside those of its `Record` and `Submission`:
        dedupe_key: one more id under which it is found; empty for none.
        rows: become durable with it, in one transaction.
    """

    process: bytes
    slot: int
    variant: Variant
    timestamp_ms: int
    kind: Kind
    message_id: bytes
    message: bytes
    path: str
    excludes: tuple[str, ...]
    block: Block
    dedupe_key: bytes = b""
    rows: Rows = ()


def placed_as(process: bytes, slot: int, record: Record, block: Block) -> Draft:
    """Return the place that *record* has, for what its assignment says; without its message."""
    return Draft(
        process,
        slot,
        record.variant,
        record.timestamp_ms,
        record.kind,
        record.message_id,
        message=b"",
        path="",
        excludes=(),
        block=block,
    )


class Link(NamedTuple):
    """What the next assignment of a process chains to."""

    hash_chain: bytes
    assignment_id: bytes


FIRST_LINK: Final = Link(GENESIS, NO_ID)


def link_of(record: Record) -> Link:
    """Return what the slot after *record* chains to."""
    return Link(record.hash_chain, record.assignment_id)


def legacy_tags(draft: Draft, chain: bytes) -> list[Tag]:
    """Return the ``ao.TN.1`` tags in wire order."""
    pairs = legacy_pairs(
        draft.process,
        draft.slot,
        chain,
        f"{draft.block.height:0{BLOCK_HEIGHT_DIGITS}d}",
        draft.timestamp_ms,
        draft.variant,
        draft.message_id,
    )
    pairs.extend(("Exclude", exclude) for exclude in draft.excludes)
    return [Tag(name.encode(), value.encode()) for name, value in pairs]


def legacy_pairs(  # what a legacy assignment says, in its order
    process: bytes,
    slot: int,
    chain: bytes,
    block_height: str,
    timestamp_ms: int,
    variant: Variant,
    message_id: bytes,
) -> list[tuple[str, str]]:
    """Return what every legacy assignment says, in wire order.

    The process's own assignment has no ``Message`` (ao unit, AOP-6).
    """
    pairs = [
        ("Process", encode_id(process)),
        ("Epoch", EPOCH),
        ("Nonce", str(slot)),
        ("Hash-Chain", encode_id(chain)),
        ("Block-Height", block_height),
        ("Timestamp", str(timestamp_ms)),
        ("Data-Protocol", "ao"),
        ("Type", "Assignment"),
        ("Variant", variant.tag),
    ]
    if message_id != process:
        pairs.append(("Message", encode_id(message_id)))
    return pairs


def hyperbeam_tags(draft: Draft, chain: bytes) -> list[Tag]:
    """Return the ``ao.N.1`` tags, sorted by name."""
    block = draft.block
    return [
        _TYPES_TAG,
        Tag(b"block-hash", b64url(block.hash).encode()),
        Tag(b"block-height", b"%d" % block.height),
        Tag(b"block-timestamp", b"%d" % block.timestamp),
        Tag(b"body+link", b64url(draft.message_id).encode()),
        _PROTOCOL_TAG,
        _EPOCH_TAG,
        Tag(b"hash-chain", b64url(chain).encode()),
        Tag(b"path", draft.path.encode()),
        Tag(b"process", b64url(draft.process).encode()),
        Tag(b"slot", b"%d" % draft.slot),
        Tag(b"timestamp", b"%d" % draft.timestamp_ms),
        _TYPE_TAG,
        _VARIANT_TAG,
    ]
