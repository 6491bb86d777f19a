"""Triggers as they are kept in the tree: what each one is, and how far it has come.

Derived from the logs, and written in the transaction of the slot that they are derived from.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import NamedTuple

import cbor2

from seriatim.formats.codecs.cbor import dump_plain
from seriatim.formats.codecs.fields import freeze
from seriatim.formats.errors import FormatError, MalformedError
from seriatim.formats.triggers.definition import Definition


class State(StrEnum):
    """Where a trigger is.

    ::

             define                    its last time is decided
    (none) ─────────► LIVE ──────────────────────────────────► OVER
                     │  ▲ ▲                                      │
              pause  │  │ └── define: another definition; or,  ──┘
                     ▼  │     once it is over, the same one again
                    PAUSED
                        resume

    remove, from any ► REMOVED ── define ──► LIVE
    """

    LIVE = "live"
    PAUSED = "paused"
    OVER = "over"
    REMOVED = "removed"


class Progress(NamedTuple):
    """How far a trigger has come.

    Attributes:
        state: see `State`.
        cursor_ms: the last nominal time that is decided.
        next_ms: the nominal time after it; ``None`` for none, and for watches.
        changes: how many entries its history has.
        mark: where its watch looks on.
        waits_for: the function that it calls, or `PATHS`; empty for none. Nothing of it fires
            before somebody does that.
        edition: of the time zone database by which ``next_ms`` was found.
    """

    state: State
    cursor_ms: int
    next_ms: int | None
    changes: int
    mark: bytes = b""
    waits_for: str = ""
    edition: str = ""


class Defined(NamedTuple):
    """A definition, and since when it is the trigger's."""

    definition: Definition
    defined_ms: int


def encode_progress(progress: Progress) -> bytes:
    """Return *progress* as it is kept."""
    return dump_plain([progress.state.value, *progress[1:]])


def decode_progress(raw: bytes) -> Progress:
    """Return what `encode_progress` has made *raw* of.

    Raises:
        MalformedError: it is damaged; code ``bad_row``.
    """
    with _reading():
        state, *others = cbor2.loads(raw)
        return Progress(State(state), *others)


def encode_defined(defined: Defined) -> bytes:
    """Return *defined* as it is kept."""
    return dump_plain([defined.defined_ms, defined.definition.fields])


def decode_defined(raw: bytes) -> Defined:
    """Return what `encode_defined` has made *raw* of: it was checked when it was defined.

    Raises:
        MalformedError: it is damaged; code ``bad_row``.
    """
    with _reading():
        defined_ms, fields = cbor2.loads(raw)
        return Defined(Definition.from_fields(freeze(fields)), defined_ms)


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (cbor2.CBORError, ValueError, TypeError, AttributeError, FormatError) as error:
        raise MalformedError(f"a damaged row: {error}", code="bad_row") from error
