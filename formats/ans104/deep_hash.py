"""The deep hash: one SHA-384 over a tree of byte strings and lists.

With H = SHA-384::

    deep hash of a blob  H( H("blob" ‖ length) ‖ H(bytes) )
    deep hash of a list  start with H("list" ‖ number of elements), then for each element
                         acc = H(acc ‖ deep hash of the element)

Lengths are decimal text. Source: Arweave's deep hash, as ANS-104 uses it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import sha384
from typing import Final, TypeAlias

from seriatim.formats.limits import BLOB_LENGTHS_CACHED_MAX
from seriatim.formats.signing.scheme import SCHEMES

Blob: TypeAlias = bytes | memoryview
Tree: TypeAlias = "Blob | Sequence[Tree]"


@lru_cache(maxsize=BLOB_LENGTHS_CACHED_MAX)
def _blob_prefix(length: int) -> bytes:
    return sha384(b"blob%d" % length).digest()


def deep_hash(tree: Tree) -> bytes:
    """Return the 48-byte deep hash of *tree*: a blob, or a sequence of trees.

    Recurses once per level of nesting, so *tree* must be the caller's own shape, never one that
    came from outside.
    """
    if isinstance(tree, bytes | memoryview):
        return sha384(_blob_prefix(len(tree)) + sha384(tree).digest()).digest()
    accumulated = sha384(b"list%d" % len(tree)).digest()
    for element in tree:
        accumulated = sha384(accumulated + deep_hash(element)).digest()
    return accumulated


def _item_start(signature_type: int) -> bytes:
    """Return the accumulator after the three elements that only the type decides."""
    accumulated = sha384(b"list8").digest()
    for element in (b"dataitem", b"1", b"%d" % signature_type):
        accumulated = sha384(accumulated + deep_hash(element)).digest()
    return accumulated


_ITEM_START: Final[Mapping[int, bytes]] = {int(kind): _item_start(kind) for kind in SCHEMES}
_EMPTY: Final = deep_hash(b"")


def item_hash(  # the five signed fields of ANS-104 and their type
    signature_type: int, owner: Blob, target: Blob, anchor: Blob, tag_block: Blob, data: Blob
) -> bytes:
    """Return the 48 bytes that an item's owner signs.

    The same as `deep_hash` over ``["dataitem", "1", type, owner, target, anchor, tags, data]``,
    with all that is known beforehand taken from tables: this runs for every message.

    Args:
        signature_type: a key of `SCHEMES`.
        owner: the public key in the form of its type.
        target: empty or 32 bytes.
        anchor: empty or 32 bytes.
        tag_block: the raw tag block, not the tags.
        data: the payload.
    """
    accumulated = _ITEM_START[signature_type]
    for blob in (owner, target, anchor, tag_block, data):
        leaf = sha384(_blob_prefix(len(blob)) + sha384(blob).digest()).digest() if blob else _EMPTY
        accumulated = sha384(accumulated + leaf).digest()
    return accumulated
