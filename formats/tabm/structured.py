"""``structured@1.0``: rich values as TABM and back.

======================  =================  ====================================================
value                   ``ao-types``       in the TABM
======================  =================  ====================================================
text, bytes             (none)             as they are
integer                 ``integer``        decimal
float                   ``float``          20 digits, scientific
true, false, atom       ``atom``           a structured string: ``"true"``
list of plain values    ``list``           a structured list of strings, types in parentheses
list of maps or lists   ``list``           a map keyed from ``1``
empty text, list, map   ``empty-binary``…  absent
map                     (none)             a map
======================  =================  ====================================================

Written is the form of May 2025 (V1). Read are also atoms and types as tokens, and lists as maps
that say ``.="list"`` themselves, as later versions write them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from operator import itemgetter
from typing import Final, TypeAlias
from urllib.parse import unquote

from seriatim.formats.errors import LimitExceededError, MalformedError
from seriatim.formats.limits import SF_INTEGER_MAX
from seriatim.formats.tabm import sf
from seriatim.formats.tabm.model import (
    TYPES_KEY,
    Tabm,
    check_depth,
    is_private,
    normal_key,
    utf8,
)


class Atom(str):
    """A name that is a value, such as ``undefined``; true and false are ``bool``."""

    __slots__ = ()


Rich: TypeAlias = "str | bytes | int | float | bool | Atom | Sequence[Rich] | Mapping[str, Rich]"

_DROPPED: Final = frozenset({"unsigned_id", "content-digest"})
# Made anew each time: whoever decodes may change what it got.
_EMPTY: Final[Mapping[str, Callable[[], Rich]]] = {
    "empty-binary": str,
    "empty-list": list,
    "empty-message": dict,
}
_SELF: Final = "."
_TYPED: Final = re.compile(rb"\(ao-type-([a-z-]+)\) (.*)", re.DOTALL)
_UNESCAPED: Final = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789.-_/?&+")
_INTEGER: Final = re.compile(rb"[+-]?[0-9]+")
_FLOAT: Final = re.compile(rb"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_NUMBER: Final = re.compile(r"[0-9]{1,15}")

# Values of a transaction's own fields that say "not given": HyperBEAM drops them when it decodes.
_DEFAULTS: Final[Mapping[str, Rich]] = {
    "id": bytes(32),
    "unsigned_id": bytes(32),
    "owner": bytes(512),
    "signature": bytes(512),
    "last_tx": "",
    "target": "",
    "data": "",
    "data_root": "",
    "tags": [],
    "data_tree": [],
    "quantity": 0,
    "data_size": 0,
    "reward": 0,
    "denomination": 0,
    "format": Atom("ans104"),
    "manifest": Atom("undefined"),
}


def to_tabm(fields: Mapping[str, Rich]) -> dict[str, bytes | Tabm]:
    """Return *fields* as a TABM; private keys are left out, at every level.

    Raises:
        MalformedError: a value that no message can have, code ``bad_value``; or two keys that
            are one in lower case, ``ao-types`` for a key or a list under ``.``, code ``bad_key``.
        LimitExceededError: nested too deep, or an integer of over 15 digits.
    """
    return _encode_map(fields, 1)


def from_tabm(tabm: Tabm) -> dict[str, Rich]:
    """Return the rich values of *tabm*; bytes that are UTF-8 come as text.

    Raises:
        MalformedError: ``ao-types`` does not fit the values; code ``bad_types``.
        LimitExceededError: nested too deep.
    """
    decoded = _decode_map(tabm, 1)
    if not isinstance(decoded, dict):
        raise _bad("the message itself is a list")
    return decoded


def escape_key(key: str) -> str:
    """Return *key* as ``ao-types`` has it: all but ``a-z 0-9 . - _ / ? & +`` as ``%xx``."""
    return "".join(chr(byte) if byte in _UNESCAPED else f"%{byte:02x}" for byte in utf8(key))


def empty_keys(types: bytes) -> frozenset[str]:
    """Return the keys whose empty values only *types*, the value of ``ao-types``, tells of.

    Raises:
        MalformedError: *types* is no dictionary.
    """
    return frozenset(
        key
        for key, kind in sf.parse_dictionary(types).items()
        if isinstance(kind, sf.Item)
        and isinstance(kind.value, bytes)
        and kind.value.startswith(b"empty-")
    )


def _encode_map(fields: Mapping[str, Rich], depth: int) -> dict[str, bytes | Tabm]:
    check_depth(depth)
    tabm: dict[str, bytes | Tabm] = {}
    types: dict[str, sf.Item] = {}
    for key, value in _normal(fields):
        if key in _DROPPED or is_private(key):
            continue
        kind, encoded = _encode(value, depth)
        if key == _SELF and kind == "list":
            raise MalformedError(
                "a list under '.' would say that the message is one", code="bad_key"
            )
        if kind:
            types[escape_key(key)] = sf.Item(kind.encode())
        if encoded is not None:
            tabm[key] = encoded
    if types:
        tabm[TYPES_KEY] = sf.write_dictionary(dict(sorted(types.items())))
    return dict(sorted(tabm.items()))


def _normal(fields: Mapping[str, Rich]) -> list[tuple[str, Rich]]:
    """Return *fields* as messages have their keys, sorted."""
    normal = {normal_key(key): value for key, value in fields.items()}
    if len(normal) != len(fields):
        raise MalformedError("two keys of the message are one in lower case", code="bad_key")
    if TYPES_KEY in normal:
        raise MalformedError(f"{TYPES_KEY} is the place of types, and no key", code="bad_key")
    return sorted(normal.items(), key=itemgetter(0))


def _encode(value: Rich, depth: int) -> tuple[str, bytes | Tabm | None]:
    """Return the type of *value*, empty for none, and its form, ``None`` for absent."""
    if isinstance(value, Mapping):
        return ("", _encode_map(value, depth + 1)) if value else ("empty-message", None)
    if isinstance(value, (str, bytes)) and not isinstance(value, Atom):
        return ("", utf8(value)) if value else ("empty-binary", None)
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return ("list", _encode_list(value, depth)) if value else ("empty-list", None)
    return _encode_scalar(value)


def _encode_scalar(value: Rich) -> tuple[str, bytes]:
    if isinstance(value, bool):
        return "atom", b'"true"' if value else b'"false"'
    if isinstance(value, Atom):
        return "atom", sf.write_bare(utf8(value))
    if isinstance(value, int):
        if abs(value) > SF_INTEGER_MAX:
            # HyperBEAM writes such a one, and can read it no more.
            raise LimitExceededError("integer", given=value, maximum=SF_INTEGER_MAX)
        return "integer", b"%d" % value
    if isinstance(value, float) and isfinite(value):
        return "float", f"{value:.20e}".encode("ascii")
    raise MalformedError(f"no message holds a {type(value).__name__}", code="bad_value")


def _encode_list(values: Sequence[Rich], depth: int) -> bytes | Tabm:
    first = values[0]
    if isinstance(first, Mapping) or (
        isinstance(first, Sequence) and not isinstance(first, (str, bytes))
    ):
        numbered = {str(number): value for number, value in enumerate(values, 1)}
        return _encode_map(numbered, depth + 1)
    return sf.write_list(sf.Item(_encode_listed(value)) for value in values)


def _encode_listed(value: Rich) -> bytes:
    if isinstance(value, (str, bytes)) and not isinstance(value, Atom):
        return utf8(value)
    kind, encoded = _encode_scalar(value)
    return b"(ao-type-%b) %b" % (kind.encode(), encoded)


def _decode_map(tabm: Tabm, depth: int) -> Rich:
    check_depth(depth)
    types = _types(tabm.get(TYPES_KEY, b""))
    fields: dict[str, Rich] = {
        key: _EMPTY[kind]() for key, kind in types.items() if kind in _EMPTY and key not in tabm
    }
    for key, value in tabm.items():
        if key != TYPES_KEY:
            fields[key] = _decode(value, types.get(key, ""), depth)
    kept = {key: value for key, value in fields.items() if not _is_default(key, value)}
    return _numbered(kept) if types.get(_SELF) == "list" else dict(sorted(kept.items()))


def _decode(value: bytes | Tabm, kind: str, depth: int) -> Rich:
    if isinstance(value, bytes):
        return _DECODERS[kind](value) if kind in _DECODERS else _wrong(kind)
    decoded = _decode_map(value, depth + 1)
    if kind == "list" and isinstance(decoded, dict):
        return _numbered(decoded)
    return decoded


def _types(raw: bytes | Tabm) -> dict[str, str]:
    if not isinstance(raw, bytes):
        raise _bad(f"{TYPES_KEY} is a map")
    types: dict[str, str] = {}
    for key, item in sf.parse_dictionary(raw).items():
        if not isinstance(item, sf.Item) or not isinstance(item.value, (bytes, sf.Token)):
            raise _bad("a type is not a word")
        kind = item.value if isinstance(item.value, str) else item.value.decode("ascii", "replace")
        types[unquote(key)] = kind.lower()
    return types


def _numbered(fields: Mapping[str, Rich]) -> list[Rich]:
    """Return the list that a map keyed by numbers is; they are contiguous from the lowest."""
    if not all(map(_NUMBER.fullmatch, fields)):
        raise _bad("a list has a key that is no number")
    by_number = {int(key): value for key, value in fields.items()}
    first = min(by_number, default=1)
    if len(by_number) != len(fields) or max(by_number, default=0) != first + len(fields) - 1:
        raise _bad("a list has a gap")
    return [by_number[first + place] for place in range(len(fields))]


def _decode_list(raw: bytes) -> list[Rich]:
    values: list[Rich] = []
    for item in sf.parse_list(raw):
        if not isinstance(item, sf.Item) or not isinstance(item.value, bytes):
            raise _bad("a list holds something else than strings")
        typed = _TYPED.fullmatch(item.value)
        kind = typed[1].decode("ascii") if typed else ""
        if kind not in _DECODERS:
            raise _bad(f"no type {kind[:32]!r} in a list")
        values.append(_DECODERS[kind](typed[2] if typed else item.value))
    return values


def _decode_integer(raw: bytes) -> int:
    if not _INTEGER.fullmatch(raw) or len(raw) > len(str(SF_INTEGER_MAX)) + 1:
        raise _bad(f"{raw[:32]!r} is no integer of at most 15 digits")
    number = int(raw)
    if abs(number) > SF_INTEGER_MAX:
        raise _bad(f"{number} has more than 15 digits")
    return number


def _decode_float(raw: bytes) -> float:
    if not _FLOAT.fullmatch(raw) or not isfinite(number := float(raw)):
        raise _bad(f"{raw[:32]!r} is no float")
    return number


def _decode_atom(raw: bytes) -> bool | Atom:
    value = sf.parse_item(raw).value
    if isinstance(value, bool):
        return value
    if isinstance(value, sf.Binary) or not isinstance(value, (bytes, sf.Token)):
        raise _bad(f"{raw[:32]!r} is no atom")
    name = _text(value) if isinstance(value, bytes) else value
    if not isinstance(name, str):
        raise _bad("an atom is not UTF-8")
    return {"true": True, "false": False}.get(name, Atom(name))


def _is_default(key: str, value: Rich) -> bool:
    default = _DEFAULTS.get(key)
    if default is None:
        return False
    if isinstance(default, bytes):
        return value == _text(default)
    return type(value) is type(default) and value == default


def _text(raw: bytes) -> str | bytes:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw


def _wrong(kind: str) -> Rich:
    raise _bad(f"no type {kind[:32]!r} here")


def _bad(reason: str) -> MalformedError:
    return MalformedError(f"a typed message is malformed: {reason}", code="bad_types")


_DECODERS: Final[Mapping[str, Callable[[bytes], Rich]]] = {
    "": _text,
    "integer": _decode_integer,
    "float": _decode_float,
    "atom": _decode_atom,
    "list": _decode_list,
}
