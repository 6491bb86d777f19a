"""An app that submits to another node: from the first question to what comes after the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import seriatim
from seriatim.actors.queue import reader
from seriatim.actors.queue.commands import Claim, Printed, Report
from seriatim.formats.errors import (
    JobError,
    MalformedError,
    NotFoundError,
    OutboundError,
    RefusedError,
    SchedulerError,
    StoppingError,
    TakenError,
    UnavailableError,
)
from seriatim.gateway.http.operator import Operator
from tests.support.asker import TOKEN
from tests.support.builders import NODE
from tests.support.http_node import serving
from tests.support.sample_app import add, app
from tests.support.strategies import known_wallet

pytestmark = pytest.mark.asyncio


@asynccontextmanager
async def node_url(folder: Path) -> AsyncIterator[str]:
    async with serving(folder, wallet=known_wallet(NODE), operator=Operator(TOKEN)) as http:
        yield f"http://127.0.0.1:{http.port}"


@pytest.mark.parametrize(
    ("url", "token", "kind"),
    [
        ("nonsense", TOKEN, OutboundError),
        ("ftp://127.0.0.1", TOKEN, OutboundError),
        ("http://127.0.0.1:9/?x", TOKEN, OutboundError),
        ("http://127.0.0.1:9/#x", TOKEN, OutboundError),
        ("http://127.0.0.1:9", TOKEN, UnavailableError),
        ("", "A" * 43, RefusedError),
    ],
)
async def test_who_cannot_be_asked_is_known_before_the_block_begins(
    tmp_path: Path, url: str, token: str, kind: type[SchedulerError]
) -> None:
    async with node_url(tmp_path) as own:
        with pytest.raises(kind):
            async with seriatim.connect(app, url or own, token):
                raise AssertionError
        async with seriatim.connect(app, own, f"{TOKEN}\n"):  # as its file has it
            assert await (await add.submit(1)).state() == "pending"


async def test_what_is_no_url_is_named() -> None:
    with pytest.raises(OutboundError, match="'nonsense' is no node's URL, such as http://"):
        async with seriatim.connect(app, "nonsense", TOKEN):
            raise AssertionError


async def test_an_app_is_open_there_as_it_is_here(tmp_path: Path) -> None:
    async with node_url(tmp_path) as url, seriatim.connect(app, url, TOKEN) as opened:
        first, second = add.prepare(1), add.prepare(2)
        one, two = await opened.submit(first, second)
        await opened.cancel(one.id, "enough")
        with pytest.raises(JobError, match="enough"):
            await one
        await opened.retry(one.id)
        assert (await opened.show(one.id))["state"] == "pending"
        await opened.set(kept_ms=5)
        await one.cancel()
        await two.cancel()
        await opened.drain()


async def test_a_refusal_is_the_same_error_as_here(tmp_path: Path) -> None:
    async def refused() -> list[tuple[type[SchedulerError], str]]:
        await add.options(id="one").submit(1)
        circle = [add.options(id=a, after=[b]).prepare(1) for a, b in ("xy", "yx")]
        found = []
        for submitted in (
            app.submit(*circle),
            add.options(id="one").submit(2),
            add.options(takes={"no": 1}).submit(1),
            add.options(after=[add.prepare(1).id]).submit(1),
        ):
            with pytest.raises(SchedulerError) as raised:
                await submitted
            found.append((type(raised.value), raised.value.code))
        return found

    async with node_url(tmp_path / "there") as url, seriatim.connect(app, url, TOKEN):
        there = await refused()
    async with app.open(tmp_path / "here", work=False):
        assert await refused() == there
    assert [kind for kind, _ in there[:2]] == [MalformedError, TakenError]


async def test_what_is_asked_when_it_is_closed_is_answered_so(tmp_path: Path) -> None:
    async with node_url(tmp_path) as url:
        async with seriatim.connect(app, url, TOKEN) as opened:
            handle = await add.submit(1)
            waiting = asyncio.ensure_future(handle.result())
            await asyncio.sleep(0)
        asked: list[Any] = [handle.result(), handle.state(), handle.cancel(), opened.drain()]
        for each in (waiting, *asked):
            with pytest.raises(StoppingError):
                await each
        async with seriatim.connect(app, url, TOKEN) as opened:
            await opened.cancel(handle.id)  # what was asked first is answered: the node may end


async def test_there_is_a_blocking_twin(tmp_path: Path) -> None:
    def blocking(url: str) -> None:
        with seriatim.connect_blocking(app, url, TOKEN) as jobs:
            handle = jobs.submit(add.options(id="one"), 1)
            assert handle.state() == "pending"
            handle.cancel()
            jobs.drain(10)
        with pytest.raises(StoppingError):
            handle.show()

    async with node_url(tmp_path) as url:
        await asyncio.to_thread(blocking, url)


async def test_another_loop_is_refused_and_harms_no_submission_of_this_one(tmp_path: Path) -> None:
    """What many submit at once goes in few requests: one of another loop would be among them."""

    async def elsewhere() -> None:
        await add.submit(0)

    async with node_url(tmp_path) as url, seriatim.connect(app, url, TOKEN):
        submitted = [asyncio.ensure_future(add.submit(number)) for number in range(50)]
        misused = [asyncio.to_thread(asyncio.run, elsewhere()) for _ in range(5)]
        codes = [error.code for error in await asyncio.gather(*misused, return_exceptions=True)]  # type: ignore[union-attr]  # errors, all of them
        assert codes == ["other_loop"] * 5
        assert len({handle.id for handle in await asyncio.gather(*submitted)}) == 50


async def test_what_a_job_has_printed_is_told_from_elsewhere_page_by_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "HTTP_PAGE_MAX_BYTES", 1)
    async with (
        serving(tmp_path, wallet=known_wallet(NODE), operator=Operator(TOKEN)) as http,
        seriatim.connect(app, f"http://127.0.0.1:{http.port}", TOKEN),
    ):
        queues = http.node.queues
        assert queues is not None
        handle = await add.submit(1)
        assert await handle.logs() == ""
        claimed = await queues.claim(
            "default", Claim("w", frozenset({"add"}), commands=False, room=1), wait_ms=0
        )
        [grant] = claimed.grants
        pieces = [
            Printed(grant.id, grant.token, number, text)
            for number, text in enumerate([b"one, ", b"t\xff", b"wo"])
        ]
        await queues.report(
            "default", Report("w", [], held=[(grant.id, grant.token)], printed=pieces)
        )
        assert await handle.logs() == "one, t\ufffdwo"
        with pytest.raises(NotFoundError):
            await add.handle("nowhere").logs()
