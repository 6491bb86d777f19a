"""How far the computing of a process has come, as it is kept on disk."""

from __future__ import annotations

from typing import Any, NamedTuple

import cbor2

from seriatim.formats.folds.fold import Verdict
from seriatim.formats.folds.program import Cursor
from seriatim.formats.folds.run import Result
from seriatim.formats.folds.state import state_hash


class Progress(NamedTuple):
    """Where a program is.

    Attributes:
        slot: the last slot that is done; -1 for none.
        state: the encoded state behind it.
        cursor: what is run next of the slot after it, where folds of that are done already.
        within: the encoded state within that slot.
        output: what the last of those folds that said anything has said, encoded.
    """

    slot: int
    state: bytes
    cursor: Cursor | None = None
    within: bytes = b""
    output: bytes = b""


def encode_progress(progress: Progress, folds: tuple[str, ...]) -> bytes:
    """Return *progress* of a program of *folds*, with a hash over all of it."""
    slot, state, cursor, within, output = progress
    return cbor2.dumps(
        {
            "folds": list(folds),
            "slot": slot,
            "state": state,
            "cursor": None if cursor is None else list(cursor),
            "within": within,
            "output": output,
            "hash": _hash(progress),
        },
        canonical=True,
    )


def decode_progress(raw: bytes, folds: tuple[str, ...]) -> Progress | None:
    """Return what `encode_progress` has made *raw* of.

    ``None`` where that was of other folds, or it is damaged: it is computed anew then.
    """
    try:
        plain: dict[str, Any] = cbor2.loads(raw)
        cursor = plain["cursor"]
        progress = Progress(
            plain["slot"],
            plain["state"],
            None if cursor is None else Cursor(*cursor),
            plain["within"],
            plain["output"],
        )
        is_whole = plain["hash"] == _hash(progress)
        is_ours = tuple(plain["folds"]) == folds
    except (cbor2.CBORDecodeError, KeyError, TypeError, ValueError):
        return None
    return progress if is_whole and is_ours else None


def _hash(progress: Progress) -> bytes:
    slot, state, cursor, within, output = progress
    place = None if cursor is None else list(cursor)
    return state_hash(cbor2.dumps([slot, state, place, within, output]))


def encode_result(result: Result) -> bytes:
    """Return *result* as it is kept at ``computed/<process>/<slot>``."""
    output, verdict, code, reason = result
    said = {"output": output, "verdict": verdict.value, "code": code, "reason": reason}
    checked = state_hash(cbor2.dumps(tuple(said.values())))
    return cbor2.dumps({**said, "hash": checked}, canonical=True)


def decode_result(raw: bytes) -> Result | None:
    """Return what `encode_result` has made *raw* of; ``None`` where it is damaged."""
    try:
        plain: dict[str, Any] = cbor2.loads(raw)
        said = (plain["output"], plain["verdict"], plain["code"], plain["reason"])
        if plain["hash"] != state_hash(cbor2.dumps(said)):
            return None
        return Result(said[0], Verdict(said[1]), *said[2:])
    except (cbor2.CBORDecodeError, KeyError, TypeError, ValueError):
        return None


def is_kept(number: int, last: int) -> bool:
    """Tell whether the snapshot *number* is kept when *last* is the newest; both count from 0.

    The new ones are close together, the old ones far apart: eight for each doubling of the distance
    from the end. So the next one kept is no further away than an eighth of that, about.
    """
    spacing = 1 << max(0, (last - number).bit_length() - 4)
    return number % spacing == 0
