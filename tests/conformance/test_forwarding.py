"""Nodes that send on what is for another one: the reply is the other's, and nothing goes round."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import web
from multidict import CIMultiDict

from seriatim.actors.follow import catch_up
from seriatim.actors.policy import Policy
from seriatim.formats.httpsig.commitments import verify
from seriatim.formats.ids import decode_id, encode_id
from seriatim.formats.schedule.mode import SchedulingMode
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.wallet import Wallet
from seriatim.gateway.http import forward
from seriatim.gateway.outbound import OutboundPolicy
from tests.support.builders import CLIENT, NODE, message_item, spawn_item
from tests.support.http_node import HttpNode, serving, spawned
from tests.support.hyperbeam import client_wallet, http_message, location, rsa_wallet
from tests.support.hyperbeam_http import assignment_of, get, post
from tests.support.listening import Answer, listening
from tests.support.live_node import live_node
from tests.support.loopback import LOOPBACK, url_of
from tests.support.strategies import known_wallet
from tests.support.unknown_process import ID, told
from tests.support.waiting import until


def with_two(
    tmp_path: Path,
    use: Callable[[HttpNode, HttpNode], Awaitable[None]],
    *,
    policy: OutboundPolicy = LOOPBACK,
    right_wallet: Wallet | None = None,
) -> None:
    """Run *use* on a node, and on one that sends on; the second knows nothing."""

    async def main() -> None:
        async with (
            serving(tmp_path / "right", wallet=right_wallet or known_wallet(NODE)) as right,
            serving(
                tmp_path / "asked", wallet=known_wallet(CLIENT), outbound_policy=policy
            ) as asked,
        ):
            await use(right, asked)

    asyncio.run(main())


def with_stranger(
    tmp_path: Path,
    answer: Answer,
    use: Callable[[HttpNode, str], Awaitable[None]],
    *,
    policy: OutboundPolicy = LOOPBACK,
) -> None:
    """Run *use* on a node that sends on, and a target that leads to *answer*."""

    async def main() -> None:
        async with (
            listening(answer) as port,
            serving(tmp_path, wallet=known_wallet(NODE), outbound_policy=policy) as asked,
        ):
            await use(asked, f"/~scheduler@1.0/schedule?target={ID}?hint={url_of(port)}")

    asyncio.run(main())


def test_a_request_with_a_hint_lands_where_it_belongs(tmp_path: Path) -> None:
    async def use(right: HttpNode, asked: HttpNode) -> None:
        process = await spawned(right)
        hinted = f"target={process}?hint={url_of(right.port)}"
        raw = message_item(decode_id(process), "one").raw
        through = [await asked.post(f"/~scheduler@1.0/schedule?{hinted}", raw) for _ in range(2)]
        direct = await right.post("/~scheduler@1.0/schedule", raw)
        for reply in through:
            # The one slot that it has, whoever is asked and however often.
            assert (reply.status, reply.headers["slot"]) == (200, "1")
            assert reply.body == direct.body
            assert reply.headers["via"] == f"1.1 {encode_id(asked.node.address)}"
        assert "via" not in direct.headers
        assert (await asked.get(f"/~scheduler@1.0/slot?{hinted}")).json()["current"] == 1
        page = await asked.get(f"/~scheduler@1.0/schedule?{hinted}&from=1")
        assert page.body == (await right.get(f"/{process}/schedule?from=1")).body
        assert asked.node.head(decode_id(process)) is None

    with_two(tmp_path, use)


def test_an_assignment_verifies_through_a_node_that_sends_on(tmp_path: Path) -> None:
    async def use(right: HttpNode, asked: HttpNode) -> None:
        spawn = http_message({"device": b"process@1.0", "type": b"Process"})
        process = (await post(right, spawn, "/schedule")).headers["process"]
        hinted = f"target={process}?hint={url_of(right.port)}"
        message = http_message({"data": b"hello", "type": b"Message"})
        placed = await post(asked, message, f"/~scheduler@1.0/schedule?{hinted}")
        read = await get(asked, f"/~scheduler@1.0/next?at-slot=0&{hinted}")
        for reply in (placed, read):
            assert list(verify(assignment_of(reply))) == [rsa_wallet().address]

    with_two(tmp_path, use, right_wallet=rsa_wallet())


def test_a_spawn_is_sent_to_the_scheduler_that_it_names(tmp_path: Path) -> None:
    async def use(right: HttpNode, asked: HttpNode) -> None:
        await post(asked, location(url_of(right.port), client_wallet()), "/~scheduler@1.0/location")
        tags = {"Scheduler": encode_id(client_wallet().address), "Module": ID}
        raw = spawn_item(None, tags=tags).raw
        reply = await asked.post("/schedule", raw)
        assert (reply.status, reply.headers["slot"]) == (200, "0")
        assert right.node.head(decode_id(reply.headers["process"])) is not None
        legacy = await asked.post("/", raw)
        assert (legacy.status, legacy.json()["id"]) == (200, reply.headers["process"])

    with_two(tmp_path, use, right_wallet=client_wallet())


def test_two_nodes_that_send_everything_to_each_other_end_it(tmp_path: Path) -> None:
    """Each has heard that the scheduler is at the other; neither is it."""

    async def main() -> None:
        async with AsyncExitStack() as stack:
            nodes = [
                await stack.enter_async_context(
                    serving(tmp_path / kind, wallet=known_wallet(kind), outbound_policy=LOOPBACK)
                )
                for kind in (NODE, CLIENT)
            ]
            for node, other in (nodes, reversed(nodes)):
                record = location(url_of(other.port), client_wallet())
                await post(node, record, "/~scheduler@1.0/location")
            raw = spawn_item(None, tags={"Scheduler": encode_id(client_wallet().address)}).raw
            for node in nodes:
                reply = await node.post("/schedule", raw)
                assert (reply.status, reply.json()["code"]) == (508, "loop")
                assert reply.headers["seriatim-error"] == "loop"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("via", "status"),
    [
        ("1.1 elsewhere", 200),
        ("1.1 a, 1.0 b (x), HTTP/2 c", 200),
        ("1.1 a, 1.1 b, 1.1 c, 1.1 d", 508),
        ("1.1 {name}", 508),
        ("1.0 a, 1.1 {name} (seriatim)", 508),
    ],
)
def test_how_far_a_request_has_come_is_counted(tmp_path: Path, via: str, status: int) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(headers={"via": "1.1 inner"}, text=request.headers["via"])

    async def use(asked: HttpNode, target: str) -> None:
        name = encode_id(asked.node.address)
        sent = via.format(name=name)
        reply = await told(asked, target, via=sent)
        assert reply.status == status
        if status == 200:
            assert reply.body.decode() == f"{sent}, 1.1 {name}"
            assert reply.headers["via"] == f"1.1 inner, 1.1 {name}"

    with_stranger(tmp_path, answer, use)


def test_headers_are_handed_on_by_what_they_mean(tmp_path: Path) -> None:
    seen: list[Mapping[str, str]] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(dict(request.headers))
        strange = {"set-cookie": "a=b", "location": "http://x", "clear-site-data": "*"}
        strange |= {"access-control-allow-origin": "http://x", "server": "x", "process": "a\tb"}
        return web.Response(status=202, headers={**strange, "slot": "7"}, body=b"x")

    async def use(asked: HttpNode, target: str) -> None:
        kept_back = {"cookie": "a=b", "authorization": "Basic x", "x_mine": "1", "prefer": "wait=9"}
        reply = await told(asked, target, accept="x/y", x_one="1", connection="x-mine", **kept_back)
        assert (reply.status, reply.body, reply.headers["slot"]) == (202, b"x", "7")
        ours = {"access-control-allow-origin": "*", "server": "seriatim"}
        assert ours.items() <= {k.lower(): v for k, v in reply.headers.items()}.items()
        for name in ("set-cookie", "location", "clear-site-data", "process"):
            assert name not in reply.headers
        sent = CIMultiDict(seen[0])
        assert (sent["accept"], sent["x-one"]) == ("x/y", "1")
        assert sent["content-type"] == "application/ans104"
        for name in ("cookie", "authorization", "x-mine", "prefer"):
            assert name not in sent

    with_stranger(tmp_path, answer, use)


def test_a_header_that_is_no_text_is_not_sent_on(tmp_path: Path) -> None:
    async def use(right: HttpNode, asked: HttpNode) -> None:
        target = f"/~scheduler@1.0/slot?target={ID}?hint={url_of(right.port)}"
        reader, writer = await asyncio.open_connection("127.0.0.1", asked.port)
        writer.write(b"GET %b HTTP/1.1\r\nhost: x\r\nx-a: \xff\r\n\r\n" % target.encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
        writer.close()

    with_two(tmp_path, use)


async def leave(asked: HttpNode, target: str, came: asyncio.Event) -> None:
    """Send a GET of *target*, and go when it has come where it leads."""
    _, writer = await asyncio.open_connection("127.0.0.1", asked.port)
    writer.write(f"GET {target} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    await came.wait()
    writer.close()


def test_nothing_is_read_on_for_a_client_that_has_gone(tmp_path: Path) -> None:
    came, gone = asyncio.Event(), asyncio.Event()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if not request.path.startswith("/~scheduler@1.0"):
            return web.Response(status=404)  # nothing to copy: it is sent on
        came.set()
        await until(lambda: request.transport is None)
        gone.set()
        return web.Response()

    async def use(asked: HttpNode, target: str) -> None:
        await leave(asked, target, came)
        async with asyncio.timeout(30):
            await gone.wait()

    with_stranger(tmp_path, answer, use)


def test_nobody_waits_for_a_copy_whose_client_has_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "CATCH_UP_DEADLINE_MS", 24 * 3_600_000)
    came, may_go = asyncio.Event(), asyncio.Event()
    paths: list[str] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        paths.append(request.path)
        came.set()
        await may_go.wait()
        return web.Response(status=404)

    async def use(asked: HttpNode, target: str) -> None:
        await leave(asked, target, came)
        await until(lambda: asked.node.readers_catching_up == 0)
        other = asyncio.ensure_future(asked.get(target))
        await until(lambda: asked.node.readers_catching_up == 1)
        assert len(paths) == 1, "the fetch goes on, and others may wait for it"
        assert b"seriatim_readers_catching_up 1.0" in (await asked.get("/metrics")).body
        may_go.set()
        assert (await other).status == 404

    with_stranger(tmp_path, answer, use)


def test_where_the_operator_lets_no_node_go_the_client_is_sent(tmp_path: Path) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        raise AssertionError("the node went where it may not")

    async def use(asked: HttpNode, target: str) -> None:
        for reply in (
            await told(asked, target),
            await asked.get(target.replace("schedule?", "slot?")),
        ):
            assert (reply.status, reply.json()["code"]) == (307, "elsewhere")
            assert "via" not in reply.headers

    with_stranger(tmp_path, answer, use, policy=OutboundPolicy())


def test_what_is_too_long_to_hand_on_the_client_fetches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seriatim.gateway.http.server.FORWARD_REPLY_MAX_BYTES", 4)

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=b"12345" if "long" in request.raw_path else b"1234")

    async def use(asked: HttpNode, target: str) -> None:
        assert (await told(asked, target)).body == b"1234"
        assert (await told(asked, f"{target}&long")).status == 307

    with_stranger(tmp_path, answer, use)


def test_browsers_run_nothing_of_a_stranger_under_this_nodes_name(tmp_path: Path) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        del request
        strange = {"content-security-policy": "default-src *", "x-content-type-options": "x"}
        return web.Response(headers=strange, content_type="text/html", text="<script>1</script>")

    async def use(asked: HttpNode, target: str) -> None:
        reply = await told(asked, target)
        assert reply.headers["content-security-policy"] == "sandbox"
        assert reply.headers["x-content-type-options"] == "nosniff"

    with_stranger(tmp_path, answer, use)


def test_what_is_no_status_is_not_handed_on(tmp_path: Path) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        del request
        return web.Response(status=999)

    async def use(asked: HttpNode, target: str) -> None:
        reply = await told(asked, target)
        assert (reply.status, reply.json()["code"]) == (503, "unavailable")

    with_stranger(tmp_path, answer, use)


@pytest.mark.parametrize(
    "bound", ["FORWARDS_MAX", "FORWARDS_PER_ORIGIN_MAX", "FORWARDS_STRANGE_MAX"]
)
def test_no_more_are_on_their_way_than_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    monkeypatch.setattr(forward, bound, 1)
    came, may_go = asyncio.Event(), asyncio.Event()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        came.set()
        await may_go.wait()
        return web.Response(body=b"late")

    async def use(asked: HttpNode, target: str) -> None:
        first = asyncio.ensure_future(told(asked, target))
        await came.wait()
        refused = await told(asked, target)
        assert (refused.status, refused.json()["code"]) == (429, "overloaded")
        may_go.set()
        assert (await first).body == b"late"
        assert (await told(asked, target)).body == b"late"

    with_stranger(tmp_path, answer, use)


def test_a_promise_stays_one_on_its_way(tmp_path: Path) -> None:
    async def main() -> None:
        policy = Policy(mode=SchedulingMode.AGGRESSIVE)
        async with (
            serving(tmp_path / "right", wallet=known_wallet(NODE), policy=policy) as right,
            serving(
                tmp_path / "asked", wallet=known_wallet(CLIENT), outbound_policy=LOOPBACK
            ) as asked,
        ):
            process = await spawned(right)
            hinted = f"/~scheduler@1.0/schedule?target={process}?hint={url_of(right.port)}"
            raw = message_item(decode_id(process), "hello").raw
            reply = await asked.post(hinted, raw)
            assert (reply.status, reply.headers["scheduling-mode"]) == (200, "aggressive")

    asyncio.run(main())


def test_a_node_that_is_away_is_said_to_be(tmp_path: Path) -> None:
    async def use(right: HttpNode, asked: HttpNode) -> None:
        del right
        reply = await told(asked, f"/~scheduler@1.0/slot?target={ID}?hint=http://127.0.0.1:1")
        assert (reply.status, reply.json()["code"]) == (503, "unavailable")
        assert "retry-after" in reply.headers

    with_two(tmp_path, use)


@pytest.mark.slow
@pytest.mark.long
def test_a_served_node_sends_on_where_its_operator_says(tmp_path: Path) -> None:
    with live_node(tmp_path / "right", "--accept-unsigned") as right:
        spawn = spawn_item(Variant.HYPERBEAM).raw
        process = right.post("/schedule", spawn).headers["process"]
        for flags, status in (
            ([], 307),
            (["--follow-redirects"], 307),
            (["--follow-redirects", "--allow-network", "127.0.0.0/8"], 200),
            (["--follow-redirects", "--allow-origin", right.url], 200),
        ):
            with live_node(tmp_path / "asked", *flags) as asked:
                reply = asked.post("/~scheduler@1.0/slot", target=process, hint=right.url)
                assert (reply.status, bool(reply.headers["via"])) == (status, status == 200)
