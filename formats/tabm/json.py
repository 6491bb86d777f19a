"""HyperBEAM's ``json@1.0``: the TABM itself as JSON, with sorted keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from seriatim.formats.codecs.json import parse_json
from seriatim.formats.errors import MalformedError
from seriatim.formats.ids import b64url, b64url_decode
from seriatim.formats.message import BINARY_SUFFIX
from seriatim.formats.tabm.model import Tabm, public


def encode_json(tabm: Tabm) -> bytes:
    """Return *tabm* as compact JSON.

    Raises:
        MalformedError: a value is not UTF-8, for which JSON has no form; code ``bad_value``.
        LimitExceededError: nested too deep.
    """
    return orjson.dumps(_plain(public(tabm)), option=orjson.OPT_SORT_KEYS)


def decode_json(raw: bytes) -> dict[str, bytes | Tabm]:
    """Return the TABM in *raw*.

    Raises:
        MalformedError: not JSON, or holds something else than text and objects (``bad_json``).
        LimitExceededError: nested too deep.
    """
    plain = parse_json(raw)
    if not isinstance(plain, dict):
        raise MalformedError("a message is a JSON object", code="bad_json")
    return _tabm(plain)


def to_plain(tabm: Tabm) -> dict[str, Any]:
    """Return *tabm* as plain JSON values; bytes that are not UTF-8 get a key that says so."""
    plain: dict[str, Any] = {}
    for key, value in tabm.items():
        if not isinstance(value, bytes):
            plain[key] = to_plain(value)
            continue
        try:
            plain[key] = value.decode("utf-8")
        except UnicodeDecodeError:
            plain[key + BINARY_SUFFIX] = b64url(value)
    return plain


def from_plain(plain: object) -> dict[str, bytes | Tabm]:
    """Return the TABM that `to_plain` has made *plain* of.

    Raises:
        MalformedError: not an object of text and objects, or bytes that are none; code
            ``bad_json`` or ``bad_base64url``.
    """
    if not isinstance(plain, dict):
        raise MalformedError("a message is a JSON object", code="bad_json")
    tabm: dict[str, bytes | Tabm] = {}
    for key, value in plain.items():
        name = key.removesuffix(BINARY_SUFFIX)
        if isinstance(value, dict):
            tabm[key] = from_plain(value)
        elif not isinstance(value, str) or (name != key and name in plain):
            raise MalformedError(
                f"{key[:64]!r} must be text or an object; types stand in ao-types", code="bad_json"
            )
        else:
            tabm[name] = value.encode() if name == key else b64url_decode(value)
    return tabm


def _plain(tabm: Tabm) -> dict[str, Any]:
    return {
        key: _text(value) if isinstance(value, bytes) else _plain(value)
        for key, value in tabm.items()
    }


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError(
            "JSON has no form for bytes that are not UTF-8", code="bad_value"
        ) from error


def _tabm(plain: Mapping[str, Any]) -> dict[str, bytes | Tabm]:
    tabm: dict[str, bytes | Tabm] = {}
    for key, value in plain.items():
        if isinstance(value, str):
            tabm[key] = value.encode("utf-8", "surrogatepass")
        elif isinstance(value, dict):
            tabm[key] = _tabm(value)
        else:
            raise MalformedError(
                f"{key[:64]!r} must be text or an object; types stand in ao-types", code="bad_json"
            )
    return tabm
