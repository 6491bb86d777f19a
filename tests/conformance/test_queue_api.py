"""``/api/v1/queues`` and ``/api/v1/jobs``: every answer is also held against the document."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from seriatim.actors.policy import Policy
from seriatim.actors.queue import reader
from seriatim.formats.ids import b64url
from seriatim.formats.limits import (
    CLAIM_MAX_BYTES,
    HTTP_PAGE_MAX_BYTES,
    JOB_ARGS_MAX_BYTES,
    JOB_LEASE_DEFAULT_MS,
    JOB_OUTPUT_PIECE_BYTES,
)
from seriatim.formats.schedule.mode import SchedulingMode
from seriatim.gateway.http.api.routes import every_route
from seriatim.gateway.http.operator import Operator
from tests.support.asker import TOKEN
from tests.support.queue_asker import (
    ALL,
    HELD_UP_MS,
    JOBS,
    PAUSED,
    Q,
    QueueAsker,
    job,
    waiting,
    with_api,
)
from tests.support.statuses import status_of
from tests.support.waiting import until


def test_a_job_from_its_submission_to_its_end(tmp_path: Path) -> None:
    async def use(api: QueueAsker) -> None:
        spec = {"args": {"n": 1}, "priority": 2, "retries": 1, "trace": "abc"}
        assert await api.submit(job(id="one", **spec)) == ["one"]
        assert await api.submit(job(id="one", **spec), status=200) == ["one"]
        shown = await api.get(f"{JOBS}/one")
        assert (shown["state"], shown["queue"], shown["spec"]) == ("pending", "q", spec)
        assert await api.get("/api/v1/jobs/one") == shown
        grant = await api.grant()
        assert grant | {"token": 0, "submitted_ms": 0} == {
            "id": "one",
            "type": "t",
            "token": 0,
            "attempt": 1,
            "spec": spec,
            "inputs": {},
            "submitted_ms": 0,
        }
        leased = await api.get(f"{JOBS}/one")
        assert (leased["worker"], leased["token"]) == ("w", grant["token"])
        failed = {"id": "one", "token": grant["token"], "how": "failed", "code": "raised"}
        why = {"reason": "no", "details": {"error_type": "ValueError", "traceback": "…"}}
        await api.report(ended=[failed | why])
        again = await api.get(f"{JOBS}/one")
        assert (again["state"], again["error"]) == ("scheduled", {"code": "raised", "reason": "no"})
        api.clock.advance(minutes=1)
        grant = await api.grant(wait_ms=1)
        assert grant["attempt"] == 2
        answered = await api.done(grant, result={"made": [1]}, outcome={"exit_code": 0})
        assert answered == {"refused": {}, "lost": [], "stops": {}, "drain": False}
        done = await api.get(f"{JOBS}/one")
        assert (done["state"], done["result"], done["exit_code"]) == ("done", {"made": [1]}, 0)
        assert (await api.get(f"{JOBS}/one/ending"))["job"] == done
        assert (await api.ask("DELETE", f"{JOBS}/one")).json()["state"] == "removed"
        assert await api.code("GET", f"{JOBS}/one") == (404, "not_found")

    with_api(tmp_path, use)


def test_several_submit_at_once_and_each_is_answered(tmp_path: Path) -> None:
    async def use(api: QueueAsker) -> None:
        wanted = [{"jobs": [job(id="one")]}, {"jobs": [job(colour="red")]}, {"jobs": []}, 5]
        answered = (await api.post(f"{Q}/submissions", {"submissions": wanted}))["submissions"]
        assert answered[0] == {"jobs": [{"id": "one", "repeated": False}]}
        problems = [each["problem"] for each in answered[1:]]
        assert [(each["status"], each["code"]) for each in problems] == [(400, "bad_job")] * 3
        assert await api.state("one") == "pending"
        await api.post(f"{ALL}/other/submissions", {"submissions": [5]})
        assert await api.code("GET", f"{ALL}/other") == (404, "not_found")

    with_api(tmp_path, use)


def test_a_queue_its_settings_and_its_numbers(tmp_path: Path) -> None:
    async def use(api: QueueAsker) -> None:
        change = {
            "types": {"t": 4},
            "keys": {"t": 2},
            "rates": {"u": [3, 1_000]},
            "resources": {"gpu": 1},
            "paused_types": ["u"],
            "jobs_max": 9,
            "kept_ms": 5,
        }
        assert (await api.post(f"{Q}/settings", change))["settings"] == change
        back = {"types": {"t": None}, "paused_types": [], "kept_ms": 7 * 86_400_000}
        left = (await api.post(f"{Q}/settings", back))["settings"]
        assert left.keys() == {"keys", "rates", "resources", "jobs_max"}
        await api.submit(job(), job(), {"type": "u"}, job(after=["later"]))
        (shown,) = (await api.get(ALL))["queues"]
        assert shown == await api.get(Q)
        assert shown["states"] == {"blocked": 1, "pending": 3}
        assert await api.pages(f"{Q}/types", "types", 1) == [
            {"type": "t", "states": {"blocked": 1, "pending": 2}},
            {"type": "u", "states": {"pending": 1}},
        ]
        assert await api.post(f"{Q}/purge") == {"purged": 3}
        assert await api.post(f"{Q}/purge", {"state": "blocked"}) == {"purged": 1}
        assert (await api.get(Q))["states"] == {"cancelled": 4}
        assert (await api.get(f"{Q}/idle"))["slot"] == await api.slot()

    with_api(tmp_path, use)


def test_pages_of_a_queue_read_none_of_its_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may be a quarter of a megabyte, and are read for who asks for them."""

    async def use(api: QueueAsker) -> None:
        await api.submit(job(id="one"))
        monkeypatch.delattr(reader, "decode_settings")
        for pages in ("jobs", "types", "timeline"):
            await api.get(f"{Q}/{pages}")

    with_api(tmp_path, use)


def test_queues_are_listed_in_pages_by_name(tmp_path: Path) -> None:
    async def use(api: QueueAsker) -> None:
        for name in ("c", "a", "b"):
            await api.post(f"{ALL}/{name}/settings", {})
        for limit in (1, 2, 3):
            listed = await api.pages(ALL, "queues", limit)
            assert [each["name"] for each in listed] == ["a", "b", "c"]

    with_api(tmp_path, use)


def test_a_purge_says_how_many_it_has_cancelled(tmp_path: Path) -> None:
    """And not how many waited: some of them end with another one."""

    async def use(api: QueueAsker) -> None:
        chain = [job(id="a"), job(id="b", after=["a"]), job(id="c", after=["b"])]
        await api.submit(*chain)
        assert await api.post(f"{Q}/purge", {"state": "blocked"}) == {"purged": 1}
        assert (await api.get(Q))["states"] == {"pending": 1, "cancelled": 1, "failed": 1}

    with_api(tmp_path, use)


def test_jobs_are_cancelled_retried_and_moved(tmp_path: Path) -> None:
    async def use(api: QueueAsker) -> None:
        await api.submit(job(id="first"), job(id="second"))
        assert (await api.post(f"{JOBS}/second/priority", {"priority": 5}))["priority"] == 5
        grant = await api.grant()
        assert grant["id"] == "second"
        assert (await api.post(f"{JOBS}/first/cancel"))["state"] == "cancelled"
        assert (await api.post(f"{JOBS}/first/retry"))["state"] == "pending"
        assert (await api.post(f"{JOBS}/second/cancel", {"reason": "x"}))["cancelling"] == "x"
        held = [["second", grant["token"]]]
        assert (await api.report(held=held))["stops"] == {"second": "x"}
        assert (await api.claim(room=0, held=held, wait_ms=1))["stops"] == {"second": "x"}
        gone = {"id": "second", "token": grant["token"], "how": "failed", "code": "cancelled"}
        await api.report(ended=[gone | {"reason": "x"}])
        assert await api.state("second") == "cancelled"
        assert await api.code("POST", f"{JOBS}/second/cancel") == (400, "ended")
        assert await api.code("POST", f"{JOBS}/first/retry") == (400, "not_ended")
        assert await api.code("DELETE", f"{JOBS}/first") == (400, "not_ended")

    with_api(tmp_path, use)


def test_a_job_that_is_cancelled_without_a_reason_is_stopped_all_the_same(tmp_path: Path) -> None:
    async def use(api: QueueAsker) -> None:
        await api.submit(job(id="one"))
        grant = await api.grant()
        assert (await api.post(f"{JOBS}/one/cancel", {"reason": ""}))["cancelling"]
        slot = await api.slot()
        stops = (await api.report(held=[["one", grant["token"]]]))["stops"]
        assert stops.keys() == {"one"}
        await api.post(f"{JOBS}/one/cancel", {"reason": ""})
        assert await api.slot() == slot, "it was said before"

    with_api(tmp_path, use)


def test_jobs_are_listed_by_state_and_type_in_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(api: QueueAsker) -> None:
        await api.submit(*(job(id=f"p{n}") for n in range(3)), {"type": "u", "id": "u"})
        await api.submit(*(job(id=f"b{n}", after=["x"]) for n in range(2)))

        async def ids(query: str, limit: int) -> list[str]:
            return [each["id"] for each in await api.pages(f"{JOBS}?{query}", "jobs", limit)]

        for limit in (1, 2, 6, 500):
            assert await ids("", limit) == ["b0", "b1", "p0", "p1", "p2", "u"]
            assert await ids("type=t", limit) == ["b0", "b1", "p0", "p1", "p2"]
            assert await ids("state=pending", limit) == ["p0", "p1", "p2", "u"]
            assert await ids("state=pending,blocked", limit) == ["p0", "p1", "p2", "u", "b0", "b1"]
            assert await ids("state=done&type=t", limit) == []
        monkeypatch.setattr(reader, "QUEUE_LOOKED_AT_MAX", 2)
        assert await ids("type=u", 500) == ["u"], "behind pages that are empty"
        first = await api.get(f"{JOBS}?type=u")
        assert (first["jobs"], first["after"]) == ([], "blocked/b1")

    with_api(tmp_path, use)


def test_a_page_of_jobs_is_bounded_by_its_bytes(tmp_path: Path) -> None:
    """Five hundred jobs may have 128 MiB of arguments, which no client of ours would read."""

    async def use(api: QueueAsker) -> None:
        await api.post(f"{Q}/settings", {})
        await api.post(f"{Q}/settings", PAUSED)
        large = "x" * (JOB_ARGS_MAX_BYTES - 2)
        for first in range(0, 90, 18):
            await api.submit(*(job(id=f"{first + n:03}", args=large) for n in range(18)))
        reply = await api.ask("GET", f"{JOBS}?limit=500")
        assert len(reply.body) < HTTP_PAGE_MAX_BYTES + 2 * JOB_ARGS_MAX_BYTES
        found = await api.pages(JOBS, "jobs", 500)
        assert [each["id"] for each in found] == [f"{number:03}" for number in range(90)]

    with_api(tmp_path, use)


def test_a_grant_is_bounded_by_its_bytes(tmp_path: Path) -> None:
    """Of what no worker of ours could read, it would hear nothing, again and again."""

    async def use(api: QueueAsker) -> None:
        await api.post(f"{Q}/settings", {"types": {"t": 90}})
        large = "x" * (JOB_ARGS_MAX_BYTES - 2)
        for _ in range(5):
            await api.submit(*(job(args=large) for _ in range(18)))
        held: list[Any] = []
        while len(held) < 90:
            grants = (await api.claim(room=256, held=held))["grants"]
            assert 0 < len(grants) * JOB_ARGS_MAX_BYTES <= CLAIM_MAX_BYTES + JOB_ARGS_MAX_BYTES
            held += [[each["id"], each["token"]] for each in grants]

    with_api(tmp_path, use)


def test_what_a_job_has_printed_is_told_in_its_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(api: QueueAsker) -> None:
        await api.submit(job(id="one"))
        token = (await api.grant())["token"]
        pieces = [["one", token, number, b64url(b"\xff%d" % number)] for number in range(12)]
        await api.report(printed=pieces[6:])
        assert (await api.report(printed=pieces[:6]))["refused"] == {}
        others = [["one", token + 7, 0, "b2xk"], ["no", 1, 0, ""]]
        assert (await api.report(printed=others))["refused"] == {
            "one": f"job one is leased; token {token + 7} was never given, the last one is {token}",
            "no": "there is no job no here",
        }
        expected = [
            {"token": token, "number": number, "data+base64url": text}
            for _, token, number, text in pieces
        ]
        assert await api.get(f"{JOBS}/one/output") == {"output": expected, "after": None}
        monkeypatch.setattr(reader, "HTTP_PAGE_MAX_BYTES", 5)
        found, after = [], ""
        while True:
            page = await api.get(f"{JOBS}/one/output{after}")
            found += page["output"]
            if page["after"] is None:
                break
            after = f"?after={page['after']}"
        assert found == expected
        told = status_of("w", 1, queue="q").to_plain()
        assert (await api.report(status=told))["refused"] == {}
        large = b64url(bytes(JOB_OUTPUT_PIECE_BYTES + 1))
        body = {"worker": "w", "printed": [["one", token, 0, large]]}
        assert await api.code("POST", f"{Q}/reports", body) == (400, "bad_report")

    with_api(tmp_path, use)


# Waiting.


def test_what_waits_is_answered_when_its_time_is_over(tmp_path: Path) -> None:
    async def use(api: QueueAsker) -> None:
        await api.submit(job(id="one", delay_ms=86_400_000))
        for asked, answer in (
            (api.claim(wait_ms=50), {"grants": [], "stops": {}, "drain": False}),
            (api.get(f"{JOBS}/one/ending?wait_ms=40"), {"job": None}),
            (api.get(f"{Q}/idle?wait_ms=30"), {"slot": None}),
        ):
            task = await waiting(api, asked)
            api.clock.advance(milliseconds=60)
            assert await task == answer

    with_api(tmp_path, use)


def test_what_waits_is_answered_when_it_happens(tmp_path: Path) -> None:
    async def use(api: QueueAsker) -> None:
        claim = asyncio.ensure_future(api.claim(wait_ms=HELD_UP_MS))
        await api.submit(job(id="one"))
        (grant,) = (await claim)["grants"]
        ending = await waiting(api, api.get(f"{JOBS}/one/ending?wait_ms=70"))
        idle = await waiting(api, api.get(f"{Q}/idle?wait_ms=60"))
        await api.done(grant)
        assert (await ending)["job"]["state"] == "done"
        assert (await idle)["slot"] == await api.slot()

    with_api(tmp_path, use)


def test_a_node_that_stops_lets_nobody_wait(tmp_path: Path) -> None:
    """Else every worker would hold its end up for as long as its claim may wait."""

    async def use(api: QueueAsker) -> None:
        await api.submit(job(id="one", delay_ms=86_400_000))
        asked = [
            await waiting(api, api.claim(wait_ms=50)),
            await waiting(api, api.get(f"{JOBS}/one/ending?wait_ms=40")),
            await waiting(api, api.get(f"{Q}/idle?wait_ms=30")),
        ]
        api.http.node.refuse_new_work()
        answers = [{"grants": [], "stops": {}, "drain": False}, {"job": None}, {"slot": None}]
        assert await asyncio.gather(*asked) == answers

    with_api(tmp_path, use)


def test_a_worker_has_one_claim_at_a_time(tmp_path: Path) -> None:
    async def use(api: QueueAsker) -> None:
        await api.post(f"{Q}/settings", {})
        first = await waiting(api, api.claim(wait_ms=60))
        second = asyncio.ensure_future(api.claim(wait_ms=HELD_UP_MS))
        assert (await first) == {"grants": [], "stops": {}, "drain": False}
        await api.submit(job())
        assert len((await second)["grants"]) == 1

    with_api(tmp_path, use)


def test_what_a_worker_has_never_heard_of_is_given_back_with_its_next_claim(tmp_path: Path) -> None:
    async def use(api: QueueAsker) -> None:
        await api.post(f"{Q}/settings", {"types": {"t": 3}})
        one, two = await api.submit(job(id="one"), job(id="two"))
        grants = (await api.claim(room=2))["grants"]
        heard = [[each["id"], each["token"]] for each in grants if each["id"] == one]
        (again,) = (await api.claim(held=heard))["grants"]
        assert (again["id"], again["attempt"]) == (two, 1), "it was not begun"
        assert again["token"] > grants[0]["token"]
        assert await api.state(one) == "leased"

    with_api(tmp_path, use)


def test_a_client_that_goes_away_takes_no_job_along(tmp_path: Path) -> None:
    """Else the job would wait until the lease of a worker is over that has never heard of it."""

    async def use(api: QueueAsker) -> None:
        await api.post(f"{Q}/settings", {})
        nobody = api.clock.due_ms()
        gone = await waiting(api, api.claim(worker="gone", wait_ms=70))
        gone.cancel()
        await until(lambda: api.clock.due_ms() == nobody)
        await api.submit(job(id="one"))
        assert await api.state("one") == "pending", "and has not been granted in between"
        claim = await api.claim(worker="here", wait_ms=HELD_UP_MS)
        assert [(each["id"], each["attempt"]) for each in claim["grants"]] == [("one", 1)]

    with_api(tmp_path, use)


def test_whoever_has_gone_is_waited_for_no_more(tmp_path: Path) -> None:
    """Else the node would hold what nobody hears, and its end up for it."""

    async def use(api: QueueAsker) -> None:
        await api.submit(job(id="one"))
        nobody = api.clock.due_ms()
        gone = await waiting(api, api.get(f"{JOBS}/one/ending?wait_ms={HELD_UP_MS}"))
        gone.cancel()
        await until(lambda: api.clock.due_ms() == nobody)

    with_api(tmp_path, use)


# Leases.


def test_only_the_last_token_counts(tmp_path: Path) -> None:
    async def use(api: QueueAsker) -> None:
        await api.submit(job(id="one"))
        old = await api.grant()
        api.clock.advance(milliseconds=JOB_LEASE_DEFAULT_MS + 1)
        new = await api.grant(worker="other", wait_ms=HELD_UP_MS)
        slot = await api.slot()
        for token in (old["token"], new["token"] + 1, 0, 2**53 - 1):
            said = await api.done({"id": "one", "token": token}, "other", result="forged")
            assert said["refused"].keys() == {"one"}
            lost = (await api.report("other", held=[["one", token]]))["lost"]
            assert lost == [["one", token]]
        said = await api.done(new, "w", result="forged")
        assert said["refused"] == {"one": "job one is leased to worker other, and not to w"}
        assert (await api.done({"id": "nobody", "token": 1}))["refused"].keys() == {"nobody"}
        assert await api.slot() == slot, "nothing of that is in the log"
        assert (await api.done(new, "other", result="true"))["refused"] == {}
        assert (await api.done(new, "other", result="twice"))["refused"].keys() == {"one"}
        shown = await api.get(f"{JOBS}/one")
        assert (shown["result"], shown["attempts"]) == ("true", 2)
        assert shown["failures"][0]["code"] == "lost"

    with_api(tmp_path, use)


def test_a_child_gets_what_its_parent_has_made(tmp_path: Path) -> None:
    async def use(api: QueueAsker) -> None:
        child = {"type": "u", "id": "child", "after": ["parent"], "inputs": ["parent"]}
        await api.submit(child, job(id="parent"))
        assert (await api.get(f"{JOBS}/child"))["waits_for"] == ["parent"]
        await api.done(await api.grant(), result={"é": [1, None]})
        assert await api.code("DELETE", f"{JOBS}/parent") == (400, "wanted")
        grant = await api.grant(types=["u"])
        assert grant["inputs"] == {"parent": {"é": [1, None]}}

    with_api(tmp_path, use)


def test_jobs_that_wait_for_each_other_are_named(tmp_path: Path) -> None:
    async def use(api: QueueAsker) -> None:
        await api.submit(job(id="a", after=["b"]))
        circle = {"jobs": [job(id="c", after=["a"]), job(id="b", after=["c"])]}
        reply = await api.ask("POST", JOBS, circle)
        assert (reply.status, reply.json()["code"]) == (400, "cycle")
        assert all(name in reply.json()["detail"] for name in ("a", "b", "c", "→"))
        assert (await api.get(Q))["states"] == {"blocked": 1}, "all of them or none"

    with_api(tmp_path, use)


def test_a_full_queue_says_so_until_there_is_room(tmp_path: Path) -> None:
    async def use(api: QueueAsker) -> None:
        await api.post(f"{Q}/settings", {"jobs_max": 2})
        await api.submit(job(id="one"))
        reply = await api.ask("POST", JOBS, {"jobs": [job(), job()]})
        assert (reply.status, reply.json()["code"]) == (429, "queue_full")
        assert int(reply.headers["retry-after"]) >= 1
        await api.submit(job(id="two"))
        await api.submit(job(id="two"), status=200)
        assert (await api.ask("POST", JOBS, {"jobs": [job()]})).status == 429
        await api.done(await api.grant())
        await api.submit(job())

    with_api(tmp_path, use)


def test_a_job_of_several_queues_has_to_be_said_with_its_queue(tmp_path: Path) -> None:
    async def use(api: QueueAsker) -> None:
        for queue in ("q", "r"):
            body = {"jobs": [job(id="one")]}
            assert (await api.ask("POST", f"{ALL}/{queue}/jobs", body)).status == 201
        assert await api.code("GET", "/api/v1/jobs/one") == (400, "ambiguous")
        assert (await api.get(f"{ALL}/r/jobs/one"))["queue"] == "r"

    with_api(tmp_path, use)


def test_who_has_no_token_is_told_nothing_and_changes_nothing(tmp_path: Path) -> None:
    async def use(api: QueueAsker) -> None:
        await api.submit(job(id="one"))
        slot = await api.slot()
        routes = [
            each
            for each in every_route(api.http.node, Operator(TOKEN))
            if each.path.startswith((ALL, "/api/v1/jobs"))
        ]
        assert len(routes) == 21
        for each in routes:
            target = each.path.replace("{queue}", "q").replace("{job}", "one")
            reply = await api.http.send(each.method, target, b"", authorization="Bearer wrong")
            assert (reply.status, reply.json()["code"]) == (401, "unauthorized")
        assert await api.slot() == slot

    with_api(tmp_path, use)


def test_a_node_that_places_nothing_has_no_queues(tmp_path: Path) -> None:
    async def use(api: QueueAsker) -> None:
        assert await api.code("GET", ALL) == (501, "scheduling_disabled")

    with_api(tmp_path, use, policy=Policy(mode=SchedulingMode.DISABLED))
