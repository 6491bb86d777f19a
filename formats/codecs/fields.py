"""Plain values and commitments as maps: what the JSON and the CBOR codec have in common."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

from seriatim.formats.errors import LimitExceededError, MalformedError
from seriatim.formats.ids import b64url, b64url_decode
from seriatim.formats.limits import JSON_DEPTH_MAX, JSON_INTEGER_MAX
from seriatim.formats.message import BINARY_SUFFIX, Commitment, Value

_KEY_PREFIX: Final = "publickey:"


def freeze(plain: Mapping[Any, Any]) -> dict[str, Value]:
    """Return *plain* with lists as tuples, checked to hold only what every codec can carry.

    What one codec takes may be read through any other, so the narrowest of them decides.

    Raises:
        MalformedError: a key that is not text or ends in `BINARY_SUFFIX` (code ``bad_key``), or
            a value that no message can have (code ``bad_value``).
        LimitExceededError: nested deeper than ``JSON_DEPTH_MAX``, this map included, or an
            integer beyond ``JSON_INTEGER_MAX``.
    """
    return _freeze_map(plain, 1)


def commitments_to_plain(
    commitments: Mapping[str, Commitment], *, binary: bool
) -> dict[str, dict[str, Any]]:
    """Return *commitments* as maps; signatures as bytes when *binary*, else as base64url."""
    return {
        name: {
            "commitment-device": commitment.device,
            "type": commitment.kind,
            "committer": b64url(commitment.committer),
            "keyid": _KEY_PREFIX + b64url(commitment.key),
            "signature": commitment.signature if binary else b64url(commitment.signature),
            **commitment.details,
        }
        for name, commitment in commitments.items()
    }


def commitments_from_plain(plain: Value) -> dict[str, Commitment]:
    """Return the commitments in *plain*, which is frozen, the other way round.

    Raises:
        MalformedError: not that shape; code ``bad_commitments``.
    """
    if not isinstance(plain, Mapping):
        raise MalformedError("commitments must be a map by id", code="bad_commitments")
    return {name: _commitment(entry) for name, entry in plain.items()}


def _commitment(entry: Value) -> Commitment:
    if not isinstance(entry, Mapping):
        raise MalformedError("a commitment must be a map", code="bad_commitments")
    details = dict(entry)
    signature = details.pop("signature", None)
    texts = [details.pop(name, None) for name in ("commitment-device", "type", "committer")]
    keyid = details.pop("keyid", None)
    if (
        not isinstance(signature, (str, bytes))
        or not isinstance(keyid, str)
        or not keyid.startswith(_KEY_PREFIX)
        or not all(isinstance(text, str) for text in texts)
    ):
        raise MalformedError(
            "a commitment needs commitment-device, type, committer, keyid (publickey:…) "
            "and signature",
            code="bad_commitments",
        )
    device, kind, committer = (str(text) for text in texts)
    return Commitment(
        device=device,
        kind=kind,
        committer=b64url_decode(committer),
        key=b64url_decode(keyid.removeprefix(_KEY_PREFIX)),
        signature=signature if isinstance(signature, bytes) else b64url_decode(signature),
        details=details,
    )


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise MalformedError("keys of a message are text", code="bad_key")
    if key.endswith(BINARY_SUFFIX):
        raise MalformedError(f"key {key[:64]!r} is taken by JSON's form of bytes", code="bad_key")
    return key


def _freeze_map(plain: Mapping[Any, Any], depth: int) -> dict[str, Value]:
    _check_depth(depth)
    return {
        _key(key): value if isinstance(value, bytes) else _freeze(value, depth + 1)
        for key, value in plain.items()
    }


def _freeze(value: Any, depth: int) -> Value:
    """Return any value but bytes, which have a form in maps only."""
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        if abs(value) > JSON_INTEGER_MAX:
            raise LimitExceededError("integer", given=value, maximum=JSON_INTEGER_MAX)
        return value
    if isinstance(value, float) and isfinite(value):
        return value
    if isinstance(value, (list, tuple)):
        _check_depth(depth)
        return tuple(_freeze(child, depth + 1) for child in value)
    if isinstance(value, Mapping):
        return _freeze_map(value, depth)
    raise MalformedError(
        f"a message cannot hold this value of type {type(value).__name__}", code="bad_value"
    )


def _check_depth(depth: int) -> None:
    if depth > JSON_DEPTH_MAX:
        raise LimitExceededError("message nesting", given=depth, maximum=JSON_DEPTH_MAX)
