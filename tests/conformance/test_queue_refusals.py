"""Whatever is wrong at ``/api/v1/queues`` is refused by a word of ours, and changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seriatim.formats.jobs.status import RunningJob
from seriatim.formats.limits import (
    ENDINGS_JOBS_MAX,
    JOB_ARGS_MAX_BYTES,
    JOB_NOTE_MAX_CHARS,
    JOB_RESULT_MAX_BYTES,
    JOB_VALUE_DEPTH_MAX,
    QUEUE_SUBMIT_MAX,
    WORKER_ROOM_MAX,
)
from tests.support.api_schema import SCHEMAS, answer_faults, faults
from tests.support.asker import Asker
from tests.support.http_node import HttpReply
from tests.support.queue_asker import ALL, JOBS, PAUSED, Q, QueueAsker, job, with_api
from tests.support.statuses import status_of

DEEP: Final[Any] = orjson.loads(b"[" * (JOB_VALUE_DEPTH_MAX + 1) + b"]" * (JOB_VALUE_DEPTH_MAX + 1))


def ended(**more: object) -> dict[str, Any]:
    return {"worker": "w", "ended": [{"id": "x", "token": 1, "how": "done", **more}]}


def running(**more: object) -> dict[str, Any]:
    return RunningJob("x", "t", 1)._asdict() | more


def status(**more: object) -> dict[str, Any]:
    return status_of("w", 1, queue="q").to_plain() | more


REFUSED: Final[tuple[tuple[str, str, object, int, str], ...]] = (
    ("GET", f"{ALL}/nobody", None, 404, "not_found"),
    ("GET", f"{ALL}/a%2Fb", None, 400, "bad_name"),
    ("GET", f"{ALL}/", None, 400, "bad_name"),
    ("GET", f"{ALL}//jobs/known", None, 400, "bad_name"),
    ("GET", f"{ALL}/%00", None, 400, "bad_name"),
    ("GET", f"{ALL}/" + "x" * 2_000, None, 400, "bad_name"),
    ("GET", f"{ALL}?after=", None, 400, "bad_name"),
    ("GET", f"{ALL}?after=a%2Fb", None, 400, "bad_name"),
    ("GET", f"{Q}/types?after=%00", None, 400, "bad_name"),
    ("GET", f"{ALL}/nobody/jobs", None, 404, "not_found"),
    ("GET", f"{ALL}/nobody/types", None, 404, "not_found"),
    ("GET", f"{ALL}/nobody/idle", None, 404, "not_found"),
    ("POST", f"{ALL}/nobody/reports", {"worker": "w"}, 404, "not_found"),
    ("POST", f"{ALL}/nobody/purge", {}, 404, "not_found"),
    ("POST", f"{ALL}/nobody/settings", PAUSED, 404, "not_found"),
    ("POST", f"{ALL}/nobody/settings", {"paused": False, "paused_types": []}, 404, "not_found"),
    ("POST", f"{ALL}/-x/jobs", {"jobs": [job()]}, 400, "bad_name"),
    ("POST", f"{ALL}/a%2Fb/jobs", {"jobs": [job()]}, 400, "bad_name"),
    ("POST", f"{ALL}/a%20b/claims", {"worker": "w", "room": 1}, 400, "bad_name"),
    ("POST", f"{ALL}/" + "x" * 65 + "/settings", {}, 400, "bad_name"),
    ("POST", JOBS, [], 400, "bad_json"),
    ("POST", JOBS, {}, 400, "bad_job"),
    ("POST", f"{Q}/submissions", {}, 400, "bad_job"),
    ("POST", f"{Q}/submissions", {"submissions": [5] * (QUEUE_SUBMIT_MAX + 1)}, 400, "bad_job"),
    ("POST", f"{Q}/endings", {}, 400, "bad_job"),
    ("POST", f"{Q}/endings", {"jobs": []}, 400, "bad_job"),
    ("POST", f"{Q}/endings", {"jobs": ["x"] * (ENDINGS_JOBS_MAX + 1)}, 400, "bad_job"),
    ("POST", f"{Q}/endings", {"jobs": ["x", 5]}, 400, "bad_job"),
    ("POST", f"{Q}/endings", {"jobs": [".."]}, 400, "bad_name"),
    ("POST", f"{ALL}/-x/submissions", {"submissions": [{"jobs": [job()]}]}, 400, "bad_name"),
    ("POST", JOBS, {"jobs": []}, 400, "bad_job"),
    ("POST", JOBS, {"jobs": [job()] * (QUEUE_SUBMIT_MAX + 1)}, 400, "bad_job"),
    ("POST", JOBS, {"jobs": [5]}, 400, "bad_job"),
    ("POST", JOBS, {"jobs": [{"id": "x"}]}, 400, "bad_name"),
    ("POST", JOBS, {"jobs": [job(), job(id="..")]}, 400, "bad_name"),
    ("POST", JOBS, {"jobs": [job(), job(id="")]}, 400, "bad_name"),
    ("POST", JOBS, {"jobs": [job(), job(colour="red")]}, 400, "bad_job"),
    ("POST", JOBS, {"jobs": [job(), job(priority=True)]}, 400, "bad_job"),
    ("POST", JOBS, {"jobs": [job(), job(args=DEEP)]}, 413, "limit_exceeded"),
    ("POST", JOBS, {"jobs": [job(args="x" * JOB_ARGS_MAX_BYTES)]}, 413, "limit_exceeded"),
    ("POST", JOBS, {"jobs": [job(id="x"), job(id="x")]}, 400, "bad_job"),
    ("POST", JOBS, {"jobs": [job(id="known", args=1)]}, 409, "conflict"),
    ("POST", JOBS, {"jobs": [job(), job(takes={"gpu": 1})]}, 400, "no_such_token"),
    ("POST", JOBS, {"jobs": [job(), job(after=["0" * 26])]}, 404, "not_found"),
    ("POST", JOBS, {"jobs": [job(inputs=["x"])]}, 400, "bad_job"),
    ("POST", JOBS, {"jobs": [job(command={"argv": []})]}, 400, "bad_command"),
    ("POST", JOBS, {"jobs": [job(limits={"wall": "soon"})]}, 400, "bad_limits"),
    ("POST", JOBS, {"jobs": [job(command={"argv": ["true"]}, args={"x": 1})]}, 400, "bad_job"),
    ("POST", JOBS, {"jobs": [job()], "prioriti": 5}, 400, "bad_job"),
    ("POST", f"{Q}/submissions", {"submissions": [{"jobs": [job()]}], "x": 1}, 400, "bad_job"),
    ("POST", f"{Q}/endings", {"jobs": ["known"], "x": 1}, 400, "bad_job"),
    ("GET", f"{JOBS}?state=lost", None, 400, "bad_query"),
    ("GET", f"{JOBS}?after=x", None, 400, "bad_query"),
    ("GET", f"{JOBS}/known/output?after=x", None, 400, "bad_query"),
    ("GET", f"{JOBS}/known/output?after=-5", None, 400, "bad_query"),
    ("GET", f"{JOBS}?limit=5&limit=6", None, 400, "bad_query"),
    ("GET", f"{JOBS}?state=done&after=failed/x", None, 400, "bad_query"),
    ("GET", f"{JOBS}?after=done/%2F", None, 400, "bad_name"),
    ("GET", f"{JOBS}?limit=501", None, 400, "bad_query"),
    ("GET", f"{JOBS}/nobody", None, 404, "not_found"),
    ("GET", f"{JOBS}/a%2Fb", None, 400, "bad_name"),
    ("GET", f"{JOBS}/nobody/ending", None, 404, "not_found"),
    ("GET", f"{JOBS}/nobody/output", None, 404, "not_found"),
    ("GET", f"{JOBS}/known/ending?wait_ms=30001", None, 400, "bad_query"),
    ("POST", f"{JOBS}/nobody/cancel", None, 404, "not_found"),
    ("POST", f"{JOBS}/nobody/retry", {}, 404, "not_found"),
    ("POST", f"{JOBS}/known/cancel", {"raeson": "x"}, 400, "bad_job"),
    ("POST", f"{JOBS}/known/cancel", {"reason": 5}, 400, "bad_job"),
    ("POST", f"{JOBS}/known/cancel", {"reason": None}, 400, "bad_job"),
    ("POST", f"{JOBS}/known/retry", {"x": 1}, 400, "bad_body"),
    ("POST", "/api/v1/workers/w/drain", {"x": 1}, 400, "bad_body"),
    ("DELETE", f"{JOBS}/nobody", None, 404, "not_found"),
    ("POST", f"{JOBS}/known/priority", {}, 400, "bad_job"),
    ("POST", f"{JOBS}/known/priority", {"priority": True}, 400, "bad_job"),
    ("POST", f"{JOBS}/known/priority", {"priority": 1, "x": 1}, 400, "bad_job"),
    ("POST", f"{JOBS}/known/priority", {"priority": 1_001}, 400, "bad_job"),
    ("GET", "/api/v1/jobs/nobody", None, 404, "not_found"),
    ("GET", "/api/v1/jobs/", None, 400, "bad_name"),
    ("GET", f"{JOBS}/%C3%BC", None, 400, "bad_name"),
    ("POST", f"{JOBS}//cancel", {}, 400, "bad_name"),
    ("GET", "/api/v1/jobs/%2e%2e", None, 400, "bad_name"),
    ("POST", f"{Q}/purge", {"state": "leased"}, 400, "bad_state"),
    ("POST", f"{Q}/purge", {"state": {}}, 400, "bad_state"),
    ("POST", f"{Q}/purge", {"stat": "blocked"}, 400, "bad_state"),
    ("POST", f"{Q}/settings", {"colour": "red"}, 400, "bad_settings"),
    ("POST", f"{Q}/settings", {"types": {"t": 0}}, 400, "bad_settings"),
    ("POST", f"{Q}/settings", {"types": {"t": True}}, 400, "bad_settings"),
    ("POST", f"{Q}/settings", {"paused_types": [{}]}, 400, "bad_name"),
    ("POST", f"{Q}/claims", {}, 400, "bad_claim"),
    ("POST", f"{Q}/claims", {"worker": "w", "room": -1}, 400, "bad_claim"),
    ("POST", f"{Q}/claims", {"worker": "w", "room": True}, 400, "bad_claim"),
    ("POST", f"{Q}/claims", {"worker": "w", "room": 1, "rom": 1}, 400, "bad_claim"),
    ("POST", f"{Q}/claims", {"worker": "", "room": 1}, 400, "bad_name"),
    ("POST", f"{Q}/claims", {"worker": "w", "room": 1, "types": [{}]}, 400, "bad_name"),
    ("POST", f"{Q}/claims", {"worker": "w", "room": 1, "held": [["x"]]}, 400, "bad_claim"),
    ("POST", f"{Q}/claims?wait_ms=-1", {"worker": "w", "room": 1}, 400, "bad_query"),
    ("POST", f"{Q}/reports", {"worker": 5}, 400, "bad_report"),
    ("POST", f"{Q}/reports", {"worker": "w", "endde": []}, 400, "bad_report"),
    ("POST", f"{Q}/reports", {"worker": "w", "ended": [5]}, 400, "bad_report"),
    ("POST", f"{Q}/reports", {"worker": "w", "printed": [["x", 1, -1, ""]]}, 400, "bad_report"),
    ("POST", f"{Q}/reports", {"worker": "w", "status": {}}, 400, "bad_report"),
    *(
        ("POST", f"{Q}/reports", {"worker": "w", "status": status(**said)}, 400, "bad_report")
        for said in (
            {"room": -5},
            {"room": True},
            {"room": WORKER_ROOM_MAX + 1},
            {"beat": 0},
            {"beat_ms": -1},
            {"host": "x" * 300},
            {"running": [running(fraction=1e308)]},
            {"running": [running(token=-1)]},
            {"running": [running(note="x" * (JOB_NOTE_MAX_CHARS + 1))]},
            {"worker": "v"},
            {"queue": "p"},
            {"colour": "red"},
        )
    ),
    ("POST", f"{Q}/reports", ended(how="lost"), 400, "bad_report"),
    ("POST", f"{Q}/reports", ended(outcome=5), 400, "bad_report"),
    ("POST", f"{Q}/reports", ended(reslut=5), 400, "bad_report"),
    ("POST", f"{Q}/reports", ended(reason="of a failure"), 400, "bad_report"),
    ("POST", f"{Q}/reports", ended(result=DEEP), 413, "limit_exceeded"),
    ("POST", f"{Q}/reports", ended(result="x" * JOB_RESULT_MAX_BYTES), 413, "limit_exceeded"),
    ("POST", f"{Q}/reports", ended(outcome={"x": DEEP}), 413, "limit_exceeded"),
    ("PUT", JOBS, {}, 405, "wrong_method"),
)


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[int, str, int]]:
    """Return what each of `REFUSED` is answered by one node, and by how many slots it grows."""
    found: dict[int, tuple[int, str, int]] = {}

    async def use(api: QueueAsker) -> None:
        await api.submit(job(id="known"))
        await api.post(f"{Q}/settings", PAUSED)
        for number, (method, target, body, _, _) in enumerate(REFUSED):
            before = await api.slot()
            reply = await Asker.ask(api, method, target, body)
            found[number] = reply.status, reply.json()["code"], await api.slot() - before
        assert (await api.get(Q))["states"] == {"pending": 1}
        assert len((await api.get(ALL))["queues"]) == 1

    with_api(tmp_path_factory.mktemp("refusals"), use)
    return found


def test_the_first_wrong_key_is_named_with_those_that_are_known(tmp_path: Path) -> None:
    async def use(api: QueueAsker) -> None:
        await api.submit(job(id="known"))
        body = {"raeson": "x"}
        reply = await Asker.ask(api, "POST", f"{JOBS}/known/cancel", body)
        assert "no 'raeson' is known in this body; known: reason" in reply.json()["detail"]
        each = {"jobs": [job()], "priority": 5}
        (answer,) = (await api.post(f"{Q}/submissions", {"submissions": [each]}))["submissions"]
        assert answer["problem"]["code"] == "bad_job"
        assert "no 'priority' is known in a submission; known: jobs" in answer["problem"]["detail"]

    with_api(tmp_path, use)


@pytest.mark.parametrize("number", range(len(REFUSED)), ids=lambda n: " ".join(REFUSED[n][:2])[:60])
def test_what_is_wrong_is_a_problem_with_its_code_and_changes_nothing(
    refusals: dict[int, tuple[int, str, int]], number: int
) -> None:
    _, _, _, status, code = REFUSED[number]
    assert refusals[number] == (status, code, 0)


# Anything at all.

PLAIN: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 2**53)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
BODIES: Final = {
    "jobs": ["jobs"],
    "claims": list(SCHEMAS["Claim"]["properties"]),
    "reports": list(SCHEMAS["Report"]["properties"]),
    "settings": list(SCHEMAS["QueueSettings"]["properties"]),
    "purge": ["state"],
    "jobs/one/cancel": ["reason"],
    "jobs/one/priority": ["priority"],
}
NEW_JOB: Final = [*SCHEMAS["JobSpec"]["properties"], "id", "type"]
ENDED: Final = list(SCHEMAS["Report"]["properties"]["ended"]["items"]["properties"])


def near(known: list[str], right: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return maps like *right*, in which some of the keys *known* have any value."""
    wrong = st.dictionaries(st.sampled_from(known), PLAIN, max_size=2)
    return wrong.map(lambda each: right | each)


def requests() -> st.SearchStrategy[tuple[str, Any]]:
    jobs = st.lists(near(NEW_JOB, {"type": "t"}), min_size=1, max_size=3)
    ends = near(ENDED, {"id": "one", "token": 1, "how": "done"}).map(lambda each: [each])
    right = {"worker": "w", "room": 0}
    whole = [
        st.tuples(st.just(path), near(known, right if path in ("claims", "reports") else {}))
        for path, known in BODIES.items()
    ]
    return st.one_of(
        *whole,
        jobs.map(lambda each: ("jobs", {"jobs": each})),
        ends.map(lambda each: ("reports", {"worker": "w", "ended": each})),
        st.tuples(st.sampled_from(list(BODIES)), PLAIN),
    )


async def passing_time(api: QueueAsker, asked: Awaitable[HttpReply]) -> HttpReply:
    """Return the answer to what does not wait, but for timers that are due at once.

    No other time passes: while a slot is on its way to disk, the node's deadlines would be over.
    """
    task = asyncio.ensure_future(asked)
    while not task.done():
        due_ms = api.clock.due_ms()
        if due_ms is not None and due_ms <= api.clock.monotonic_ms() + 1:
            api.clock.advance(milliseconds=1)
        await asyncio.sleep(0)
    return await task


@pytest.mark.slow
def test_no_body_makes_the_node_fail(tmp_path: Path) -> None:
    """Whatever is sent is done, or refused by a word of ours; and all of it can be read after."""

    async def use(api: QueueAsker) -> None:
        await api.submit(job(id="one"))
        loop = asyncio.get_running_loop()

        @settings(max_examples=300)
        @given(requests())
        def send(request: tuple[str, Any]) -> None:
            path, body = request
            asked = passing_time(api, api.ask("POST", f"{Q}/{path}", body))
            reply = asyncio.run_coroutine_threadsafe(asked, loop).result(30)
            assert reply.status < 500, reply.body
            assert reply.status < 400 or reply.json()["code"] != "internal"

        await asyncio.to_thread(send)
        await api.pages(JOBS, "jobs", 100)
        await api.get(Q)

    with_api(tmp_path, use)


# The checker itself.


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("Job", {"state": "lost"}),
        ("Job", {"slot": True}),
        ("Job", {"slot": None}),
        ("Job", {"colour": "red"}),
        ("Job", {"waits_for": [1]}),
        ("Job", {"failures": [5]}),
        ("Job", {"spec": {"priority": 1_001}}),
        ("Job", {"spec": {"after": [["x", "perhaps"]]}}),
        ("Reported", {"lost": [["x"]]}),
        ("Claimed", {"stops": {"x": 1}}),
        ("NewJob", {"colour": "red"}),
        ("NewJob", {"priority": 1_001}),
        ("NewJob", {"command": {"argv": [], "shell": True}}),
    ],
)
def test_the_checker_finds_what_the_document_does_not_say(
    kind: str, change: dict[str, Any]
) -> None:
    right: dict[str, dict[str, Any]] = {
        "Job": {
            **dict.fromkeys(("id", "queue", "type"), "x"),
            **dict.fromkeys(("slot", "priority", "attempts", "submitted_ms"), 1),
            **dict.fromkeys(("started_ms", "ended_ms", "exit_code")),
            "state": "done",
            "spec": {},
        },
        "Reported": {"refused": {}, "lost": [["x", 1]], "stops": {}, "drain": False},
        "Claimed": {"grants": [], "stops": {}, "drain": False},
        "NewJob": {"type": "t"},
    }
    assert list(faults(SCHEMAS[kind], right[kind])) == []
    assert len(list(faults(SCHEMAS[kind], right[kind] | change))) == 1
    missing = dict(list(right[kind].items())[1:])
    assert len(list(faults(SCHEMAS[kind], missing))) == 1
    assert answer_faults("GET", "/api/v1/nothing", 200, b"{}") != []
