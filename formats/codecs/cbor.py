"""Deterministic CBOR (RFC 8949 §4.2.1): the stored form of an unsigned message, and its id."""

from __future__ import annotations

from hashlib import sha256
from io import BytesIO
from typing import Any, Final

import cbor2

from seriatim.formats.codecs.fields import commitments_from_plain, commitments_to_plain, freeze
from seriatim.formats.errors import MalformedError
from seriatim.formats.message import Message

_UNSIGNED_ID_DOMAIN: Final = b"seriatim unsigned message 1\0"


class CborCodec:
    """Messages as one CBOR map; commitments under the key ``commitments``."""

    device = "cbor@1.0"
    content_type = "application/cbor"

    def encode(self, message: Message) -> bytes:
        """Return the one canonical encoding of *message*."""
        plain: dict[str, Any] = dict(message.fields)
        if message.commitments:
            plain["commitments"] = commitments_to_plain(message.commitments, binary=True)
        return cbor2.dumps(plain, canonical=True)

    def decode(self, raw: bytes) -> Message:
        """Return the message in *raw*, which must be in canonical form.

        Raises:
            MalformedError: not CBOR, not a map of text keys, surplus bytes, or not canonical
                (``non_canonical_cbor``: duplicate keys, long integers, unsorted keys, tags).
        """
        stream = BytesIO(raw)
        try:
            plain = cbor2.load(stream)
        except (cbor2.CBORDecodeError, RecursionError, ValueError, OverflowError) as error:
            raise MalformedError(f"not CBOR: {error}", code="bad_cbor") from error
        if not isinstance(plain, dict):
            raise MalformedError("a message is a CBOR map", code="bad_cbor")
        commitments = commitments_from_plain(plain.pop("commitments", {}))
        message = Message(freeze(plain), commitments)
        if self.encode(message) != raw:
            raise MalformedError(
                "not in deterministic form (RFC 8949 §4.2.1): encode it canonically",
                code="non_canonical_cbor",
            )
        return message


def unsigned_id(encoded: bytes) -> bytes:
    """Return the id, 32 raw bytes, of an unsigned message from its canonical CBOR."""
    return sha256(_UNSIGNED_ID_DOMAIN + encoded).digest()
