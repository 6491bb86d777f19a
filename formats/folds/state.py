"""States as bytes: one encoding, so that equal states have equal hashes."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from io import BytesIO
from math import isfinite
from typing import Any, Final

import cbor2

from seriatim.formats.codecs.cbor import dump_plain
from seriatim.formats.errors import FoldError
from seriatim.formats.limits import STATE_DEPTH_MAX, STATE_MAX_BYTES

_INTEGER_MAX: Final = 2**63 - 1


def encode_state(state: Any) -> bytes:
    """Return *state* in deterministic CBOR.

    Raises:
        FoldError: it holds what no state can (a tuple, a set, an object, a key that is no text, an
            integer of more than 64 bits, text that is no Unicode), is nested deeper than
            ``STATE_DEPTH_MAX`` or longer than ``STATE_MAX_BYTES``; code ``bad_state``.
    """
    _check(state, 0)
    try:
        raw = dump_plain(state)
    except UnicodeEncodeError as error:
        raise _bad(f"text that is no Unicode: {error}") from error
    if len(raw) > STATE_MAX_BYTES:
        raise _bad(f"{len(raw)} bytes; at most {STATE_MAX_BYTES} are kept")
    return raw


def decode_state(raw: bytes) -> Any:
    """Return the state that `encode_state` has made *raw* of."""
    return cbor2.load(BytesIO(raw), max_depth=STATE_DEPTH_MAX + 1)


def state_hash(raw: bytes) -> bytes:
    """Return the hash of an encoded state, 32 raw bytes."""
    return sha256(raw).digest()


def _check(value: Any, depth: int) -> None:
    """Return when `decode_state` gives *value* back as it is."""
    kind = type(value)
    if value is None or kind in (bool, str, bytes):
        return
    if kind in (int, float):
        _check_number(value)
        return
    if kind not in (list, dict):
        raise _bad(f"a {kind.__name__}; lists, maps, text, bytes and numbers are kept")
    if depth >= STATE_DEPTH_MAX:
        raise _bad(f"nested deeper than {STATE_DEPTH_MAX}")
    for each in value if kind is list else _values(value):
        _check(each, depth + 1)


def _values(state: dict[Any, Any]) -> Iterable[Any]:
    for key in state:
        if type(key) is not str:
            raise _bad(f"a key that is a {type(key).__name__}, and no text")
    return state.values()


def _check_number(value: float) -> None:
    if isinstance(value, int):
        if not ~_INTEGER_MAX <= value <= _INTEGER_MAX:
            raise _bad("an integer of more than 64 bits; keep it as text")
    elif not isfinite(value):
        raise _bad(f"{value} is no number")


def _bad(reason: str) -> FoldError:
    return FoldError(f"a state cannot hold this: {reason}", code="bad_state")
