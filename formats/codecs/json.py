"""JSON messages: what people and most clients write.

Values map one to one onto JSON's own. Bytes that are not text have a key that ends in
``+base64url``. Commitments stand under ``commitments``, each by its id.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from seriatim.formats.codecs.fields import commitments_from_plain, commitments_to_plain, freeze
from seriatim.formats.errors import LimitExceededError, MalformedError
from seriatim.formats.ids import b64url, b64url_decode
from seriatim.formats.limits import JSON_DEPTH_MAX, JSON_INTEGER_MAX
from seriatim.formats.message import Message

_BINARY_SUFFIX: Final = "+base64url"


class JsonCodec:
    """Messages as one JSON object."""

    device = "json@1.0"
    content_type = "application/json"

    def encode(self, message: Message) -> bytes:
        """Return compact JSON with sorted keys.

        Raises:
            MalformedError: a value has no JSON form (code ``bad_json``).
        """
        return orjson.dumps(message_to_plain(message), option=orjson.OPT_SORT_KEYS)

    def decode(self, raw: bytes) -> Message:
        """Return the message in *raw*.

        Raises:
            MalformedError: not JSON, or not an object (code ``bad_json``).
            LimitExceededError: nested deeper than ``JSON_DEPTH_MAX``.
        """
        plain = parse_json(raw)
        if not isinstance(plain, dict):
            raise MalformedError("a message is a JSON object", code="bad_json")
        commitments = commitments_from_plain(_from_plain(plain.pop("commitments", {})))
        fields = _from_plain(plain)
        return Message(freeze(fields), commitments)


def parse_json(raw: bytes) -> Any:  # JSON is what it is
    """Return the plain value in *raw*, bounded in depth and in the size of integers.

    Raises:
        MalformedError: not JSON (code ``bad_json``).
        LimitExceededError: deeper than ``JSON_DEPTH_MAX``.
    """
    try:
        plain = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise MalformedError(f"not JSON: {error}", code="bad_json") from error
    _check_depth(plain)
    return plain


def message_to_plain(message: Message) -> dict[str, Any]:
    """Return *message* as plain JSON values, for replies that contain messages."""
    plain: dict[str, Any] = _to_plain(message.fields)
    if message.commitments:
        plain["commitments"] = _to_plain(commitments_to_plain(message.commitments, binary=False))
    return plain


def _check_depth(value: Any, depth: int = 1) -> None:
    if isinstance(value, (dict, list)):
        if depth > JSON_DEPTH_MAX:
            raise LimitExceededError("JSON nesting", given=depth, maximum=JSON_DEPTH_MAX)
        for child in value.values() if isinstance(value, dict) else value:
            _check_depth(child, depth + 1)
    elif isinstance(value, int) and abs(value) > JSON_INTEGER_MAX:
        raise LimitExceededError("JSON integer", given=value, maximum=JSON_INTEGER_MAX)


def _to_plain(value: Any) -> Any:
    if isinstance(value, Message):
        return message_to_plain(value)
    if isinstance(value, (list, tuple)):
        return [_to_plain(child) for child in value]
    if not hasattr(value, "items"):
        if isinstance(value, bytes):
            raise MalformedError("JSON lists cannot carry bytes", code="bad_json")
        return value
    plain: dict[str, Any] = {}
    for key, child in value.items():
        if isinstance(child, bytes):
            plain[key + _BINARY_SUFFIX] = b64url(child)
        elif key.endswith(_BINARY_SUFFIX):
            raise MalformedError(f"key {key!r} is taken by JSON's form of bytes", code="bad_json")
        else:
            plain[key] = _to_plain(child)
    return plain


def _from_plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_from_plain(child) for child in value]
    if value is None:
        raise MalformedError("null is not a value of a message; leave the key out", code="bad_json")
    if not isinstance(value, dict):
        return value
    plain: dict[str, Any] = {}
    for key, child in value.items():
        if key.endswith(_BINARY_SUFFIX):
            if not isinstance(child, str):
                raise MalformedError(f"{key!r} must be base64url text", code="bad_json")
            plain[key.removesuffix(_BINARY_SUFFIX)] = b64url_decode(child)
        else:
            plain[key] = _from_plain(child)
    return plain
