"""The notation of HyperBEAM's vectors: JSON that tells binaries, numbers, atoms and lists apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from seriatim.formats.ids import b64url_decode
from seriatim.formats.tabm.structured import Atom

SCALARS: Mapping[str, Callable[[Any], Any]] = {
    "$b64u": b64url_decode,
    "$int": int,
    "$float": float,
    "$atom": lambda name: {"true": True, "false": False}.get(name, Atom(name)),
    "$list": lambda items: [rich(each) for each in items],
}


def rich(plain: Any) -> Any:
    """Return a value in the vectors' notation as ours."""
    if isinstance(plain, str):
        return plain
    for mark, read in SCALARS.items():
        if mark in plain:
            return read(plain[mark])
    return {key: rich(value) for key, value in plain.items()}


def tabm(plain: Any) -> Any:
    """Return a TABM in the vectors' notation as ours."""
    if isinstance(plain, str):
        return plain.encode()
    if "$b64u" in plain:
        return b64url_decode(plain["$b64u"])
    return {key: tabm(value) for key, value in plain.items()}


def is_error(plain: Any) -> bool:
    """Tell whether the real code raised an error here."""
    return isinstance(plain, dict) and "error" in plain
