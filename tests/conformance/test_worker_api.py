"""``/api/v1/workers`` and ``/flags``: every answer is also held against the document."""

from __future__ import annotations

from pathlib import Path

import pytest

from seriatim.actors.policy import Policy
from seriatim.formats.schedule.mode import SchedulingMode
from tests.support.queue_asker import QueueAsker, job, waiting, with_api
from tests.support.statuses import status_of

WORKERS = "/api/v1/workers"
FLAGS = "/api/v1/flags"


def beat(number: int, **more: object) -> dict[str, object]:
    return status_of("w", number, queue="q", **more).to_plain()


def test_a_worker_that_is_drained_gets_nothing_more_and_hears_of_it(tmp_path: Path) -> None:
    async def use(api: QueueAsker) -> None:
        await api.submit(job(id="one"), job(id="two"))
        grant = await api.grant()
        assert (await api.report(status=beat(1)))["drain"] is False
        held = [[grant["id"], grant["token"]]]
        task = await waiting(api, api.claim(wait_ms=50, held=held, types=["u"]))
        told = await api.post(f"{WORKERS}/w/drain")
        assert told == {"worker": "w", "is_draining": True}
        assert await task == {"grants": [], "stops": {}, "drain": True}
        assert (await api.done(grant))["drain"] is True
        api.clock.advance(seconds=1)  # beats are written in a while
        (listed,) = (await api.get(WORKERS))["workers"]
        assert (listed["worker"], listed["pulse"]) == ("w", "ok")
        assert (await api.report(status=beat(2)))["drain"] is True
        assert (await api.report(status=beat(3, has_left=True)))["drain"] is False
        assert (await api.grant())["id"] == "two"  # of nobody who is known anything is wanted

    with_api(tmp_path, use)


def test_who_is_not_there_is_not_found(tmp_path: Path) -> None:
    async def use(api: QueueAsker) -> None:
        assert await api.code("POST", f"{WORKERS}/w/drain") == (404, "not_found")
        assert await api.code("POST", f"{WORKERS}/..%2Fw/drain") == (400, "bad_name")

    with_api(tmp_path, use)


def test_flags_are_set_one_by_one(tmp_path: Path) -> None:
    async def use(api: QueueAsker) -> None:
        assert await api.get(FLAGS) == {"stop": False, "terminate": False}
        assert await api.post(FLAGS, {"stop": True}) == {"stop": True, "terminate": False}
        assert await api.post(FLAGS, {"terminate": True}) == {"stop": True, "terminate": True}
        assert await api.code("POST", "/api/v1/queues/q/jobs", {"jobs": [job()]}) == (
            503,
            "stopping",
        )
        assert (await api.get("/api/v1/monitor"))["flags"] == {"stop": True, "terminate": True}
        await api.post(FLAGS, {"stop": False})
        await api.submit(job())
        assert await api.get(FLAGS) == {"stop": False, "terminate": True}

    with_api(tmp_path, use)


@pytest.mark.parametrize("change", [{"pause": True}, {"stop": "yes"}, {"stop": 1}, ["stop"]])
def test_what_is_no_flag_is_refused_and_changes_nothing(tmp_path: Path, change: object) -> None:
    async def use(api: QueueAsker) -> None:
        assert (await api.ask("POST", FLAGS, change)).status == 400
        assert await api.get(FLAGS) == {"stop": False, "terminate": False}

    with_api(tmp_path, use)


REQUESTS = (("POST", f"{WORKERS}/w/drain"), ("GET", FLAGS), ("POST", FLAGS))


@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_they_are_the_operators(tmp_path: Path, method: str, path: str) -> None:
    async def use(api: QueueAsker) -> None:
        reply = await api.http.send(method, path, b"", authorization="Bearer wrong")
        assert (reply.status, reply.json()["code"]) == (401, "unauthorized")

    with_api(tmp_path, use)


@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_a_node_that_places_nothing_has_neither(tmp_path: Path, method: str, path: str) -> None:
    async def use(api: QueueAsker) -> None:
        assert await api.code(method, path, {}) == (501, "scheduling_disabled")

    with_api(tmp_path, use, policy=Policy(mode=SchedulingMode.DISABLED))
