"""A node that asks its own paths: bounded in time and in length, and left alone at its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import aiohttp
import pytest
import uvloop
from aiohttp import web

from seriatim.actors.node import Node
from seriatim.formats.errors import DeadlineExceededError
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import RUN_REPLY_MAX_BYTES
from seriatim.gateway.http import own_paths
from seriatim.gateway.http.own_paths import asking_own_paths
from tests.support.listening import Answer
from tests.support.running_node import WALLET, running
from tests.support.waiting import until

ONCE: Final = {"when": "in 1ms", "path": "/a?b=%2f"}
Use = Callable[[Node, bytes], Awaitable[None]]


async def asking(tmp_path: Path, answer: Answer, use: Use, **more: object) -> None:
    """Have a node ask a path, which *answer* answers; then *use* the node and its trigger."""
    async with running(tmp_path) as node, asking_own_paths(node, web.Server(answer)):
        assert node.triggers is not None
        trigger = await node.triggers.define({**ONCE, **more})
        await use(node, trigger.id)


async def ended(node: Node, trigger: bytes) -> tuple[object, object]:
    """Return the code and the reason with which the only run has ended."""
    assert node.triggers is not None
    triggers = node.triggers
    await until(lambda: len(triggers.history(trigger, limit=3)) == 3)
    end = triggers.history(trigger, limit=3)[2].fields
    return end.get("code"), end.get("reason")


@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_what_is_asked_is_what_was_said_and_nothing_of_the_client(
    tmp_path: Path, runner: Callable[..., None]
) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        assert (request.method, request.raw_path) == ("POST", "/a?b=%2f")
        assert await request.read() == b"text"
        assert {**request.headers} == {
            "Host": "node",
            "Accept": "application/json",
            "Content-Type": "text/x",
            "Connection": "close",
            "Content-Length": "4",
            "Via": f"1.1 {encode_id(WALLET.address)}",
        }
        return web.Response()

    async def use(node: Node, trigger: bytes) -> None:
        assert await ended(node, trigger) == (None, None)

    runner(
        asking(
            tmp_path, answer, use, **{"method": "POST", "body": "text", "content-type": "text/x"}
        )
    )


@pytest.mark.parametrize(
    ("reply", "code", "reason"),
    [
        (web.Response(status=404, body=b'{"detail": "not here"}'), "status_404", "not here"),
        (web.Response(status=400, body=b"Task not found."), "status_400", "Task not found."),
        (web.Response(status=302, headers={"location": "//evil"}), "status_302", None),
        (web.Response(status=500, body=b'{"detail": 5}'), "status_500", '{"detail": 5}'),
        (web.Response(status=503, body=b"[" * 10_000_000), "status_503", None),
        (web.Response(status=206, body=b"x" * 10_000_000), None, None),
    ],
)
def test_a_reply_that_is_no_success_is_the_end_of_the_run_with_its_words(
    tmp_path: Path, reply: web.Response, code: str | None, reason: str | None
) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return reply

    async def use(node: Node, trigger: bytes) -> None:
        found = await ended(node, trigger)
        assert found[0] == code
        assert reason is None or found[1] == reason
        assert len(str(found[1])) < RUN_REPLY_MAX_BYTES

    asyncio.run(asking(tmp_path, answer, use))


def test_a_path_that_does_not_answer_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_paths, "_TIMEOUT", aiohttp.ClientTimeout(total=0.01))

    async def use(node: Node, trigger: bytes) -> None:
        assert (await ended(node, trigger))[0] == DeadlineExceededError.code

    asyncio.run(asking(tmp_path, never, use))


def test_a_server_that_breaks_off_is_told(tmp_path: Path) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def use(node: Node, trigger: bytes) -> None:
        assert (await ended(node, trigger))[0] == "unavailable"

    asyncio.run(asking(tmp_path, answer, use))


def test_a_run_that_the_end_of_the_node_interrupts_begins_once_more_with_the_next(
    tmp_path: Path,
) -> None:
    asked: list[str] = []

    async def hangs(request: web.BaseRequest) -> web.StreamResponse:
        asked.append(request.path)
        return await never(request)

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        asked.append(request.path)
        return web.Response()

    async def main() -> None:
        async def interrupted(node: Node, trigger: bytes) -> None:
            await until(lambda: bool(asked))

        await asking(tmp_path, hangs, interrupted)
        async with running(tmp_path) as node:
            assert node.triggers is not None
            (one,) = node.triggers.page(limit=2)
            assert len(node.triggers.history(one.id, limit=9)) == 2, "it has begun, and not ended"
            async with asking_own_paths(node, web.Server(answer)):
                assert await ended(node, one.id) == (None, None)
        assert asked == ["/a", "/a"]

    asyncio.run(main())


async def never(request: web.BaseRequest) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError
