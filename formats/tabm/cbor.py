"""The stored form of a TABM: deterministic CBOR (RFC 8949 §4.2.1) of the map that it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seriatim.formats.codecs.cbor import dump_plain, load_map
from seriatim.formats.errors import MalformedError
from seriatim.formats.tabm.model import Tabm, public


def encode_cbor(tabm: Tabm) -> bytes:
    """Return the one encoding of *tabm*; private keys are left out, at every level.

    Raises:
        MalformedError: a key is not Unicode text; code ``bad_value``.
        LimitExceededError: nested too deep.
    """
    try:
        return dump_plain(public(tabm))
    except UnicodeEncodeError as error:
        raise MalformedError(f"a key is not Unicode text: {error}", code="bad_value") from error


def decode_cbor(raw: bytes) -> dict[str, bytes | Tabm]:
    """Return the TABM in *raw*, which comes from outside.

    Raises:
        MalformedError: not CBOR, or not maps of text keys to bytes and maps (code ``bad_cbor``),
            or not as `encode_cbor` writes it (``non_canonical_cbor``).
        LimitExceededError: nested too deep.
    """
    tabm = load_cbor(raw)
    if encode_cbor(tabm) != raw:
        raise MalformedError(
            "not in deterministic form (RFC 8949 §4.2.1): encode it canonically",
            code="non_canonical_cbor",
        )
    return tabm


def load_cbor(raw: bytes) -> dict[str, bytes | Tabm]:
    """Return the TABM in *raw*, which is what `encode_cbor` has written: its form is not checked.

    Raises:
        MalformedError: not CBOR, or not maps of text keys to bytes and maps; code ``bad_cbor``.
    """
    return _checked(load_map(raw))


def _checked(plain: Mapping[Any, Any]) -> dict[str, bytes | Tabm]:
    tabm: dict[str, bytes | Tabm] = {}
    for key, value in plain.items():
        if not isinstance(key, str) or not isinstance(value, (bytes, dict)):
            raise MalformedError("a TABM holds bytes and maps by text keys", code="bad_cbor")
        tabm[key] = _checked(value) if isinstance(value, dict) else value
    return tabm
