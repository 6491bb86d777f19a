"""What a TABM is: keys, values, and the rules that hold for keys everywhere.

Source: HyperBEAM, version of May 2025 ("V1"); ``docs/protocol/hyperbeam.md`` lists the forms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from seriatim.formats.errors import LimitExceededError, MalformedError
from seriatim.formats.limits import JSON_DEPTH_MAX

Tabm: TypeAlias = "Mapping[str, bytes | Tabm]"
"""Keys are text; values are bytes or maps of the same kind."""

COMMITMENTS_KEY: Final = "commitments"
TYPES_KEY: Final = "ao-types"

_ID_LENGTHS: Final = frozenset({32, 42, 43})
_PRIVATE_PREFIX: Final = "priv"


def is_id(key: str) -> bool:
    """Tell whether *key* counts as an id: by its length in bytes alone, 32, 42 or 43."""
    size = len(key) if key.isascii() else len(key.encode("utf-8", "surrogatepass"))
    return size in _ID_LENGTHS


def normal_key(key: str) -> str:
    """Return *key* as messages keep it: in lower case, unless it has the length of an id."""
    return key if is_id(key) else key.lower()


def is_private(key: str) -> bool:
    """Tell whether *key* stays within the node: it is in no encoding, id or reply."""
    return normal_key(key).startswith(_PRIVATE_PREFIX)


def public(tabm: Tabm, depth: int = 1) -> dict[str, bytes | Tabm]:
    """Return *tabm* without private keys, at every level, with its keys sorted.

    Raises:
        LimitExceededError: nested deeper than ``JSON_DEPTH_MAX``.
    """
    check_depth(depth)
    return {
        key: value if isinstance(value, bytes) else public(value, depth + 1)
        for key, value in sorted(tabm.items())
        # Nearly every key is told by its beginning alone, whatever its length.
        if key[:4].lower() != _PRIVATE_PREFIX or not is_private(key)
    }


def check_depth(depth: int) -> None:
    """Return unless *depth* is over ``JSON_DEPTH_MAX``, and raise `LimitExceededError` then."""
    if depth > JSON_DEPTH_MAX:
        raise LimitExceededError("message nesting", given=depth, maximum=JSON_DEPTH_MAX)


def commitments_of(tabm: Tabm) -> dict[str, Tabm]:
    """Return the commitments of *tabm* by id.

    Raises:
        MalformedError: they are no maps; code ``bad_commitments``.
    """
    commitments = tabm.get(COMMITMENTS_KEY, {})
    if isinstance(commitments, bytes):
        raise bad_commitments("commitments are no map")
    found: dict[str, Tabm] = {}
    for id_text, commitment in commitments.items():
        if isinstance(commitment, bytes):
            raise bad_commitments("a commitment is no map")
        found[id_text] = commitment
    return found


def bytes_of(tabm: Tabm, key: str) -> bytes:
    """Return what *tabm* has at *key*: no bytes where it has nothing.

    Raises:
        MalformedError: it is a map; code ``bad_commitments``.
    """
    value = tabm.get(key, b"")
    if not isinstance(value, bytes):
        raise bad_commitments(f"{key} is a map")
    return value


def bad_commitments(reason: str) -> MalformedError:
    """Return the error of commitments that cannot be read."""
    return MalformedError(f"a commitment cannot be read: {reason}", code="bad_commitments")


def utf8(value: str | bytes) -> bytes:
    """Return *value* as bytes.

    Raises:
        MalformedError: it is text that is not Unicode (half of a surrogate pair); code
            ``bad_value``.
    """
    if isinstance(value, bytes):
        return value
    try:
        return value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise MalformedError("text that is not Unicode", code="bad_value") from error
