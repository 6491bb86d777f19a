"""Hypothesis strategies for HyperBEAM's rich values, and their comparison, types included."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from seriatim.formats.limits import HTTPSIG_HEADER_MAX_BYTES, SF_INTEGER_MAX
from seriatim.formats.tabm.structured import Atom

KEY_LETTERS = "abcdefgxyz0123456789-_.%&+äß"
# Names that HyperBEAM drops, or that say how a message is placed.
TAKEN = {"unsigned_id", "data", "target", "id", "tags", "format", "owner", "reward", "."}

keys = st.text(KEY_LETTERS, min_size=1, max_size=12).filter(
    lambda key: key not in TAKEN and not key.startswith("priv")
)
text = st.text(st.characters(codec="utf-8"), max_size=20)
long_text = st.integers(HTTPSIG_HEADER_MAX_BYTES - 1, HTTPSIG_HEADER_MAX_BYTES + 2).map(
    lambda size: "x" * size
)
raw = st.binary(min_size=1, max_size=20).filter(lambda value: not is_utf8(value))
scalars = st.one_of(
    text,
    raw,
    st.integers(-SF_INTEGER_MAX, SF_INTEGER_MAX),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.from_regex(r"[a-z_]{1,9}", fullmatch=True)
    .filter(lambda name: name not in ("true", "false"))
    .map(Atom),
)
listed = scalars.filter(lambda value: not isinstance(value, str) or "(ao-type-" not in value)
values: st.SearchStrategy[Any] = st.recursive(
    scalars | long_text | st.lists(listed, max_size=4),
    lambda inner: (
        st.dictionaries(keys, inner, max_size=4)
        | st.lists(st.dictionaries(keys, inner, max_size=3), max_size=3)
    ),
    max_leaves=12,
)
messages = st.dictionaries(keys | st.just("body"), values, max_size=6)


def is_utf8(value: bytes) -> bool:
    """Tell whether *value* is text."""
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def typed(value: Any) -> Any:
    """Return *value* with the type of each part: 1, 1.0 and true are equal in Python."""
    if isinstance(value, dict):
        return {key: typed(child) for key, child in value.items()}
    if isinstance(value, list):
        return [typed(child) for child in value]
    return type(value), value
