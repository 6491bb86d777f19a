"""Inputs by hypothesis: any bytes, and seeds with a few changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hypothesis import strategies as st

EDITS_MAX: Final = 6
SWOLLEN_MAX_BYTES: Final = 8_192
"""A slice is repeated up to here: as long as a line of HTTP can be, and longer than any number."""

TOKENS: Final = (
    b"",
    b"\0",
    b"\xff",
    b"\r\n",
    b": ",
    b'"',
    b"/",
    b"*0=",
    b"[[[[",
    b"\x81\x81\x81\x81",
    b"\xd8\x1d\x00",
    b"9" * 20,
    b"-1",
    b"1e999",
    b"null",
    b"ao-types",
    b"commitments",
    b"priv",
    b"\xc4\xb0",
)


def inputs(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Return a strategy of inputs that starts from *seeds*, at least one."""
    return st.binary(max_size=200) | mutated(tuple(seeds))


@st.composite
def mutated(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """Draw one of *seeds* and change it a few times."""
    raw = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, EDITS_MAX))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.integers(0, 64)))
        raw = raw[:start] + _instead(draw, seeds, raw[start:end]) + raw[end:]
    return raw


def _instead(draw: st.DrawFn, seeds: Sequence[bytes], old: bytes) -> bytes:
    """Return what stands where *old* was."""
    kind = draw(st.sampled_from(("token", "bytes", "twice", "swollen", "other")))
    if kind == "token":
        return draw(st.sampled_from(TOKENS))
    if kind == "bytes":
        return draw(st.binary(max_size=max(1, len(old))))
    if kind == "twice":
        return old * 2
    if kind == "swollen":
        return old * (SWOLLEN_MAX_BYTES // max(1, len(old)))
    other = draw(st.sampled_from(seeds))
    start = draw(st.integers(0, len(other)))
    return other[start : start + max(1, len(old))]
