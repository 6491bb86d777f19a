"""A computer: the same state from anywhere, and no fold of a stack twice, wherever it is killed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.actors.compute import computer as module
from seriatim.actors.compute.computer import Computed
from seriatim.formats.errors import DisabledError, FoldError, NotFoundError, RefusedError
from seriatim.formats.folds.fold import Outcome, Step, Verdict, fold
from seriatim.formats.folds.progress import is_kept
from seriatim.formats.folds.state import decode_state
from seriatim.formats.ids import encode_id
from seriatim.formats.message import Value
from tests.support.computing import Bench, KilledError

TALLY = {"execution-device": "tally@1.0"}


@fold("tally@1.0", init={"sum": 0, "seen": []})
def tally(state: dict[str, Any], step: Step) -> Outcome:
    if step.fields.get("type") != "Process":
        state["sum"] += step.fields["amount"]
        state["seen"].append(step.slot)
    return Outcome(state, output=state["sum"])


def trace(name: str, **verdicts: Verdict) -> Any:
    """Return a fold that writes down its runs; of a slot that a message names, with a verdict."""

    @fold(name, init={})
    def run(state: dict[str, Any], step: Step) -> Outcome:
        word = str(step.fields.get("word", ""))
        if word == f"{name} raises":
            raise ValueError(word)
        runs = [*state.get("runs", []), [step.slot, step.number, name]]
        return Outcome({"runs": runs}, verdict=verdicts.get(word.replace(" ", "_"), Verdict.OK))

    return run


LETTERS = "abcde"
FOLDS = [trace(f"{letter}@1.0") for letter in LETTERS]
STACK: Mapping[str, Value] = {
    "execution-device": "stack@1.0",
    "device-stack": ", ".join([*(fold.name for fold in FOLDS), "multipass@1.0"]),
    "passes": 3,
}


def at(bench: Bench, slot: int) -> Computed:
    return asyncio.run(bench.computer().at(slot))


def sum_at(bench: Bench, slot: int) -> Any:
    return decode_state(at(bench, slot).state)["sum"]


@given(
    amounts=st.lists(st.integers(-9, 9), max_size=40),
    asked=st.lists(st.integers(0, 40), max_size=8),
    every=st.integers(1, 7),
    steps=st.integers(1, 5),
)
def test_any_slot_has_its_state_whoever_asks_for_it_first(
    amounts: list[int], asked: list[int], every: int, steps: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SNAPSHOT_SLOTS", every)
        patch.setattr(module, "FOLD_STEPS_MAX", steps)
        bench = Bench([tally], TALLY)
        bench.append(*({"amount": amount} for amount in amounts))
        known = bench.computer()
        for number, slot in enumerate(asked):
            computer = bench.computer() if number % 2 else known  # after a restart, or not
            if slot > len(amounts):
                with pytest.raises(NotFoundError):
                    asyncio.run(computer.at(slot))
                continue
            computed = asyncio.run(computer.at(slot))
            assert decode_state(computed.state)["sum"] == sum(amounts[:slot])
            assert decode_state(computed.result.output) == sum(amounts[:slot])


def test_after_a_restart_a_snapshot_and_the_slots_behind_it_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SNAPSHOT_SLOTS", 8)
    bench = Bench([tally], TALLY)
    bench.append(*({"amount": 1} for _ in range(99)))
    assert sum_at(bench, 98) == 98
    bench.ran.clear()
    assert sum_at(bench, 99) == 99
    assert sum(len(job.records) for job in bench.ran) < 8 + 1
    group = (module.SNAPSHOTS, encode_id(bench.process))
    for name in bench.tree.list(group):
        bench.tree.put((*group, name), b"damaged")
    assert sum_at(bench, 99) == 99
    bench.forget()
    assert sum_at(bench, 99) == 99, "whatever is derived can go"


def test_one_slot_that_does_not_end_costs_two_deadlines() -> None:
    bench = Bench([tally], TALLY)
    bench.append(*({"amount": 1} for _ in range(500)))
    endless = 300
    bench.never_end = lambda job: job.first <= endless < job.first + len(job.records)
    assert sum_at(bench, 500) == 499
    assert sum(bench.never_end(job) for job in bench.ran if job.before) == 2


def test_what_somebody_has_seen_never_becomes_a_failure() -> None:
    bench = Bench([tally], TALLY)
    bench.append({"amount": 1}, {"amount": 2})
    assert sum_at(bench, 2) == 3
    for name in bench.tree.list((module.SNAPSHOTS, encode_id(bench.process))):
        bench.tree.remove((module.SNAPSHOTS, encode_id(bench.process), name))
    bench.never_end = lambda job: bool(job.before)
    with pytest.raises(FoldError, match="as told"):
        sum_at(bench, 2)
    assert len(bench.records()) == 3, "nothing is said"
    bench.never_end = lambda job: False
    assert sum_at(bench, 2) == 3


@pytest.mark.parametrize("refusal", [RefusedError("no"), DisabledError("no")])
def test_where_the_node_may_say_nothing_the_reader_hears_of_it(refusal: Exception) -> None:
    bench = Bench([tally], TALLY)
    bench.append({"amount": 1})
    bench.never_end, bench.refusal = (lambda job: bool(job.before)), refusal
    with pytest.raises(FoldError, match="as told") as caught:
        sum_at(bench, 1)
    assert caught.value.code == "fold_deadline"
    bench.never_end = lambda job: False
    assert sum_at(bench, 1) == 1, "and nothing is known of it"


def test_an_older_slot_that_many_ask_for_is_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench([tally], TALLY)
    bench.append(*({"amount": 1} for _ in range(100)))
    computer = bench.computer()
    assert asyncio.run(computer.at(100)).slot == 100
    bench.ran.clear()
    for slot in (90, 90, 91, 90):
        assert decode_state(asyncio.run(computer.at(slot)).state)["sum"] == slot
    assert [(job.first, len(job.records)) for job in bench.ran if job.before] == [(0, 91), (91, 1)]
    bench.append({"amount": 1})
    asyncio.run(computer.at(101))
    bench.ran.clear()
    assert decode_state(asyncio.run(computer.at(100)).state)["sum"] == 100
    assert bench.ran == [], "it was the last one a moment ago"
    for slot in (10, 20, 30, 40):
        asyncio.run(computer.at(slot))
    bench.ran.clear()
    asyncio.run(computer.at(90))
    assert [(job.first, len(job.records)) for job in bench.ran] == [(41, 50)], "few are kept"
    monkeypatch.setattr(module, "STATE_KEPT_MAX_BYTES", 0)
    asyncio.run(computer.at(50))
    bench.ran.clear()
    asyncio.run(computer.at(50))
    assert bench.ran, "and no large ones"


def test_a_result_that_is_lost_is_put_back() -> None:
    bench = Bench([tally], TALLY)
    bench.append({"amount": 1}, {"amount": "x"}, {"amount": 3})
    whole = [at(bench, slot) for slot in range(4)]
    for slot in range(4):
        path = (module.COMPUTED, encode_id(bench.process), str(slot))
        kept = bench.tree.get(path)
        assert kept is not None
        for damaged in (b"damaged", b"\xa0", kept.replace(b"ok", b"pk"), kept[:-1] + b"\0"):
            bench.tree.put(path, damaged)
            assert at(bench, slot) == whole[slot]
            assert bench.tree.get(path) == kept
        bench.tree.remove(path)
        assert at(bench, slot) == whole[slot]
        assert bench.tree.get(path) is not None


def test_what_never_ends_is_known_from_the_log_where_its_result_was_lost() -> None:
    bench = Bench([tally], TALLY)
    bench.append(*({"amount": 1} for _ in range(9)))
    bench.never_end = lambda job: job.first <= 5 < job.first + len(job.records)
    whole = [at(bench, slot) for slot in range(10)]
    for asked in (8, 5):
        bench.tree.remove((module.COMPUTED, encode_id(bench.process), "5"))
        assert at(bench, asked) == whole[asked]


def test_a_fold_that_never_begins_is_not_tried_by_everybody() -> None:
    bench = Bench([tally], TALLY)
    bench.never_end = lambda job: True
    computer = bench.computer()
    for _ in range(3):
        with pytest.raises(FoldError, match="as told"):
            asyncio.run(computer.at(0))
    assert len(bench.ran) == 1


@given(last=st.integers(0, 3_000))
def test_few_snapshots_are_kept_and_none_comes_back(last: int) -> None:
    kept = [number for number in range(last + 1) if is_kept(number, last)]
    assert kept[0] == 0
    assert kept[-1] == last
    assert len(kept) <= 16 * (last + 2).bit_length()
    later = {number for number in range(last + 1) if is_kept(number, last + 1)}
    assert later <= {*kept}, "what has gone is never wanted"
    for number, following in pairwise(kept):
        assert following - number <= (last - number) // 4 + 1


def test_a_slot_that_fails_leaves_the_state_as_it_was() -> None:
    bench = Bench([tally], TALLY)
    bench.append({"amount": 1}, {"amount": "x"}, {"amount": 2}, {"nothing": 1}, {"amount": 3})
    computed = at(bench, 5)
    assert decode_state(computed.state) == {"sum": 6, "seen": [1, 3, 5]}
    failed = at(bench, 2).result
    assert failed.code == "fold_raised"
    assert failed.reason.startswith("TypeError: ")
    assert at(bench, 4).result.reason == "KeyError: 'amount'"


def test_a_process_that_cannot_begin_says_why() -> None:
    @fold("broken@1.0", init=lambda spawn: spawn.fields["missing"])
    def broken(state: Any, step: Step) -> Any:
        del step
        return state

    bench = Bench([broken], {"execution-device": "broken@1.0"})
    with pytest.raises(FoldError, match=r"broken@1\.0: KeyError: 'missing'"):
        at(bench, 0)


@given(endless=st.sets(st.integers(1, 30), max_size=4), asked=st.lists(st.integers(0, 30)))
def test_what_does_not_end_gets_a_slot_and_everything_else_its_state(
    endless: set[int], asked: list[int]
) -> None:
    bench = Bench([tally], TALLY)
    bench.append(*({"amount": slot} for slot in range(1, 31)))

    def never_ends(job: Any) -> bool:
        return bool(endless & set(range(job.first, job.first + len(job.records))))

    bench.never_end = never_ends
    for slot in [*asked, 30]:
        wanted = sum(each for each in range(1, slot + 1) if each not in endless)
        assert sum_at(bench, slot) == wanted
    bench.never_end = lambda job: False
    bench.forget()
    assert sum_at(bench, 30) == sum(range(31)) - sum(endless), "whoever computes it anew"
    said = [record for record in bench.records() if b"Fold-Failure" in record.message]
    assert len(said) == len(endless), "each is said once"
    last = len(bench.records()) - 1
    assert decode_state(at(bench, last).state)["sum"] == sum(range(31)) - sum(endless)
    for slot in endless:
        assert at(bench, slot).result.code == "fold_deadline"


def runs_of(state: bytes) -> list[list[Any]]:
    found = decode_state(state)["runs"]
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("is_lost", [False, True])
@pytest.mark.parametrize("killed_at", range(1, 20))
def test_killed_anywhere_no_fold_of_a_stack_that_has_finished_runs_again(
    killed_at: int, *, is_lost: bool
) -> None:
    whole = Bench(FOLDS, STACK)
    wanted = at(whole, 0)
    bench = Bench(FOLDS, STACK)
    bench.killed_at, bench.is_lost = killed_at, is_lost
    killed = 0
    try:
        at(bench, 0)
    except KilledError:
        killed = 1
    assert killed == (killed_at <= 18)  # five folds and multipass, three times
    bench.killed_at = -1
    assert at(bench, 0) == wanted
    runs = Counter((job.fold, job.number) for job in bench.ran if job.before)
    assert sum(runs.values()) == 18 + (killed and is_lost), "what was lost has not finished"
    names = [fold.name for fold in FOLDS]
    assert runs_of(wanted.state) == [[0, number, name] for number in (1, 2, 3) for name in names]


def test_folds_of_a_stack_say_how_it_goes_on() -> None:
    folds = [
        trace("a@1.0", skip=Verdict.SKIP),
        trace("b@1.0", again=Verdict.PASS),
    ]
    spawn = {"execution-device": "stack@1.0", "device-stack": "a@1.0, b@1.0"}
    bench = Bench(folds, spawn)
    bench.append({"word": "skip"}, {"word": "b@1.0 raises"}, {"word": "on"})
    assert runs_of(at(bench, 3).state) == [
        [0, 1, "a@1.0"],
        [0, 1, "b@1.0"],
        [1, 1, "a@1.0"],
        [3, 1, "a@1.0"],
        [3, 1, "b@1.0"],
    ]
    assert at(bench, 2).result.reason == "ValueError: b@1.0 raises"


def test_passes_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seriatim.formats.folds.program.PASSES_MAX", 5)
    spawn = {"execution-device": "stack@1.0", "device-stack": "a@1.0, b@1.0"}
    bench = Bench([trace("a@1.0"), trace("b@1.0", again=Verdict.PASS)], spawn)
    bench.append({"word": "again"}, {"word": "on"})
    assert at(bench, 1).result.code == "limit_exceeded"
    assert [each[0] for each in runs_of(at(bench, 2).state)] == [0, 0, 2, 2]


def test_folds_of_a_stack_share_a_map() -> None:
    spawn = {"execution-device": "stack@1.0", "device-stack": "tally@1.0, number@1.0"}

    @fold("number@1.0", init=7)
    def number(state: Any, step: Step) -> Any:
        del step
        return state

    with pytest.raises(FoldError, match="share one map"):
        at(Bench([tally, number], spawn), 0)
