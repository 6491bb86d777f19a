"""What a TABM is: keys, values, and the rules that hold for keys everywhere.

Source: HyperBEAM, version of May 2025 ("V1"); ``docs/protocol/hyperbeam.md`` lists the forms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from seriatim.formats.errors import LimitExceededError
from seriatim.formats.limits import JSON_DEPTH_MAX

Tabm: TypeAlias = "Mapping[str, bytes | Tabm]"
"""Keys are text; values are bytes or maps of the same kind."""

COMMITMENTS_KEY: Final = "commitments"
TYPES_KEY: Final = "ao-types"

_ID_LENGTHS: Final = frozenset({32, 42, 43})
_PRIVATE_PREFIX: Final = "priv"


def is_id(key: str) -> bool:
    """Tell whether *key* counts as an id: by its length in bytes alone, 32, 42 or 43."""
    return len(key.encode("utf-8", "surrogatepass")) in _ID_LENGTHS


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
        if not is_private(key)
    }


def check_depth(depth: int) -> None:
    """Return unless *depth* is over ``JSON_DEPTH_MAX``, and raise `LimitExceededError` then."""
    if depth > JSON_DEPTH_MAX:
        raise LimitExceededError("message nesting", given=depth, maximum=JSON_DEPTH_MAX)
