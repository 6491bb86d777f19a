"""The ends of jobs that many callers wait for: few requests, and to each what concerns it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from seriatim.actors.queue.commands import Claim, Done, Report
from seriatim.actors.queue.queues import Queues
from seriatim.actors.runtime.clock import ManualClock, SystemClock
from seriatim.formats.errors import (
    MalformedError,
    NotFoundError,
    RefusedError,
    StoppingError,
    UnavailableError,
)
from seriatim.formats.jobs.spec import read_asked
from seriatim.formats.limits import (
    ENDINGS_JOBS_MAX,
    ENDINGS_REQUESTS_FEW,
    WORKER_PAUSE_MIN_MS,
)
from seriatim.gateway import awaiting
from seriatim.gateway.api_client import ApiClient, connect_api
from seriatim.gateway.awaiting import Awaiting
from seriatim.gateway.http.operator import Operator
from tests.support.asker import TOKEN
from tests.support.builders import NODE
from tests.support.http_node import serving
from tests.support.strategies import known_wallet
from tests.support.waiting import until, until_idle

pytestmark = pytest.mark.asyncio

LONG_MS = 20_000
MANY = 2 * ENDINGS_JOBS_MAX + 1
NOTHING: Mapping[str, Any] = {"jobs": [], "unknown": []}


class Answering(ApiClient):
    """A client whose requests are answered by hand.

    Attributes:
        asked: the jobs of each request that is under way, and what answers it.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[Sequence[str], asyncio.Future[dict[str, Any]]]] = []

    async def ask(self, *args: Any, body: Any = None, **more: Any) -> dict[str, Any]:
        del args, more
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        request = (body["jobs"], answer)
        self.asked.append(request)
        try:
            return await answer
        finally:
            if answer.cancelled():
                self.asked.remove(request)

    def answer(self, *ended: str, unknown: Sequence[str] = ()) -> None:
        """Answer the oldest request."""
        jobs = [{"id": job, "state": "done"} for job in ended]
        self.asked.pop(0)[1].set_result({"jobs": jobs, "unknown": list(unknown)})

    def fail(self, error: Exception) -> None:
        self.asked.pop(0)[1].set_exception(error)

    @property
    def jobs(self) -> list[Sequence[str]]:
        return [jobs for jobs, _ in self.asked]


class Line:
    """Callers of `Awaiting`, whose time is moved by hand."""

    def __init__(self) -> None:
        self.client = Answering()
        self.clock = ManualClock()
        self.awaiting = Awaiting(self.client, "q", self.clock)

    async def wait(self, *jobs: str, wait_ms: int = LONG_MS) -> list[asyncio.Future[Any]]:
        """Return what will be known of each of *jobs*, which are waited for by now."""
        callers: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(self.awaiting.ended(job, wait_ms=wait_ms)) for job in jobs
        ]
        await until_idle()
        return callers


async def test_those_who_come_at_once_share_a_request() -> None:
    line = Line()
    one, two, again = await line.wait("one", "two", "one")
    (three,) = await line.wait("three")
    assert line.client.jobs == [["one", "two"], ["three"]]
    line.client.answer("one")
    await until_idle()
    assert one.result() == again.result() == {"id": "one", "state": "done"}
    assert line.client.jobs == [["three"], ["two"]]
    line.client.answer()  # of nothing: the time was over
    line.client.answer("two")
    await two
    line.clock.advance(WORKER_PAUSE_MIN_MS)
    await until_idle()
    line.client.answer("three")
    assert (await three)["id"] == "three"
    assert not line.awaiting._requests
    assert not line.awaiting._under_way
    assert not line.awaiting._callers


@pytest.mark.parametrize("few", [0, ENDINGS_REQUESTS_FEW])
async def test_those_who_come_one_by_one_share_few_requests(
    monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    """Each has a connection: a program that waits for many jobs would leave a node none."""
    monkeypatch.setattr(awaiting, "ENDINGS_REQUESTS_FEW", few)
    line = Line()
    callers = [(await line.wait(f"job{number}"))[0] for number in range(MANY)]
    sizes = sorted(map(len, line.client.jobs))
    assert sum(sizes) == MANY
    assert len(sizes) <= few + 10
    assert sizes[-1] <= ENDINGS_JOBS_MAX
    for jobs in list(line.client.jobs):
        line.client.answer(*jobs)
    assert len(await asyncio.gather(*callers)) == MANY


async def test_a_request_has_no_more_than_it_may() -> None:
    line = Line()
    callers = await line.wait(*(f"job{number}" for number in range(MANY)))
    assert list(map(len, line.client.jobs)) == [ENDINGS_JOBS_MAX, ENDINGS_JOBS_MAX, 1]
    for jobs in list(line.client.jobs):
        line.client.answer(*jobs)
    assert len(await asyncio.gather(*callers)) == MANY


async def test_who_waits_no_longer_is_left_out_and_a_request_for_nobody_is_withdrawn() -> None:
    line = Line()
    one, two = await line.wait("one", "two")
    (soon,) = await line.wait("soon", wait_ms=5)
    one.cancel()
    line.clock.advance(5)
    await until_idle()
    assert soon.result() is None
    assert line.client.jobs == [["one", "two"]]
    line.client.answer("one")  # nobody's
    await until_idle()
    assert line.client.jobs == [["two"]]
    two.cancel()
    await until_idle()
    assert line.client.jobs == []


async def test_a_request_beside_few_others_is_left_alone() -> None:
    """Else who waits long has a new connection for each job of somebody who waits for many."""
    line = Line()
    (one,) = await line.wait("one")
    for number in range(9):
        (other,) = await line.wait(f"other{number}")
        assert line.client.jobs == [["one"], [f"other{number}"]]
        other.cancel()
        await until_idle()
    line.client.answer("one")
    assert (await one)["id"] == "one"


async def test_those_who_come_and_leave_at_once_hold_up_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else whoever looks again and again, for less time than an answer takes, keeps all of them."""
    monkeypatch.setattr(awaiting, "ENDINGS_REQUESTS_FEW", 0)
    line = Line()
    (one,) = await line.wait("one")
    for number in range(5):
        (other,) = await line.wait(f"other{number}")
        other.cancel()
        await until_idle()
    assert line.client.jobs == [["other0", "one"]]
    line.client.answer("one")
    assert (await one)["id"] == "one"


async def test_who_is_told_by_one_request_is_in_no_other() -> None:
    """Else, when that one is over, whoever asks next loses theirs, and those beside them."""
    line = Line()
    one, *_ = await line.wait("one", "two", "three")
    one.cancel()
    (one,) = await line.wait("one")
    assert line.client.jobs == [["one", "two", "three"], ["one"]]
    line.client.answer("one")  # of the request that "one" was left out of
    await one
    await until_idle()
    assert line.client.jobs == [["two", "three"]]


async def test_each_hears_what_concerns_it() -> None:
    line = Line()
    with pytest.raises(MalformedError):
        await line.awaiting.ended("..", wait_ms=LONG_MS)
    one, two = await line.wait("one", "two")
    line.client.answer(unknown=["one"])
    with pytest.raises(NotFoundError, match="no job one in queue q"):
        await one
    await until_idle()
    line.client.fail(RefusedError("no such token", code="unauthorized"))
    with pytest.raises(RefusedError, match="no such token"):
        await two


@pytest.mark.parametrize("error", [UnavailableError("away"), None])
async def test_a_node_that_is_away_or_stops_is_asked_again_in_a_while_and_said_to_be_once(
    error: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    line = Line()
    (one,) = await line.wait("one")
    for pause_ms in (WORKER_PAUSE_MIN_MS, 2 * WORKER_PAUSE_MIN_MS):
        line.client.answer() if error is None else line.client.fail(error)
        await until_idle()
        line.clock.advance(pause_ms - 1)
        await until_idle()
        assert not line.client.asked
        line.clock.advance(1)
        await until_idle()
        assert line.client.jobs == [["one"]]
    line.client.answer("one")
    assert (await one)["id"] == "one"
    said = ["the node is waited for: away", "the node is back"]
    assert caplog.messages == ([] if error is None else said)


async def test_who_waits_hears_that_this_side_is_closed() -> None:
    line = Line()
    (one,) = await line.wait("one")
    line.client.fail(StoppingError("closed"))
    with pytest.raises(StoppingError):
        await one


@asynccontextmanager
async def of_a_node(folder: Path) -> AsyncIterator[tuple[Queues, ApiClient]]:
    async with (
        serving(folder, wallet=known_wallet(NODE), operator=Operator(TOKEN)) as http,
        connect_api(f"http://127.0.0.1:{http.port}", TOKEN) as client,
    ):
        assert http.node.queues is not None
        yield http.node.queues, client


async def test_more_than_a_hundred_who_wait_hold_up_nobody(tmp_path: Path) -> None:
    """So many connections a client has, if nobody says otherwise."""
    names = [f"job{number}" for number in range(120)]
    async with of_a_node(tmp_path) as (queues, client):
        await queues.submit("q", [read_asked({"type": "a", "id": name}) for name in names])
        clock = SystemClock(asyncio.get_running_loop())
        callers = [  # each has a request of its own
            asyncio.ensure_future(Awaiting(client, "q", clock).ended(name, wait_ms=LONG_MS))
            for name in names
        ]
        await until(lambda: len(queues._ends._waiting) == len(names))
        assert (await client.ask("GET", ("queues", "q")))["states"] == {"pending": 120}
        claim = Claim("w", frozenset("a"), commands=False, room=1, held=())
        [grant] = (await queues.claim("q", claim, wait_ms=0)).grants
        await queues.report("q", Report("w", [Done(grant.id, grant.token, b"1")]))
        ended = await callers[names.index(grant.id)]
        assert ended is not None
        assert (ended["state"], ended["result"]) == ("done", 1)
        for each in callers:
            each.cancel()
        await until(lambda: not queues._ends._waiting)
