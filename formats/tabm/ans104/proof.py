"""The commitment of a data item: who signed it, and the tags as they were signed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.item import DataItem
from seriatim.formats.errors import BadSignatureError, UnsupportedSchemeError
from seriatim.formats.ids import encode_id
from seriatim.formats.tabm.ans104.fields import ORIGINAL_TAGS, UNSIGNED, Fields
from seriatim.formats.tabm.ans104.nested import unsigned_id_of
from seriatim.formats.tabm.model import (
    TYPES_KEY,
    Tabm,
    bad_commitments,
    bytes_of,
    commitments_of,
)

DEVICE: Final = "ans104@1.0"
ALG_RSA: Final = "rsa-pss"
ALG_UNSIGNED: Final = "unsigned"


class Proof(NamedTuple):
    """What a commitment says.

    Attributes:
        id_text: what it is called by; ``None`` when there is no commitment.
        committer: address as text, empty when nobody signed.
        owner: public key, zeros when nobody signed.
        signature: likewise.
        tags: the tags as they were signed; ``None`` when the keys of the message give them.
    """

    id_text: str | None = None
    committer: bytes = b""
    owner: bytes = UNSIGNED["owner"]
    signature: bytes = UNSIGNED["signature"]
    tags: tuple[Tag, ...] | None = None

    @property
    def is_signed(self) -> bool:
        """Whether there is a signature."""
        return any(self.signature)

    def check(self, item: DataItem) -> None:
        """Return when this is the commitment of *item*, but for the signature itself.

        Raises:
            BadSignatureError: the committer is not the owner, or the id is another item's.
        """
        if self.is_signed and self.committer != encode_id(item.address).encode():
            raise BadSignatureError("the committer is not the owner of the key")
        if self.id_text not in (None, id_of(item)):
            raise BadSignatureError("the commitment's id is not that of its item")


def is_item(tabm: Tabm) -> bool:
    """Tell whether *tabm* says that it is a data item, by the device of a commitment.

    Raises:
        MalformedError: its commitments are no maps; code ``bad_commitments``.
    """
    device = DEVICE.encode()
    return any(each.get("commitment-device") == device for each in commitments_of(tabm).values())


def is_signed(item: DataItem) -> bool:
    """Tell whether *item* has a signature, of which nothing is said here."""
    return any(item.signature)


def id_of(item: DataItem) -> str:
    """Return the id of *item*, its unsigned one when nobody signed it; 43 characters."""
    return encode_id(item.id if is_signed(item) else unsigned_id_of(item))


def read_proof(tabm: Tabm) -> Proof:
    """Return the one commitment of *tabm*, an empty one for none.

    Raises:
        MalformedError: it cannot be read, or there are several; code ``bad_commitments``.
        UnsupportedSchemeError: it is no RSA signature.
    """
    commitments = commitments_of(tabm)
    if not commitments:
        return Proof()
    if len(commitments) > 1:
        raise bad_commitments("a data item has one signature")
    ((id_text, commitment),) = commitments.items()
    if bytes_of(commitment, "commitment-device") != DEVICE.encode():
        raise bad_commitments(f"it is not one of {DEVICE}")
    tags = read_tags(commitment[ORIGINAL_TAGS]) if ORIGINAL_TAGS in commitment else None
    alg = bytes_of(commitment, "alg")
    if alg == ALG_UNSIGNED.encode():
        return Proof(id_text, tags=tags)
    if alg != ALG_RSA.encode():
        raise UnsupportedSchemeError(f"no algorithm {alg!r:.40} here; {ALG_RSA} is read")
    owner, signature = bytes_of(commitment, "owner"), bytes_of(commitment, "signature")
    proof = Proof(id_text, bytes_of(commitment, "committer"), owner, signature, tags)
    if not proof.is_signed:
        raise bad_commitments("its signature is empty")
    return proof


def write_proof(item: DataItem, *, has_tags: bool) -> Fields:
    """Return the commitments of *item*: none, when it is unsigned and *has_tags* is not set."""
    commitment: Fields = {"commitment-device": DEVICE.encode()}
    if is_signed(item):
        commitment["alg"] = ALG_RSA.encode()
        commitment["committer"] = encode_id(item.address).encode()
        commitment["owner"] = item.owner
        commitment["signature"] = item.signature
    elif has_tags:
        commitment["alg"] = ALG_UNSIGNED.encode()
    else:
        return {}
    if has_tags:
        commitment[ORIGINAL_TAGS] = numbered(item.tags)
    return {id_of(item): dict(sorted(commitment.items()))}


def numbered(tags: Sequence[Tag]) -> Tabm:
    """Return *tags* as messages have them, counted from 1."""
    return {
        str(number): {"name": name, "value": value} for number, (name, value) in enumerate(tags, 1)
    }


def read_tags(plain: bytes | Tabm) -> tuple[Tag, ...]:
    """Return the tags that messages have as `numbered` says; an empty part may be missing.

    Raises:
        MalformedError: they are not counted from 1; code ``bad_commitments``.
    """
    if isinstance(plain, bytes):
        raise bad_commitments(f"{ORIGINAL_TAGS} are no map")
    # An empty name or value may have become a type on the way.
    entries = {key: each for key, each in plain.items() if key != TYPES_KEY}
    tags: list[Tag] = []
    for number in range(1, len(entries) + 1):
        entry = entries.get(str(number))
        if entry is None or isinstance(entry, bytes):
            raise bad_commitments(f"{ORIGINAL_TAGS} are not counted from 1")
        tags.append(Tag(bytes_of(entry, "name"), bytes_of(entry, "value")))
    return tuple(tags)
