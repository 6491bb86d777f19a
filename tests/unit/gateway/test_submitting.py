"""Submissions of many callers in few requests: each has its own answer, whatever the others'."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from seriatim.formats.errors import RefusedError, SchedulerError, StoppingError, UnavailableError
from seriatim.formats.limits import (
    JOB_ARGS_MAX_BYTES,
    JOB_VALUE_DEPTH_MAX,
    QUEUE_SUBMIT_MAX,
    SUBMISSION_REQUESTS_MAX,
    SUBMISSIONS_MAX_BYTES,
)
from seriatim.gateway.api_client import ApiClient
from seriatim.gateway.http.operator import Operator
from seriatim.gateway.submitting import Submitting
from tests.support.asker import TOKEN
from tests.support.builders import NODE
from tests.support.http_node import serving
from tests.support.strategies import known_wallet

pytestmark = pytest.mark.asyncio

MANY = 50


class Counting(ApiClient):
    """A client that knows how many submissions each of its requests had."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        super().__init__(session, url)
        self.sizes: list[int] = []

    async def ask(
        self, method: str, path: tuple[str, ...], *, body: Any = None, **more: Any
    ) -> dict[str, Any]:
        self.sizes.append(len(body.get("submissions", "1")))
        return await super().ask(method, path, body=body, **more)


@asynccontextmanager
async def submitting(folder: Path, queue: str = "q") -> AsyncIterator[tuple[Submitting, Counting]]:
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with (
        serving(folder, wallet=known_wallet(NODE), operator=Operator(TOKEN)) as http,
        aiohttp.ClientSession(headers=headers) as session,
    ):
        client = Counting(session, f"http://127.0.0.1:{http.port}")
        yield Submitting(client, queue), client


def job(name: str, **more: object) -> Mapping[str, Any]:
    return {"id": name, "type": "t", **more}


def nested(depth: int) -> Any:
    return orjson.loads(b"[" * depth + b"]" * depth)


async def test_what_many_submit_at_once_is_few_requests(tmp_path: Path) -> None:
    async with submitting(tmp_path) as (line, client):
        names = [f"job{number}" for number in range(MANY)]
        each = await asyncio.gather(*(line.submit([job(name)]) for name in names))
        assert [[found.id for found in submitted] for submitted in each] == [[n] for n in names]
        assert sum(client.sizes) == MANY
        assert len(client.sizes) <= 2 * SUBMISSION_REQUESTS_MAX
        (again,) = await line.submit([job("job0")])
        assert again.repeated


async def test_what_is_refused_of_one_is_not_the_others_matter(tmp_path: Path) -> None:
    async with submitting(tmp_path) as (line, client):
        await line.submit([job("there", args={"n": 1})])
        wanted = [
            [job("first")],
            [job("second"), job("bad", colour="red")],
            [job("there", args={"n": 2})],
            [job("third", after=["third"])],
            [],
            [job("last"), job("of all")],
            [job("last")],
        ]
        found = await asyncio.gather(*map(line.submit, wanted), return_exceptions=True)
        codes = [each.code if isinstance(each, SchedulerError) else each for each in found]
        assert codes == [
            [("first", False)],
            "bad_job",
            "conflict",
            "cycle",
            "bad_job",
            "bad_name",
            [("last", False)],
        ]
        assert client.sizes == [1, len(wanted)]


async def test_alone_or_among_others_a_refusal_is_the_same(tmp_path: Path) -> None:
    deep = nested(JOB_VALUE_DEPTH_MAX + 1)
    refused = [job("x", args=deep), job("x", args="x" * JOB_ARGS_MAX_BYTES), job("x", after=[5])]
    async with submitting(tmp_path) as (line, _):
        alone = []
        for each in refused:
            with pytest.raises(SchedulerError) as caught:
                await line.submit([each])
            alone.append(caught.value)
        among = await asyncio.gather(
            *(line.submit([each]) for each in refused), return_exceptions=True
        )
        assert [(type(each), str(each)) for each in among] == [
            (type(each), str(each)) for each in alone
        ]


async def test_as_deep_as_arguments_may_be_they_go_among_others(tmp_path: Path) -> None:
    deep = nested(JOB_VALUE_DEPTH_MAX - 1)
    async with submitting(tmp_path) as (line, client):
        jobs = [job("one", args={"n": deep}), job("two", args={"n": deep})]
        await asyncio.gather(*(line.submit([each]) for each in jobs))
        assert client.sizes == [2]


async def test_a_request_has_no_more_than_it_may(tmp_path: Path) -> None:
    large = {"text": "x" * (JOB_ARGS_MAX_BYTES - 100)}
    fit = SUBMISSIONS_MAX_BYTES // JOB_ARGS_MAX_BYTES
    async with submitting(tmp_path) as (line, client):
        jobs = [job(f"job{number}", args=large) for number in range(3 * fit)]
        await asyncio.gather(*(line.submit([each]) for each in jobs))
        assert sum(client.sizes) == 3 * fit
        assert max(client.sizes) <= fit
        small = [job(f"small{number}") for number in range(QUEUE_SUBMIT_MAX + 1)]
        client.sizes.clear()
        await asyncio.gather(*(line.submit([each]) for each in small))
        assert max(client.sizes) == QUEUE_SUBMIT_MAX


async def test_what_its_caller_gave_up_before_it_was_sent_is_not_sent(tmp_path: Path) -> None:
    async with submitting(tmp_path) as (line, client):
        callers = [asyncio.ensure_future(line.submit([job(f"job{n}")])) for n in range(3)]
        await asyncio.sleep(0)  # they wait now, and the request has not looked
        callers[1].cancel()
        await asyncio.wait(callers)
        assert callers[1].cancelled()
        assert client.sizes == [2]
        (again,) = await line.submit([job("job1")])
        assert not again.repeated


async def test_a_queue_that_cannot_be_is_told_to_everybody(tmp_path: Path) -> None:
    async with submitting(tmp_path, "-x") as (line, _):
        found = await asyncio.gather(
            *(line.submit([job(f"job{n}")]) for n in range(3)), return_exceptions=True
        )
        assert [type(each) for each in found] == [RefusedError] * 3


async def test_when_the_node_is_away_everybody_hears_of_it() -> None:
    async with aiohttp.ClientSession() as session:
        line = Submitting(ApiClient(session, "http://127.0.0.1:9"), "q")
        found = await asyncio.gather(
            *(line.submit([job(f"job{n}")]) for n in range(3)), return_exceptions=True
        )
        assert [type(each) for each in found] == [UnavailableError] * 3
    with pytest.raises(StoppingError, match="closed"):
        await line.submit([job("x")])
