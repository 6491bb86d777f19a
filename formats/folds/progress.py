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
    """Return *progress* of a program of *folds* with the hashes of its states."""
    slot, state, cursor, within, output = progress
    return cbor2.dumps(
        {
            "folds": list(folds),
            "slot": slot,
            "state": state,
            "hash": state_hash(state),
            "cursor": None if cursor is None else list(cursor),
            "within": within,
            "within-hash": state_hash(within),
            "output": output,
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
        hashes = (state_hash(progress.state), state_hash(progress.within))
        is_whole = hashes == (plain["hash"], plain["within-hash"])
        is_ours = tuple(plain["folds"]) == folds
    except (cbor2.CBORDecodeError, KeyError, TypeError, ValueError):
        return None
    return progress if is_whole and is_ours else None


def encode_result(result: Result) -> bytes:
    """Return *result* as it is kept at ``computed/<process>/<slot>``."""
    output, verdict, code, reason = result
    return cbor2.dumps(
        {"output": output, "verdict": verdict.value, "code": code, "reason": reason},
        canonical=True,
    )


def decode_result(raw: bytes) -> Result | None:
    """Return what `encode_result` has made *raw* of; ``None`` where it is damaged."""
    try:
        plain: dict[str, Any] = cbor2.loads(raw)
        return Result(plain["output"], Verdict(plain["verdict"]), plain["code"], plain["reason"])
    except (cbor2.CBORDecodeError, KeyError, TypeError, ValueError):
        return None


def is_kept(number: int, last: int) -> bool:
    """Tell whether the snapshot *number* is kept when *last* is the newest; both count from 0.

    The new ones are close together, the old ones far apart: eight for each doubling of the distance
    from the end. So the next one kept is no further away than an eighth of that, about.
    """
    spacing = 1 << max(0, (last - number).bit_length() - 4)
    return number % spacing == 0
