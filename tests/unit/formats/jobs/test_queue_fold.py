"""The fold says no to what cannot happen, and rows and log are the same story."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from seriatim.formats.errors import MalformedError
from seriatim.formats.jobs.head import QueueHead, decode_head, encode_head
from seriatim.formats.jobs.replay import replay
from seriatim.formats.jobs.rows import Path
from seriatim.formats.jobs.state import MOVES, IllegalMoveError, JobState, Step, check_move

QUEUE = "mail"
Slot = tuple[int, dict[str, Any]]

ONE = {"event": "submitted", "id": "one", "type": "a", "spec": {}}
GRANT = {"event": "granted", "worker": "w", "jobs": ["one"]}
DONE = {"event": "done", "id": "one", "token": 2}


def slots(*events: list[dict[str, Any]]) -> list[Slot]:
    """Return a log with a slot for each of *events*."""
    return [
        (number, {"at": 1_000 + number, "data": orjson.dumps(each).decode()})
        for number, each in enumerate(events, 1)
    ]


def rows(*events: list[dict[str, Any]]) -> dict[Path, bytes]:
    return replay(QUEUE, 1_000, slots(*events))


def test_a_job_is_done() -> None:
    found = rows([ONE], [GRANT], [{**DONE, "result": {"x": 1.0}, "outcome": {"exit_code": 0}}])
    row = orjson.loads(found["jobs", QUEUE, "done", "one"])
    assert (row["result"], row["outcome"], row["ended_ms"]) == ({"x": 1.0}, {"exit_code": 0}, 1_003)
    assert orjson.loads(found["queues", "heads", QUEUE])["states"] == {"done": 1}
    assert orjson.loads(found["queues", "types", QUEUE, "a"]) == {"done": 1}


@pytest.mark.parametrize(
    "events",
    [
        [[ONE], [ONE]],
        [[ONE, ONE]],
        [[{**ONE, "spec": {"after": [["two", "fail"]]}}], [GRANT]],
        [[ONE], [GRANT], [GRANT]],
        [[ONE], [DONE]],
        [[DONE]],
        [[ONE], [GRANT], [{**DONE, "token": 1}]],
        [[ONE], [GRANT], [DONE], [DONE]],
        [[ONE], [{"event": "due", "jobs": ["one"]}]],
        [[ONE], [{"event": "cancelling", "id": "one", "reason": "x"}]],
        [[ONE], [{"event": "retried", "id": "one"}]],
        [[{"event": "retried", "id": "one"}]],
        [[ONE], [GRANT], [DONE], [{"event": "retried", "id": "one"}]],
        [[ONE], [{"event": "forgotten", "jobs": ["one"]}]],
        [[{"event": "forgotten", "jobs": ["one"]}]],
        [[{"event": "dreamt"}]],
        [[7]],
        [7],
    ],
)
def test_what_cannot_happen_is_no_slot(events: list[Any]) -> None:
    """Whoever checks a log is told the slot, and gets no traceback."""
    with pytest.raises(MalformedError, match=f"slot {len(events)} says what cannot") as caught:
        rows(*events)
    assert caught.value.code == "bad_slot"


@pytest.mark.parametrize(
    "fields",
    [{}, {"at": 1}, {"data": "[]"}, {"at": "1", "data": "[]"}, {"at": 1, "data": "["},
     {"at": 1, "data": 7}, {"at": 1, "data": "[]", "wall": "1"}],
)  # fmt: skip
def test_what_is_no_slot_of_a_queue_is_said_to_be_none(fields: dict[str, Any]) -> None:
    with pytest.raises(MalformedError, match="slot 1") as caught:
        replay(QUEUE, 1_000, [(1, fields)])
    assert caught.value.code == "bad_slot"


def test_what_a_parent_that_is_overdue_has_ended_is_not_ended_again() -> None:
    two = {**ONE, "id": "two", "spec": {"after": [["one", "skip"]]}}
    found = rows([ONE, two], [{"event": "overdue", "jobs": ["one", "two"]}])
    assert {path[2:] for path in found if path[0] == "jobs"} == {
        ("failed", "one"),
        ("cancelled", "two"),
    }


def test_of_failures_the_last_ones_are_kept() -> None:
    fail = {"event": "failed", "id": "one", "code": "raised", "reason": "it did"}
    told: list[list[dict[str, Any]]] = [[ONE]]
    for attempt in range(12):
        token = 2 + 2 * attempt
        told += [[GRANT], [{**fail, "token": token, "again_ms": 0, "details": {"n": attempt}}]]
    row = orjson.loads(rows(*told)["jobs", QUEUE, "pending", "one"])
    assert [each[6]["n"] for each in row["failures"]] == list(range(2, 12))
    assert row["tries"] == row["attempt"] == 12


def test_a_diamond_ends_once() -> None:
    def job(name: str, *parents: str) -> dict[str, Any]:
        return {**ONE, "id": name, "spec": {"after": [[each, "fail"] for each in parents]}}

    told = [job("top"), job("l", "top"), job("r", "top"), job("end", "l", "r")]
    found = rows(told, [{"event": "cancelled", "id": "top", "reason": "as told"}])
    assert len([path for path in found if path[2] == "failed"]) == 3
    [ended] = [row for path, row in found.items() if path[1] == "ended"]
    assert sorted(orjson.loads(ended)) == ["end", "l", "r", "top"]


def test_the_same_log_is_the_same_rows() -> None:
    two = {**ONE, "id": "two", "spec": {"after": [["one", "run"]], "unique": {"key": "k"}}}
    told = slots([ONE, two], [GRANT], [DONE])
    first, again = replay(QUEUE, 1_000, told), replay(QUEUE, 1_000, told)
    assert list(first.items()) == list(again.items())


@pytest.mark.parametrize("raw", [b"", b"{", b"{}", b"[]", b"7", b'{"slot":1}'])
def test_a_damaged_head_is_an_error_and_no_queue(raw: bytes) -> None:
    with pytest.raises(MalformedError, match="its head is damaged") as caught:
        decode_head(raw)
    assert caught.value.code == "bad_row"


def test_a_head_is_read_back_as_it_was() -> None:
    head = QueueHead(7, 9, {"done": 1}, paused=True, paces={"a": 5}, untold=["one"])
    assert decode_head(encode_head(head)) == head


def test_only_the_moves_of_the_table_are_moves() -> None:
    """Each step against each pair of states; the table is the drawing's, said once more."""
    waiting = {"blocked", "pending", "scheduled"}
    drawn: dict[str, tuple[set[str | None], set[str]]] = {
        "submit": ({None}, waiting | {"failed", "cancelled"}),
        "unblock": ({"blocked"}, {"pending", "scheduled"}),
        "parent": ({"blocked"}, {"failed", "cancelled"}),
        "due": ({"scheduled"}, {"pending"}),
        "refuse": ({"pending"}, {"failed"}),
        "grant": ({"pending"}, {"leased"}),
        "done": ({"leased"}, {"done"}),
        "fail": ({"leased"}, {"failed"}),
        "again": ({"leased"}, {"scheduled", "pending"}),
        "expire": ({"leased"}, {"scheduled", "pending", "dead", "cancelled", "failed"}),
        "release": ({"leased"}, {"pending", "cancelled", "failed"}),
        "cancel": ({*waiting, "leased"}, {"cancelled"}),
        "overdue": ({*waiting, "leased"}, {"failed"}),
        "retry": ({"failed", "dead", "cancelled"}, waiting),
    }
    assert drawn.keys() == {step.value for step in MOVES} == {step.value for step in Step}
    for step, (sources, targets) in drawn.items():
        for before in [None, *JobState]:
            for after in JobState:
                is_legal = before in sources and after in targets
                try:
                    check_move(Step(step), before, after)
                except IllegalMoveError:
                    assert not is_legal, (step, before, after)
                else:
                    assert is_legal, (step, before, after)
