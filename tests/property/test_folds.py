"""Folds: the same state however the slots are cut up, and no trace of what fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.formats.errors import FoldError
from seriatim.formats.folds.fold import Outcome, Step, Verdict, fold
from seriatim.formats.folds.program import Cursor, Multipass, Program
from seriatim.formats.folds.run import Result, run, start
from seriatim.formats.folds.state import decode_state, encode_state

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.binary(max_size=8)
)
STATES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)
FAILED = {
    "raise": "fold_raised",
    "exit": "fold_raised",
    "unspeakable": "fold_raised",
    "nameless": "fold_raised",
    "classless": "fold_raised",
    "tuple": "bad_state",
    "nothing": "bad_outcome",
    "again": "bad_outcome",
    "set": "bad_output",
}


class Nameless(type):
    """Has no name that can be had."""

    @property
    def __name__(cls) -> str:  # type: ignore[override]  # that is the fault
        raise SystemExit


class NamelessError(Exception, metaclass=Nameless):
    """Cannot be named."""


class ClasslessThing:
    """Does not say what it is."""

    @property  # type: ignore[misc]  # that is the fault
    def __class__(self) -> Any:
        raise SystemExit


WORDS = [*FAILED, "add", "output", "alias", "order", "fields"]


class UnspeakableError(Exception):
    """Has no words."""

    def __str__(self) -> str:
        raise ValueError("none")


RAISED: dict[str, type[BaseException]] = {
    "raise": ValueError,
    "exit": SystemExit,
    "unspeakable": UnspeakableError,
    "nameless": NamelessError,
}


def _twice(state: dict[str, Any], _: Step) -> Any:
    state["twin"] = state["slots"]
    return state


def _ordered(state: dict[str, Any], step: Step) -> Any:
    state.update(b=step.slot, a=step.slot)
    state["last"] = next(reversed(state))
    return state


def _cleared(state: dict[str, Any], step: Step) -> Any:
    step.fields.clear()  # type: ignore[attr-defined]  # that is the fault
    return state


RETURNED: dict[str, Callable[[dict[str, Any], Step], Any]] = {
    "add": lambda state, _: state,
    "alias": _twice,
    "order": _ordered,
    "fields": _cleared,
    "classless": lambda state, step: ClasslessThing(),
    "again": lambda state, _: Outcome(state, verdict=Verdict.PASS),
    "tuple": lambda state, _: {**state, "odd": (1, 2)},
    "nothing": lambda state, _: Outcome(state, verdict="ok"),  # type: ignore[arg-type]  # as above
    "set": lambda state, _: Outcome(state, output={1}),
    "output": lambda state, step: Outcome(state, output=[step.slot], verdict=Verdict.SKIP),
}


@fold("words@1.0", init=lambda spawn: {"slots": [], "spawn": spawn.message_id})
def words(state: dict[str, Any], step: Step) -> Any:
    """Change the state, and then do what the message says."""
    state["slots"].append(step.slot)
    word = str(step.fields["word"])
    if word in RAISED:
        raise RAISED[word]("as told")
    return RETURNED[word](state, step)


def steps_of(said: Sequence[str], first: int = 0) -> list[Step]:
    return [
        Step("p", slot, slot, f"m{slot}", {"word": word}) for slot, word in enumerate(said, first)
    ]


@given(STATES)
def test_a_state_comes_back_as_it_is(state: Any) -> None:
    raw = encode_state(state)
    assert decode_state(raw) == state
    assert encode_state(decode_state(raw)) == raw


@pytest.mark.parametrize(
    "state",
    [
        (1,),
        {"a": (1,)},
        {1: "a"},
        {"a": {1, 2}},
        float("nan"),
        float("inf"),
        2**63,
        -(2**63) - 1,
        object(),
        bytearray(b"a"),
        "\ud800",
        {"\ud800": 1},
    ],
)
def test_what_would_not_come_back_is_no_state(state: Any) -> None:
    with pytest.raises(FoldError) as caught:
        encode_state(state)
    assert caught.value.code == "bad_state"


def test_a_state_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    deep: Any = 1
    for _ in range(64):
        deep = [deep]
    assert decode_state(encode_state(deep)) == deep
    with pytest.raises(FoldError, match="deeper"):
        encode_state([deep])
    monkeypatch.setattr("seriatim.formats.folds.state.STATE_MAX_BYTES", 10)
    encode_state("x" * 9)
    with pytest.raises(FoldError, match="at most 10"):
        encode_state("x" * 10)


@given(said=st.lists(st.sampled_from(WORDS), max_size=12), cuts=st.sets(st.integers(0, 12)))
def test_slots_may_be_run_in_any_pieces(said: list[str], cuts: set[int]) -> None:
    """A state is what its bytes say: no aliases, no order of keys, nothing of what failed."""
    before = start(words, Step("p", 0, 0, "spawn", {}))
    whole, behind = run(words, before, steps_of(said), is_alone=True)
    pieces: list[Result] = []
    state = before
    marks = [0, *sorted(cut for cut in cuts if cut < len(said)), len(said)]
    for first, last in pairwise(marks):
        results, state = run(words, state, steps_of(said[first:last], first), is_alone=True)
        pieces += results
    assert (pieces, state) == (whole, behind)
    assert [each.code for each in whole] == [FAILED.get(word, "") for word in said]
    kept = [slot for slot, word in enumerate(said) if word not in FAILED]
    assert decode_state(behind)["slots"] == kept


@given(count=st.integers(1, 9), late_at=st.integers(1, 12), is_long=st.booleans())
def test_a_job_ends_early_with_what_it_has(count: int, late_at: int, *, is_long: bool) -> None:
    steps = steps_of(["output"] * count)
    before = start(words, Step("p", 0, 0, "spawn", {}))
    looked = iter(range(1, 99))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seriatim.formats.folds.run.FOLD_OUTPUTS_MAX_BYTES", 1 if is_long else 99)
        results, state = run(words, before, steps, is_late=lambda: next(looked) >= late_at)
    done = min(count, late_at, 1 if is_long else count)
    assert len(results) == done
    assert decode_state(state)["slots"] == list(range(done))


def test_what_is_for_no_fold_changes_nothing() -> None:
    before = start(words, Step("p", 0, 0, "spawn", {}))
    assert run(words, before, [None, None]) == ([Result(b""), Result(b"")], before)


def test_a_result_says_what_the_fold_has_said() -> None:
    before = start(words, Step("p", 0, 0, "spawn", {}))
    (said, raised), _ = run(words, before, steps_of(["output", "raise"]))
    assert (decode_state(said.output), said.verdict) == ([0], Verdict.SKIP)
    assert (raised.output, raised.code, raised.reason) == (
        b"",
        "fold_raised",
        "ValueError: as told",
    )


def test_a_fold_that_cannot_begin_says_why() -> None:
    @fold("broken@1.0", init=lambda spawn: spawn.fields["missing"])
    def broken(state: Any, step: Step) -> Any:
        del step
        return state

    with pytest.raises(FoldError, match="KeyError: 'missing'"):
        start(broken, Step("p", 0, 0, "spawn", {}))


@given(
    count=st.integers(1, 5),
    passes=st.integers(1, 4),
    verdicts=st.lists(st.sampled_from(list(Verdict)), max_size=40),
)
def test_a_program_goes_on_as_its_table_says(
    count: int, passes: int, verdicts: list[Verdict]
) -> None:
    program = Program(tuple(f"f{place}@1.0" for place in range(count)), passes, is_stack=True)
    cursor: Cursor | None = Cursor()
    number, place = 1, 0
    for verdict in verdicts:
        if cursor is None:
            return
        assert cursor == (number, place)
        cursor = cursor.after(verdict, program)
        if verdict is Verdict.PASS:
            number, place = number + 1, 0
        elif verdict is Verdict.SKIP or place == count - 1:
            assert cursor is None
        else:
            place += 1


@given(count=st.integers(1, 4), passes=st.integers(1, 6))
def test_multipass_runs_the_stack_as_often_as_wanted(count: int, passes: int) -> None:
    program = Program(("f@1.0",) * (count - 1) + ("multipass@1.0",), passes)
    multipass = Multipass(passes)
    ran: list[Cursor] = []
    cursor: Cursor | None = Cursor()
    while cursor is not None:
        ran.append(cursor)
        verdict = Verdict.OK
        if cursor.place == count - 1:
            step = Step("p", 0, 0, "m", {}, number=cursor.number)
            verdict = multipass.apply(None, step).verdict
        cursor = cursor.after(verdict, program)
    assert ran == [
        Cursor(number, place) for number in range(1, passes + 1) for place in range(count)
    ]
