"""What is no node, does not answer, or takes no spawn is said, in bounded time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from hypothesis import strategies as st

from seriatim.formats.errors import (
    DeadlineExceededError,
    MalformedError,
    RefusedError,
    UnavailableError,
)
from seriatim.formats.signing.scheme import WalletKind
from seriatim.testing.conformance import (
    Check,
    CheckSkippedError,
    Face,
    Kind,
    Outcome,
    Report,
    expect,
    run,
)
from tests.support.defective_node import Ask, Defect, Forward, defective, sound
from tests.support.http_node import HttpReply, serving
from tests.support.listening import listening
from tests.support.strategies import known_wallet

ADDRESS = "A" * 43
IDENTITY = orjson.dumps({"address": ADDRESS, "timestamp": "1"})
WAIT_MS = 1_000


@asynccontextmanager
async def answering(reply: Any) -> AsyncIterator[str]:
    """Serve *reply*, a function of the request; it is let go at the end."""

    async def answer(request: web.BaseRequest) -> web.Response:
        found = reply(request)
        return found if isinstance(found, web.Response) else await found

    async with listening(answer) as port:
        yield f"http://127.0.0.1:{port}"


async def ask(reply: Any, **options: Any) -> Report:
    async with answering(reply) as url:
        return await asyncio.to_thread(run, url, **options)


async def hold(folder: Path, defect: Defect = sound, **options: Any) -> Report:
    async with (
        serving(folder, wallet=known_wallet(WalletKind.ED25519)) as http,
        defective(http, defect) as url,
    ):
        return await asyncio.to_thread(run, url, **options)


@pytest.mark.parametrize(
    "body", [b"", b"<html>hello</html>", b"[]", b'{"address": 7}', b'{"address": "me"}', b"\xff"]
)
def test_what_answers_and_is_no_node_is_said(body: bytes) -> None:
    with pytest.raises(UnavailableError, match="it is no scheduler node"):
        asyncio.run(ask(lambda _: web.Response(body=body)))


def test_nobody_there_is_said() -> None:
    with pytest.raises(UnavailableError, match="gives no reply"):
        run("http://127.0.0.1:1")


def test_a_node_that_never_answers_is_an_error_and_not_a_hang() -> None:
    async def main() -> None:
        end = asyncio.Event()

        async def wait(_: object) -> web.Response:
            await end.wait()
            return web.Response()

        async with answering(wait) as url:
            try:
                await asyncio.to_thread(run, url, deadline_ms=WAIT_MS // 10)
            finally:
                end.set()

    with pytest.raises(DeadlineExceededError):
        asyncio.run(main())


def test_a_node_that_falls_silent_is_not_asked_on(tmp_path: Path) -> None:
    end = asyncio.Event()

    async def silent(sent: Ask, forward: Forward) -> HttpReply:
        if "limit=" in sent.target:
            await end.wait()
        return await forward(sent)

    async def main() -> Report:
        async with (
            serving(tmp_path, wallet=known_wallet(WalletKind.ED25519)) as http,
            defective(http, silent) as url,
        ):
            try:
                return await asyncio.to_thread(
                    run, url, kind=Kind.LEGACY, only=["slots", "order"], deadline_ms=WAIT_MS
                )
            finally:
                end.set()

    slots, order = asyncio.run(main()).results
    assert (slots.outcome, order.outcome) == (Outcome.FAILS, Outcome.SKIPPED)
    assert slots.exchanges[-1].reply is None
    assert str(WAIT_MS) in slots.reason


def test_a_connection_that_is_cut_is_a_finding(tmp_path: Path) -> None:
    async def cut(sent: Ask, forward: Forward) -> HttpReply:
        if "limit=" in sent.target:
            raise ConnectionAbortedError
        return await forward(sent)

    (result,) = asyncio.run(hold(tmp_path, cut, kind=Kind.LEGACY, only=["slots"])).results
    assert (result.outcome, len(result.exchanges)) == (Outcome.FAILS, 2)
    assert "gives no reply" in result.reason


@pytest.mark.slow
def test_a_node_that_takes_no_spawn_is_an_error() -> None:
    def refuse(request: web.BaseRequest) -> web.Response:
        if request.method == "GET":
            return web.Response(body=IDENTITY)
        return web.Response(status=403, body=b'{"error": "not on the list"}')

    with pytest.raises(RefusedError, match="not on the list") as raised:
        asyncio.run(ask(refuse))
    assert raised.value.code == "no_spawn"


@pytest.mark.slow
def test_what_has_to_spawn_is_skipped_where_one_api_takes_no_spawn(tmp_path: Path) -> None:
    async def refuse(sent: Ask, forward: Forward) -> HttpReply:
        if (sent.method, sent.target) == ("POST", "/"):
            return HttpReply(403, {}, b'{"error": "read only"}')
        return await forward(sent)

    report = asyncio.run(hold(tmp_path, refuse, only=["slots", "identity"], examples=3))
    outcomes = {(each.kind, each.check): each.outcome for each in report.results}
    assert outcomes == {
        (Kind.LEGACY, "slots"): Outcome.SKIPPED,
        (Kind.LEGACY, "identity"): Outcome.HOLDS,
        (Kind.HYPERBEAM, "slots"): Outcome.HOLDS,
        (Kind.HYPERBEAM, "identity"): Outcome.HOLDS,
    }
    assert "read only" in report.results[0].reason


def test_a_node_that_reads_one_kind_of_key_is_spoken_to_with_that(tmp_path: Path) -> None:
    async def only_ed25519(sent: Ask, forward: Forward) -> HttpReply:
        if sent.method == "POST" and sent.body[:2] != b"\2\0":
            return HttpReply(400, {}, b'{"error": "unknown signature type"}')
        return await forward(sent)

    assert asyncio.run(hold(tmp_path, only_ed25519, only=["slots"], examples=3)).ok


@pytest.mark.parametrize("kind", list(Kind))
def test_one_api_can_be_asked_for(tmp_path: Path, kind: Kind) -> None:
    report = asyncio.run(hold(tmp_path, kind=kind, only=["slots"], examples=3))
    assert [result.kind for result in report.results] == [kind]


def test_an_api_that_the_node_does_not_speak_is_said() -> None:
    with pytest.raises(UnavailableError, match="info/address"):
        asyncio.run(ask(lambda _: web.Response(body=IDENTITY), kind=Kind.HYPERBEAM))


def test_a_check_that_is_not_there_is_said() -> None:
    with pytest.raises(MalformedError, match="choose from slots, ") as raised:
        run("http://127.0.0.1:1", only=["nothing"])
    assert raised.value.code == "bad_check"


def test_a_run_that_would_try_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MalformedError, match="about hyperbeam"):
        asyncio.run(hold(tmp_path, kind=Kind.HYPERBEAM, only=["processes"]))


def test_a_check_of_ones_own_is_tried_and_shrunk(tmp_path: Path) -> None:
    def few(face: Face, count: int) -> None:
        process = face.spawn().id
        for _ in range(count):
            face.send(process)
        expect(count < 3, f"{count} messages are too many")

    def nothing(_: Face, __: None) -> None:
        raise CheckSkippedError("there is nothing to see")

    mine = [
        Check("few", "There are few.", "here", frozenset(Kind), st.integers(0, 9), few),
        Check("none", "There is nothing.", "here", frozenset(Kind), st.none(), nothing),
    ]
    said: list[str] = []
    report = asyncio.run(hold(tmp_path, kind=Kind.LEGACY, checks=mine, say=said.append))
    first, second = report.results
    assert (first.outcome, first.reason) == (Outcome.FAILS, "3 messages are too many")
    assert len(first.exchanges) == 4
    assert (second.outcome, second.reason) == (Outcome.SKIPPED, "there is nothing to see")
    assert said[1:] == ["legacy: few", "legacy: none"]


def test_a_bug_in_a_check_is_raised_and_no_finding(tmp_path: Path) -> None:
    def broken(_: Face, __: None) -> None:
        raise ZeroDivisionError

    mine = [Check("broken", "It runs.", "here", frozenset(Kind), st.none(), broken)]
    with pytest.raises(ZeroDivisionError):
        asyncio.run(hold(tmp_path, checks=mine))
