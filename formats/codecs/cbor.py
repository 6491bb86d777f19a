"""Deterministic CBOR (RFC 8949 §4.2.1): the stored form of an unsigned message, and its id."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from typing import Any, Final, NoReturn

import cbor2

from seriatim.formats.codecs.fields import commitments_from_plain, commitments_to_plain, freeze
from seriatim.formats.errors import MalformedError
from seriatim.formats.limits import JSON_DEPTH_MAX
from seriatim.formats.message import COMMITMENTS_KEY, Message

_UNSIGNED_ID_DOMAIN: Final = b"seriatim unsigned message 1\0"


class CborCodec:
    """Messages as one CBOR map; commitments under the key ``commitments``."""

    device = "cbor@1.0"
    content_type = "application/cbor"

    def encode(self, message: Message) -> bytes:
        """Return the one canonical encoding of *message*.

        Raises:
            FormatError: *message* holds what not every codec can carry; see `freeze`.
        """
        plain: dict[str, Any] = dict(message.fields)
        if COMMITMENTS_KEY in plain:
            raise MalformedError(f"no field can be called {COMMITMENTS_KEY}", code="bad_key")
        if message.commitments:
            plain[COMMITMENTS_KEY] = commitments_to_plain(message.commitments, binary=True)
        try:
            return dump_plain(freeze(plain))
        except UnicodeEncodeError as error:
            raise MalformedError(f"text that is not Unicode: {error}", code="bad_value") from error

    def decode(self, raw: bytes) -> Message:
        """Return the message in *raw*, which must be in canonical form.

        Raises:
            MalformedError: not CBOR, not a map of text keys, duplicate keys, tags (code
                ``bad_cbor``), or not canonical (``non_canonical_cbor``: surplus bytes, long
                integers, unsorted keys).
            LimitExceededError: see `freeze`.
        """
        fields = freeze(load_map(raw))
        commitments = commitments_from_plain(fields.pop(COMMITMENTS_KEY, {}))
        message = Message(fields, commitments)
        if self.encode(message) != raw:
            raise MalformedError(
                "not in deterministic form (RFC 8949 §4.2.1): encode it canonically",
                code="non_canonical_cbor",
            )
        return message


def dump_plain(value: Any) -> bytes:
    """Return *value* in its one canonical encoding.

    Raises:
        UnicodeEncodeError: it holds text that is not Unicode.
    """
    return cbor2.dumps(value, canonical=True)


class _NoTags(dict[int, Callable[..., NoReturn]]):
    """Has the same decoder for every tag: one that refuses it.

    Tags can name a value that was read before. A few bytes of that unfold into more lists than
    there is time to look at.
    """

    def __missing__(self, tag: int) -> Callable[..., NoReturn]:
        return _refuse_tag


def _refuse_tag(*_: object) -> NoReturn:
    raise ValueError("messages have no tags")


_NO_TAGS: Final = _NoTags()


def load_map(raw: bytes) -> dict[Any, Any]:
    """Return the plain map that *raw* begins with; keys and values are as they come.

    Raises:
        MalformedError: not CBOR, no map, or duplicate keys or tags in it; code ``bad_cbor``.
    """
    try:
        plain = cbor2.load(
            BytesIO(raw),
            semantic_decoders=_NO_TAGS,
            max_depth=JSON_DEPTH_MAX,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
        )
    except cbor2.CBORDecodeError as error:
        raise MalformedError(f"not CBOR: {error}", code="bad_cbor") from error
    if not isinstance(plain, dict):
        raise MalformedError("a message is a CBOR map", code="bad_cbor")
    return plain


def unsigned_id(encoded: bytes) -> bytes:
    """Return the id, 32 raw bytes, of an unsigned message from its canonical CBOR."""
    return sha256(_UNSIGNED_ID_DOMAIN + encoded).digest()
