"""Whether jobs may be submitted: all of a batch, or none."""

from __future__ import annotations

from typing import Any

import pytest

from seriatim.actors.queue.commands import (
    Cancel,
    Change,
    Failed,
    Remove,
    Report,
    Retry,
    Submit,
    Submitted,
)
from seriatim.formats.errors import (
    LimitExceededError,
    MalformedError,
    NotFoundError,
    QueueFullError,
    RefusedError,
    TakenError,
)
from seriatim.formats.jobs.job_id import make_job_id
from seriatim.formats.jobs.raw_json import RawJson
from seriatim.formats.jobs.spec import read_asked
from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import QUEUE_SUBMIT_MAX
from tests.support.lines import lines_of
from tests.support.stepped_queue import START_MS, SteppedQueue, submit

MADE = make_job_id(START_MS, bytes(10))
LONG = 10_000


@pytest.fixture
def queue() -> SteppedQueue:
    return SteppedQueue()


@pytest.mark.slow
def test_a_long_chain_that_waits_is_not_walked_for_each_batch_behind_it(
    queue: SteppedQueue,
) -> None:
    for first in range(0, LONG, QUEUE_SUBMIT_MAX):
        numbers = range(first, first + QUEUE_SUBMIT_MAX)
        queue.submit(*({"id": f"j{n}", "after": [f"j{n - 1}"] if n else []} for n in numbers))
    last = [{"id": "x", "after": [f"j{LONG - 1}"]}, {"id": "y", "after": ["x"]}]
    assert lines_of("actors/queue/checks.py", lambda: queue.submit(*last)) < 500


@pytest.mark.parametrize(
    ("before", "batch", "circle"),
    [
        ([], [("a", "a")], "a → a"),
        ([], [("a", "b"), ("b", "a")], "a → b → a"),
        ([], [("a", "b"), ("b", "c"), ("c", "b")], "b → c → b"),
        ([("a", "b")], [("b", "a")], "b → a → b"),
        ([("a", "b"), ("b", "c")], [("c", "d"), ("d", "a")], "→ a → b → c"),
    ],
)
def test_jobs_that_would_wait_for_each_other_are_named(
    queue: SteppedQueue, before: list[tuple[str, str]], batch: list[tuple[str, str]], circle: str
) -> None:
    for job, parent in before:
        queue.submit({"id": job, "after": [parent]})
    with pytest.raises(MalformedError, match="these jobs wait for each other") as caught:
        queue.submit(*({"id": job, "after": [parent]} for job, parent in batch))
    assert caught.value.code == "cycle"
    assert circle in str(caught.value)
    assert len(queue.machine.fold.live) == len(before), "none of them is submitted"


def test_jobs_may_wait_for_one_by_many_ways(queue: SteppedQueue) -> None:
    queue.submit(
        {"id": "end", "after": ["l", "r", "top"]},
        {"id": "l", "after": ["top"]},
        {"id": "r", "after": ["top", "l"]},
        {"id": "top"},
    )
    assert [each.id for each in queue.lease(room=9)] == ["top"]


@pytest.mark.slow
def test_a_chain_may_be_as_long_as_a_queue(queue: SteppedQueue) -> None:
    """Last one first, so that each is a forward reference, and the end looks through them all."""
    chain = [{"id": f"j{number}", "after": [f"j{number + 1}"]} for number in range(LONG)]
    for first in range(0, LONG, QUEUE_SUBMIT_MAX):
        queue.submit(*chain[first : first + QUEUE_SUBMIT_MAX])
    with pytest.raises(MalformedError, match=r"j0 → j1 → .* → …$") as caught:
        queue.submit({"id": f"j{LONG}", "after": ["j0"]})
    assert len(str(caught.value)) < 300
    queue.submit({"id": f"j{LONG}"})
    queue.do(Cancel(f"j{LONG}", "as told"))
    while queue.machine.fold.telling:
        queue.batch()
    assert queue.machine.fold.numbers.states() == {"failed": LONG, "cancelled": 1}
    assert queue.replayed() == queue.rows()


def test_a_chain_is_no_longer_than_it_is_looked_through_once(queue: SteppedQueue) -> None:
    """However many jobs of a batch lead there."""
    seen: list[str] = []
    fold = queue.machine.fold
    queue.submit(*({"id": f"j{number}", "after": [f"j{number + 1}"]} for number in range(500)))
    live = fold.live

    class Counted(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            seen.append(key)
            return super().get(key, default)

    fold.live = Counted(live)
    queue.submit(
        *({"id": f"k{number}", "after": [f"k{number + 1}", "j0"]} for number in range(500))
    )
    assert len(seen) < 10 * 1_000


@pytest.mark.parametrize(
    ("said", "error", "sentence"),
    [
        ([{"id": "one", "args": [1]}], TakenError, "job one is there, and is another one"),
        ([{"id": "one", "type": "b"}], TakenError, "choose another id"),
        ([{"id": "x"}, {"id": "x"}], MalformedError, "two of the jobs have the id x"),
        ([{"id": "x", "after": [MADE]}], NotFoundError, f"no job {MADE} in queue mail, .* x is"),
        ([{"id": "x", "takes": {"gpu": 3}}], RefusedError, "takes 3 of 'gpu', .* has 2"),
        ([{"id": f"x{n}"} for n in range(9)], QueueFullError, "queue mail.*jobs_max"),
        ([{"id": f"x{n}"} for n in range(QUEUE_SUBMIT_MAX + 1)], LimitExceededError, "1002"),
        (
            [{"id": f"x{n}", "args": ["x" * 250_000]} for n in range(30)],
            LimitExceededError,
            "bytes",
        ),
    ],
)
def test_of_a_batch_that_is_refused_nothing_is_submitted(
    queue: SteppedQueue, said: list[dict[str, Any]], error: type[Exception], sentence: str
) -> None:
    queue.do(Change({"resources": {"gpu": 2}, "jobs_max": 8}))
    queue.submit({"id": "one"})
    slots = len(queue.slots)
    with pytest.raises(error, match=sentence):
        queue.submit({"id": "fine"}, *said)
    assert list(queue.machine.fold.live) == ["one"]
    assert len(queue.slots) == slots


def test_what_holds_for_a_type_holds_for_who_submits_it_by_that_alone(queue: SteppedQueue) -> None:
    queue.do(Change({"defaults": {"a": {"retries": 2, "takes": {"gpu": 1}, "unique": True}}}))
    with pytest.raises(RefusedError, match="takes 1 of 'gpu'"):
        queue.submit({"id": "one", "type": "a"})
    queue.do(Change({"resources": {"gpu": 1}}))
    queue.submit({"id": "one", "type": "a"})
    assert queue.machine.fold.live["one"].spec["retries"] == 2
    assert queue.submit({"id": "two", "type": "a"}) == ["one"]
    queue.restart()
    queue.submit({"id": "two", "type": "a", "unique": False, "retries": 0})
    assert queue.machine.fold.live["two"].spec == {"retries": 0, "takes": {"gpu": 1}}
    queue.do(Change({"defaults": {"a": None}}))
    queue.submit({"id": "three", "type": "a"})
    assert queue.machine.fold.live["three"].spec == {}
    assert queue.replayed() == queue.rows()


def test_the_same_again_is_the_same_job_though_its_type_is_tried_more_often_now(
    queue: SteppedQueue,
) -> None:
    queue.submit({"id": "one", "args": [1], "retries": 1})
    queue.do(Change({"defaults": {"a": {"retries": 5, "limits": {"wall_ms": 9}}}}))
    assert queue.submit({"id": "one", "args": [1], "priority": 3}) == ["one"]
    assert queue.machine.fold.live["one"].spec == {"args": RawJson(b"[1]"), "retries": 1}


def test_the_same_again_is_the_same_job_whenever_it_is_said(queue: SteppedQueue) -> None:
    said = {"id": "one", "args": {"a": 1, "b": 2}, "delay_ms": 5, "deadline_ms": START_MS + 9}
    queue.submit(said)
    queue.pass_ms(3)
    again = {**said, "args": {"a": 1, "b": 2}, "delay_ms": 2, "deadline_ms": START_MS + 12}
    [answer] = queue.batch(submit(again))
    assert answer == [Submitted("one", repeated=True)]
    queue.do(Cancel("one", "as told"))
    assert queue.do(submit(again)) == [Submitted("one", repeated=True)], "and when it has ended"


def test_a_made_id_may_be_waited_for_in_its_own_batch(queue: SteppedQueue) -> None:
    queue.submit({"id": "child", "after": [MADE]}, {"id": MADE})
    assert [each.id for each in queue.lease(room=9)] == [MADE]


def test_the_same_object_twice_is_an_id_twice(queue: SteppedQueue) -> None:
    same = read_asked({"id": "x", "type": "a"})
    with pytest.raises(MalformedError, match="two of the jobs have the id x"):
        queue.do(Submit([same, same]))


def test_an_id_that_is_waited_for_is_not_taken_by_a_unique_key(queue: SteppedQueue) -> None:
    queue.submit({"id": "y", "unique": "k"})
    queue.submit({"id": "b", "after": ["x"]})
    with pytest.raises(TakenError, match=r"job x is job y already, .* b would wait for x for ever"):
        queue.submit({"id": "x", "unique": "k"})
    queue.do(Cancel("y", "as told"))
    queue.submit({"id": "x", "unique": "k"})
    assert [each.id for each in queue.lease(room=9)] == ["x"]


@pytest.mark.parametrize("said", [{"window_ms": 0}, {"states": ["leased", "done", "dead"]}])
def test_jobs_of_a_batch_are_doubles_as_they_are_one_after_the_other(
    queue: SteppedQueue, said: dict[str, Any]
) -> None:
    unique = {"key": "k", **said}
    first, second = ({"id": each, "unique": unique} for each in ("first", "second"))
    assert queue.submit(first, second, {"id": "child", "after": ["second"]}) == [
        "first",
        "second",
        "child",
    ]


def test_a_retry_makes_no_second_one_of_its_kind(queue: SteppedQueue) -> None:
    queue.submit({"id": "one", "unique": "k"})
    queue.do(Cancel("one", "as told"))
    queue.submit({"id": "two", "unique": "k"})
    with pytest.raises(TakenError, match="job one would be a second one beside job two"):
        queue.do(Retry("one"))
    queue.do(Cancel("two", "as told"))
    assert queue.do(Retry("one")) is JobState.PENDING
    [again] = queue.do(submit({"id": "three", "unique": "k"}))
    assert again == Submitted("one", repeated=True), "it counts again"
    queue.do(Remove("two"))
    assert queue.do(submit({"id": "three", "unique": "k"})) == [again]
    assert queue.rows() == queue.replayed()


def test_a_retry_waits_for_the_time_of_the_job_and_for_no_pause(queue: SteppedQueue) -> None:
    queue.submit({"id": "later", "delay_ms": 1_000}, {"id": "tried", "retries": 1})
    [grant] = queue.lease()
    queue.do(Report("w", [Failed(grant.id, grant.token, "raised", "it did", {})]))
    for each in ("later", "tried"):
        assert queue.job(each).state is JobState.SCHEDULED
        queue.do(Cancel(each, "as told"))
    assert queue.do(Retry("tried")) is JobState.PENDING
    assert queue.do(Retry("later")) is JobState.SCHEDULED
    queue.pass_ms(1_000)
    queue.batch()
    assert queue.job("later").state is JobState.PENDING


def test_a_job_whose_deadline_is_over_is_refused_unless_it_is_there(queue: SteppedQueue) -> None:
    said = {"id": "one", "deadline_ms": START_MS + 9}
    queue.submit(said)
    queue.pass_ms(9)
    assert queue.submit(said) == ["one"]
    with pytest.raises(MalformedError, match=r"deadline: it is over .* job two") as raised:
        queue.submit({**said, "id": "two"})
    assert raised.value.code == "bad_job"
