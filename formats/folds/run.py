"""Running a fold over some slots: what fails is a result, and leaves no trace in the state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from seriatim.formats.errors import FoldError, SchedulerError
from seriatim.formats.folds.fold import Fold, Step, Verdict, check_outcome
from seriatim.formats.folds.state import decode_state, encode_state
from seriatim.formats.limits import OUTPUT_MAX_BYTES, REASON_MAX_CHARS


class Result(NamedTuple):
    """What became of one slot.

    Attributes:
        output: what the fold has said, encoded as a state is; empty where it failed.
        verdict: how the slot goes on.
        code: which kind of failure; empty for none.
        reason: a sentence on it.
    """

    output: bytes
    verdict: Verdict = Verdict.OK
    code: str = ""
    reason: str = ""


def start(fold: Fold, spawn: Step) -> bytes:
    """Return the encoded state before slot 0.

    Raises:
        FoldError: the fold raises, or returns what is no state; there is nothing to compute then.
    """
    try:
        return encode_state(fold.init(spawn))
    except Exception as error:  # a user's code: whatever it raises is its own
        failure = _failed(error)
        raise FoldError(failure.reason, code=failure.code) from error


def run(fold: Fold, before: bytes, steps: Sequence[Step]) -> tuple[list[Result], bytes]:
    """Return the result of each of *steps*, and the encoded state behind the last.

    A step that fails leaves the state as it was. As long as none does, the state is not looked at
    between two steps: a fold that changes a large state a little takes as long as it takes.

    Args:
        fold: pure, so that steps may be run once more.
        before: the encoded state before the first of them.
        steps: slots in order, one pass each.
    """
    state = decode_state(before)
    results: list[Result] = []
    try:
        for step in steps:
            state, result = _apply(fold, state, step)
            results.append(result)
        return results, encode_state(state)
    except Exception:  # noqa: BLE001  # found out which step it was, with care
        return _run_with_care(fold, before, steps)


def _run_with_care(fold: Fold, before: bytes, steps: Sequence[Step]) -> tuple[list[Result], bytes]:
    """Do what `run` does, keeping the state behind each step."""
    results: list[Result] = []
    for step in steps:
        try:
            state, result = _apply(fold, decode_state(before), step)
            before = encode_state(state)
        except Exception as error:  # noqa: BLE001  # a user's code: whatever it raises is its own
            result = _failed(error)
        results.append(result)
    return results, before


def _apply(fold: Fold, state: Any, step: Step) -> tuple[Any, Result]:
    outcome = check_outcome(fold.apply(state, step))
    output = b"" if outcome.output is None else encode_state(outcome.output)
    if len(output) > OUTPUT_MAX_BYTES:
        raise FoldError(
            f"an output of {len(output)} bytes; at most {OUTPUT_MAX_BYTES} are kept",
            code="bad_output",
        )
    return outcome.state, Result(output, outcome.verdict)


def _failed(error: Exception) -> Result:
    code = error.code if isinstance(error, SchedulerError) else "fold_raised"
    reason = f"{type(error).__name__}: {error}" if code == "fold_raised" else str(error)
    printable = reason.encode("utf-8", "replace").decode()
    return Result(b"", code=code, reason=printable[:REASON_MAX_CHARS])
