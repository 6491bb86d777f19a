"""Ids: 32 raw bytes inside, 43 characters of base64url without padding outside.

One normalisation for every way in: whatever spelling a client uses, the registry and the store
only ever see the 32 bytes, so two spellings of one id meet the same server.
"""

from __future__ import annotations

from binascii import Error as BinasciiError
from binascii import a2b_base64, b2a_base64
from typing import Final

from seriatim.formats.errors import MalformedError

ID_BYTES: Final = 32
ID_CHARS: Final = 43

_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")
_URL_ALPHABET: Final = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
)


def b64url(raw: bytes | memoryview) -> str:
    """Return *raw* as base64url text without padding.

    >>> b64url(bytes([0xFB, 0xFF]))
    '-_8'
    """
    return b2a_base64(raw, newline=False).translate(_TO_URL).rstrip(b"=").decode("ascii")


def b64url_decode(text: str) -> bytes:
    """Return the bytes that *text* spells in base64url without padding.

    Strict: no padding, no white space, no ``+`` or ``/``, and no stray bits in the last
    character, so that one value has one spelling.

    Raises:
        MalformedError: *text* is not canonical; code ``bad_base64url``.
    """
    raw = text.encode("utf-8", "surrogatepass")
    if _URL_ALPHABET.issuperset(raw):
        try:
            decoded = a2b_base64(raw.translate(_FROM_URL) + b"=" * (-len(raw) % 4))
        except BinasciiError:
            pass
        else:
            if b64url(decoded) == text:
                return decoded
    raise MalformedError("not canonical base64url without padding", code="bad_base64url")


def encode_id(raw: bytes) -> str:
    """Return the 43 characters for the 32 bytes *raw*."""
    return b64url(raw)


def decode_id(text: str) -> bytes:
    """Return the 32 bytes for the 43 characters *text*.

    Raises:
        MalformedError: *text* is not an id; code ``bad_id``.
    """
    if len(text) == ID_CHARS:
        try:
            return b64url_decode(text)
        except MalformedError:
            pass
    raise MalformedError(
        f"{text[:64]!r} is not an id: {ID_CHARS} characters of base64url are expected",
        code="bad_id",
    )
