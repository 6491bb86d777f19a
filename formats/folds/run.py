"""Running a fold over some slots: what fails is a result, and leaves no trace in the state.

Between two slots, a state is always what its bytes say, and nothing more: a fold sees the same
whether slots are run together or apart, before a restart or after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from seriatim.formats.errors import FoldError
from seriatim.formats.folds.fold import Fold, Outcome, Step, Verdict
from seriatim.formats.folds.state import decode_state, encode_state
from seriatim.formats.limits import FOLD_OUTPUTS_MAX_BYTES, OUTPUT_MAX_BYTES, REASON_MAX_CHARS


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
    return encode_state(_guarded(lambda: fold.init(spawn)))


def run(
    fold: Fold,
    before: bytes,
    steps: Iterable[Step | None],
    *,
    is_alone: bool = False,
    is_late: Callable[[], bool] = lambda: False,
) -> tuple[list[Result], bytes]:
    """Return the result of each of *steps*, and the encoded state behind the last that was run.

    A step that fails leaves the state as it was. Fewer are run where their outputs are over
    ``FOLD_OUTPUTS_MAX_BYTES``, or it is late; at least one.

    Args:
        fold: the fold.
        before: the encoded state before the first of them.
        steps: slots in order, one pass each; ``None`` for one that is for no fold.
        is_alone: whether there is no stack, and so no other pass.
        is_late: whether the rest is for another time.
    """
    results: list[Result] = []
    outputs_bytes = 0
    for step in steps:
        result = Result(b"")
        if step is not None:
            try:
                result, before = _apply(fold, before, step, is_alone=is_alone)
            except FoldError as error:
                result = Result(b"", code=error.code, reason=str(error))
        results.append(result)
        outputs_bytes += len(result.output)
        if outputs_bytes > FOLD_OUTPUTS_MAX_BYTES or is_late():
            break
    return results, before


def _apply(fold: Fold, before: bytes, step: Step, *, is_alone: bool) -> tuple[Result, bytes]:
    made = _guarded(lambda: fold.apply(decode_state(before), step))
    # By their types: what an object says of its class is somebody's code, too.
    if type(made) is not Outcome or type(made.verdict) is not Verdict:
        raise FoldError("a fold returns an Outcome, with a Verdict", code="bad_outcome")
    if is_alone and made.verdict is Verdict.PASS:
        raise FoldError("a fold alone has no other pass; name a stack", code="bad_outcome")
    output = b"" if made.output is None else _encode_output(made.output)
    return Result(output, made.verdict), encode_state(made.state)


def _encode_output(output: object) -> bytes:
    try:
        raw = encode_state(output)
    except FoldError as error:
        raise FoldError(f"an output is kept as a state is: {error}", code="bad_output") from error
    if len(raw) > OUTPUT_MAX_BYTES:
        raise FoldError(
            f"an output of {len(raw)} bytes; at most {OUTPUT_MAX_BYTES} are kept",
            code="bad_output",
        )
    return raw


def _guarded(call: Callable[[], Any]) -> Any:
    """Return what somebody's code returns.

    Raises:
        FoldError: it raises, whatever that is; code ``fold_raised``.
    """
    try:
        return call()
    except BaseException as error:  # noqa: BLE001  # SystemExit too: it is not the node's to obey
        raise FoldError(_describe(error), code="fold_raised") from None


def _describe(error: BaseException) -> str:
    """Return the name and the words of *error*, if it has any that can be had."""
    try:
        words = f"{type(error).__name__}: {error}".encode("utf-8", "replace").decode()
    except BaseException:  # noqa: BLE001  # that is somebody's code, too
        words = "an exception that cannot be said"
    return words[:REASON_MAX_CHARS]
