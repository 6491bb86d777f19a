"""The operator's gateway, against a stand-in on a local socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import orjson
import pytest
from aiohttp import web

from seriatim.formats.errors import NotFoundError, UnavailableError
from seriatim.formats.ids import b64url, encode_id
from seriatim.formats.limits import GATEWAY_REPLY_MAX_BYTES
from seriatim.formats.schedule.assignment import Block
from seriatim.gateway.chain import ChainGateway, refresh_block

HASH = bytes(range(48))
BLOCK: dict[str, object] = {
    "height": 1_500_000,
    "indep_hash": b64url(HASH),
    "timestamp": 1_730_000_000,
}
ID = bytes(range(32))
KNOWN: dict[str, object] = {"data": {"transaction": {"id": encode_id(ID)}}}

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def gateway_that(answer: Answer) -> AsyncIterator[ChainGateway]:
    runner = web.ServerRunner(web.Server(answer, handler_cancellation=True))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    gateway = ChainGateway(f"http://127.0.0.1:{runner.addresses[0][1]}/")
    try:
        yield gateway
    finally:
        await gateway.close()
        await runner.cleanup()


def saying(body: object, status: int = 200) -> Answer:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        return web.Response(body=raw, status=status)

    return answer


async def hanging(request: web.BaseRequest) -> web.StreamResponse:
    """Give no answer for as long as the client waits."""
    return await asyncio.Future[web.StreamResponse]()


def ask(answer: Answer, question: Callable[[ChainGateway], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with gateway_that(answer) as gateway:
            return await question(gateway)

    return asyncio.run(main())


@pytest.mark.parametrize("text", [False, True])
def test_the_newest_block_is_read_with_numbers_or_their_text(*, text: bool) -> None:
    plain: dict[str, object] = (
        {**BLOCK, "height": "1500000", "timestamp": "1730000000"} if text else BLOCK
    )
    block = ask(saying(plain), ChainGateway.newest_block)
    assert block == Block(1_500_000, HASH, 1_730_000_000)


def test_a_block_that_comes_in_many_pieces_is_read_whole() -> None:
    async def dribble(request: web.BaseRequest) -> web.StreamResponse:
        raw = orjson.dumps({**BLOCK, "poa": "x" * 700_000})
        response = web.StreamResponse()
        await response.prepare(request)
        for first in range(0, len(raw), 100_000):
            await response.write(raw[first : first + 100_000])
            await asyncio.sleep(0)
        await response.write_eof()
        return response

    assert ask(dribble, ChainGateway.newest_block).height == 1_500_000


BAD_BLOCKS = {
    "no JSON": b"<html>",
    "a list": [],
    "deep": b"[" * 100 + b"]" * 100,
    "nothing": {},
    "height below 0": {**BLOCK, "height": -1},
    "height of 13 digits": {**BLOCK, "height": 10**12},
    "height that is no integer": {**BLOCK, "height": 1.5},
    "height that is true": {**BLOCK, "height": True},
    "height that is null": {**BLOCK, "height": None},
    "hash that is a number": {**BLOCK, "indep_hash": 5},
    "hash that is short": {**BLOCK, "indep_hash": "AAAA"},
    "hash that is not base64url": {**BLOCK, "indep_hash": "+" * 64},
    "time beyond 64 bits": {**BLOCK, "timestamp": str(2**63)},
    "time of many digits": {**BLOCK, "timestamp": "9" * 5_000},
    "too long": b"[" + b"0," * (GATEWAY_REPLY_MAX_BYTES // 2) + b"0]",
}


@pytest.mark.parametrize("name", BAD_BLOCKS)
def test_a_bad_block_is_not_taken(name: str) -> None:
    with pytest.raises(UnavailableError):
        ask(saying(BAD_BLOCKS[name]), ChainGateway.newest_block)


QUESTIONS: dict[str, Callable[[ChainGateway], Awaitable[object]]] = {
    "block": ChainGateway.newest_block,
    "confirmations": lambda gateway: gateway.confirmations(ID),
    "known": lambda gateway: gateway.check_known(ID),
}
STATUSES = [
    (question, status)
    for question in QUESTIONS
    for status in (202, 302, 404, 429, 500)
    if question != "confirmations" or status not in (202, 404)
]


@pytest.mark.parametrize(("question", "status"), STATUSES)
def test_any_other_status_is_no_answer(question: str, status: int) -> None:
    everything: dict[str, object] = {**BLOCK, **KNOWN, "number_of_confirmations": 1}
    ask(saying(everything), QUESTIONS[question])
    with pytest.raises(UnavailableError):
        ask(saying(everything, status), QUESTIONS[question])


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_gateway_that_hangs_is_given_up_at_the_deadline(
    question: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seriatim.gateway.chain.GATEWAY_DEADLINE_MS", 20)
    with pytest.raises(UnavailableError):
        ask(hanging, QUESTIONS[question])


def test_a_gateway_that_is_not_there_is_unavailable() -> None:
    async def main() -> None:
        gateway = ChainGateway("http://127.0.0.1:1")
        with pytest.raises(UnavailableError):
            await gateway.newest_block()
        await gateway.close()

    asyncio.run(main())


def test_confirmations_are_asked_for_by_id() -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        assert request.path == f"/tx/{encode_id(ID)}/status"
        return web.Response(text='{"block_height":5,"number_of_confirmations":21}')

    assert ask(answer, lambda gateway: gateway.confirmations(ID)) == 21


def test_an_unknown_transaction_is_not_found() -> None:
    with pytest.raises(NotFoundError):
        ask(saying({}, 404), lambda gateway: gateway.confirmations(ID))


def test_a_transaction_that_waits_for_its_block_has_no_confirmations() -> None:
    assert ask(saying(b"Pending", 202), lambda gateway: gateway.confirmations(ID)) == 0


@pytest.mark.parametrize(
    "body", [b"", {}, {"number_of_confirmations": -1}, {"number_of_confirmations": "٣"}]
)
def test_confirmations_that_cannot_be_read_are_no_answer(body: object) -> None:
    with pytest.raises(UnavailableError):
        ask(saying(body), lambda gateway: gateway.confirmations(ID))


def test_the_index_is_asked_whether_a_message_is_known() -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        asked = orjson.loads(await request.read())
        assert (request.method, request.path) == ("POST", "/graphql")
        assert asked["variables"] == {"id": encode_id(ID)}
        return web.Response(body=orjson.dumps(KNOWN))

    ask(answer, QUESTIONS["known"])


def test_a_message_that_the_index_lacks_is_not_found() -> None:
    with pytest.raises(NotFoundError):
        ask(saying({"data": {"transaction": None}}), QUESTIONS["known"])


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"data": None},
        {"data": {}},
        {"data": {"transaction": None}, "errors": ["index is down"]},
        {"data": {"transaction": {"id": encode_id(HASH[:32][::-1])}}},
    ],
)
def test_an_index_that_fails_is_no_proof_that_a_message_is_missing(body: object) -> None:
    with pytest.raises(UnavailableError):
        ask(saying(body), QUESTIONS["known"])


def test_a_bad_answer_between_two_blocks_keeps_the_first(caplog: pytest.LogCaptureFixture) -> None:
    newer: dict[str, object] = {**BLOCK, "height": 1_500_001}
    answers = iter([BLOCK, b"<html>", newer])
    accepted: list[Block] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return await saying(next(answers))(request)

    async def main() -> None:
        done = asyncio.Event()

        def accept(block: Block) -> None:
            accepted.append(block)
            if len(accepted) == 2:
                done.set()

        async with gateway_that(answer) as gateway:
            refreshing = asyncio.create_task(refresh_block(gateway, accept, every_s=0))
            await done.wait()
            refreshing.cancel()
            with suppress(asyncio.CancelledError):
                await refreshing

    asyncio.run(main())
    assert [block.height for block in accepted] == [1_500_000, 1_500_001]
    assert "stays as it is" in caplog.text
