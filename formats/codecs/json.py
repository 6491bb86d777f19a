"""JSON messages: what people and most clients write.

Values map one to one onto JSON's own. Bytes that are not text have a key that ends in
``+base64url``. Commitments stand under ``commitments``, each by its id.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import orjson

from seriatim.formats.codecs.fields import commitments_from_plain, commitments_to_plain, freeze
from seriatim.formats.errors import LimitExceededError, MalformedError
from seriatim.formats.ids import b64url, b64url_decode
from seriatim.formats.limits import JSON_DEPTH_MAX, JSON_INTEGER_MAX
from seriatim.formats.message import BINARY_SUFFIX, COMMITMENTS_KEY, Message

_INTEGER_CHARS_MAX: Final = len(str(-JSON_INTEGER_MAX))


class JsonCodec:
    """Messages as one JSON object."""

    device = "json@1.0"
    content_type = "application/json"

    def encode(self, message: Message) -> bytes:
        """Return compact JSON with sorted keys.

        Raises:
            FormatError: *message* holds what not every codec can carry; see `freeze`.
        """
        if COMMITMENTS_KEY in message.fields:
            raise MalformedError(f"no field can be called {COMMITMENTS_KEY}", code="bad_key")
        plain = message_to_plain(Message(freeze(message.fields), message.commitments))
        try:
            return orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)
        except orjson.JSONEncodeError as error:
            raise MalformedError(f"text that is not Unicode: {error}", code="bad_value") from error

    def decode(self, raw: bytes) -> Message:
        """Return the message in *raw*.

        Raises:
            MalformedError: not JSON, or not an object (code ``bad_json``).
            FormatError: see `freeze`.
        """
        return message_from_plain(parse_json(raw))


def parse_json(raw: bytes, *, depth_max: int = JSON_DEPTH_MAX) -> Any:  # JSON is what it is
    """Return the plain value in *raw*, bounded in depth and in the size of integers.

    Raises:
        MalformedError: not JSON (code ``bad_json``).
        LimitExceededError: deeper than *depth_max*, or an integer beyond ``JSON_INTEGER_MAX``.
    """
    try:
        plain = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise MalformedError(f"not JSON: {error}", code="bad_json") from error
    if _check(plain, depth_max):
        # orjson reads an integer beyond 64 bits as a float: two of them would be one message.
        json.loads(raw, parse_int=_parse_integer)
    return plain


def message_from_plain(plain: object) -> Message:
    """Return the message that the plain JSON value *plain* is.

    Raises:
        MalformedError: not an object; code ``bad_json``.
        FormatError: see `freeze`.
    """
    if not isinstance(plain, dict):
        raise MalformedError("a message is a JSON object", code="bad_json")
    fields = freeze(_from_plain(plain))
    commitments = commitments_from_plain(fields.pop(COMMITMENTS_KEY, {}))
    return Message(fields, commitments)


def message_to_plain(message: Message) -> dict[str, Any]:
    """Return *message*, as a codec has decoded it, as plain JSON values: for replies."""
    plain: dict[str, Any] = value_to_plain(message.fields)
    if message.commitments:
        plain[COMMITMENTS_KEY] = value_to_plain(
            commitments_to_plain(message.commitments, binary=False)
        )
    return plain


def _check(value: Any, depth_max: int, depth: int = 1) -> bool:
    """Check depth and integers of *value*; tell whether a float may have been an integer."""
    if isinstance(value, (dict, list)):
        if depth > depth_max:
            raise LimitExceededError("JSON nesting", given=depth, maximum=depth_max)
        is_doubtful = False
        for child in value.values() if isinstance(value, dict) else value:
            is_doubtful = _check(child, depth_max, depth + 1) or is_doubtful
        return is_doubtful
    if isinstance(value, int):
        _check_integer(value)
    return isinstance(value, float) and abs(value) > JSON_INTEGER_MAX


def _parse_integer(text: str) -> int:
    if len(text) > _INTEGER_CHARS_MAX:
        raise LimitExceededError(
            "digits of a JSON integer", given=len(text), maximum=_INTEGER_CHARS_MAX
        )
    number = int(text)
    _check_integer(number)
    return number


def _check_integer(number: int) -> None:
    if abs(number) > JSON_INTEGER_MAX:
        raise LimitExceededError(
            "size of a JSON integer", given=abs(number), maximum=JSON_INTEGER_MAX
        )


def value_to_plain(value: Any) -> Any:
    """Return a value of a message as plain JSON; bytes in maps get keys that say so."""
    if isinstance(value, tuple):
        return [value_to_plain(child) for child in value]
    if not isinstance(value, Mapping):
        return value
    plain: dict[str, Any] = {}
    for key, child in value.items():
        if isinstance(child, bytes):
            plain[key + BINARY_SUFFIX] = b64url(child)
        else:
            plain[key] = value_to_plain(child)
    return plain


def value_to_json(value: Any) -> str:
    """Return a value of a message as JSON text, with sorted keys."""
    return orjson.dumps(value_to_plain(value), option=orjson.OPT_SORT_KEYS).decode()


def _from_plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_from_plain(child) for child in value]
    if value is None:
        raise MalformedError("null is not a value of a message; leave the key out", code="bad_json")
    if not isinstance(value, dict):
        return value
    plain: dict[str, Any] = {}
    for key, child in value.items():
        if key.endswith(BINARY_SUFFIX):
            name = key.removesuffix(BINARY_SUFFIX)
            if not isinstance(child, str) or name in value:
                raise MalformedError(
                    f"{key[:64]!r} must be base64url text, and {name[:64]!r} absent",
                    code="bad_json",
                )
            plain[name] = b64url_decode(child)
        else:
            plain[key] = _from_plain(child)
    return plain
