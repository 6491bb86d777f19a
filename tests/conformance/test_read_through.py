"""A node brings the copies that it serves up to their sources, and serves what holds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import orjson
import pytest
from aiohttp import web

from seriatim.actors.follow import catch_up
from seriatim.formats.ids import decode_id
from seriatim.formats.schedule.audit import Audit
from seriatim.formats.schedule.variant import Variant
from seriatim.gateway.http import forward
from tests.support.builders import message_item
from tests.support.copying_node import copying
from tests.support.http_node import HttpNode
from tests.support.listening import listening
from tests.support.loopback import url_of
from tests.support.tampering_proxy import TamperingProxy
from tests.support.unknown_process import ID, told


def with_copy(
    tmp_path: Path,
    use: Callable[[HttpNode, HttpNode, TamperingProxy, str], Awaitable[None]],
    *,
    variant: Variant = Variant.HYPERBEAM,
) -> None:
    async def main() -> None:
        async with copying(tmp_path, variant) as parts:
            await use(*parts)

    asyncio.run(main())


async def send(http: HttpNode, process: str, *texts: str) -> None:
    for text in texts:
        raw = message_item(decode_id(process), text).raw
        assert (await http.post(f"/{process}/schedule", raw)).status == 200


@pytest.mark.parametrize("variant", Variant)
def test_what_is_read_of_a_copy_is_what_its_source_has(tmp_path: Path, variant: Variant) -> None:
    async def use(source: HttpNode, copy: HttpNode, _: TamperingProxy, process: str) -> None:
        assert (await copy.get(f"/{process}/slot/current")).body == b"0"
        await send(source, process, "one", "two")
        for target in ("schedule", "schedule?from=1&to=2", "next?at-slot=1", "slot/current"):
            theirs = await source.get(f"/{process}/{target}")
            ours = await copy.get(f"/{process}/{target}")
            assert (ours.status, ours.body) == (200, theirs.body)
            assert "via" not in ours.headers, "it is this node's own answer"
        audit = Audit(decode_id(process))
        for stored in copy.node.schedule(decode_id(process), 0, 10):
            audit.add(stored.slot, stored.record)
        assert audit.slots == 3

    with_copy(tmp_path, use, variant=variant)


def test_a_read_that_the_copy_can_answer_asks_nobody(tmp_path: Path) -> None:
    async def use(source: HttpNode, copy: HttpNode, proxy: TamperingProxy, process: str) -> None:
        await send(source, process, "one", "two", "three")
        await copy.get(f"/{process}/slot")
        asked = len(proxy.asked)
        for target in ("schedule?to=3", "schedule?from=1&to=2", "next?at-slot=2", "checkpoint"):
            assert (await copy.get(f"/{process}/{target}")).status == 200
        assert len(proxy.asked) == asked
        assert (await copy.get(f"/{process}/next?at-slot=3")).status == 404
        assert len(proxy.asked) > asked

    with_copy(tmp_path, use)


def test_a_read_past_the_head_asks_the_source_once(tmp_path: Path) -> None:
    async def use(source: HttpNode, copy: HttpNode, proxy: TamperingProxy, process: str) -> None:
        await send(source, process, "one")
        for target, status in (("schedule?from=9", 200), ("next?at-slot=8", 404)):
            proxy.asked.clear()
            assert (await copy.get(f"/{process}/{target}")).status == status
            assert proxy.asked.count(f"/{process}/slot/current") == 1

    with_copy(tmp_path, use)


def test_a_reader_that_waits_at_a_copy_hears_of_what_another_one_has_fetched(
    tmp_path: Path,
) -> None:
    async def use(source: HttpNode, copy: HttpNode, _: TamperingProxy, process: str) -> None:
        await copy.get(f"/{process}/slot")
        waiting = asyncio.ensure_future(copy.node.wait_for(decode_id(process), 2, 24 * 3_600_000))
        await send(source, process, "one", "two", "three")
        await copy.get(f"/{process}/slot")
        assert await waiting

    with_copy(tmp_path, use)


def test_a_page_says_that_there_is_more_than_has_been_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "CATCH_UP_SLOTS_MAX", 2)

    async def use(source: HttpNode, copy: HttpNode, _: TamperingProxy, process: str) -> None:
        await send(source, process, *"abcd")
        got: list[int] = []
        for continues in (True, True, False):
            page = (await copy.get(f"/{process}/schedule?from={len(got)}")).json()
            got += sorted(map(int, page["assignments"]))
            assert page["continues"] is continues
        assert got == [0, 1, 2, 3, 4]

    with_copy(tmp_path, use)


def test_what_does_not_hold_is_a_502_and_what_does_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "CATCH_UP_PAUSE_MS", 0)

    async def use(source: HttpNode, copy: HttpNode, proxy: TamperingProxy, process: str) -> None:
        await send(source, process, "one", "two")
        assert (await copy.get(f"/{process}/slot/current")).body == b"2"
        await send(source, process, "three")

        def forge(plain: dict[str, object]) -> None:
            text = orjson.dumps(plain).replace(b'"three"', b'"forged"')
            plain.clear()
            plain.update(orjson.loads(text))

        proxy.tamper = forge
        found = await copy.get(f"/{process}/slot")
        assert (found.status, found.headers["seriatim-error"]) == (502, "tampered")
        assert str(tmp_path) not in found.json()["detail"]
        kept = list((tmp_path / "copy" / "evidence").iterdir())
        assert [file.name for file in kept] == [f"{process}-3-tampered.json"]
        assert orjson.loads(kept[0].read_bytes())["url"] == proxy.url
        page = await copy.get(f"/{process}/schedule?to=2")
        assert (page.status, len(page.json()["assignments"])) == (200, 3)
        proxy.tamper = None
        assert (await copy.get(f"/{process}/slot/current")).body == b"3"

    with_copy(tmp_path, use)


def test_a_source_that_is_away_leaves_the_copy_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "CATCH_UP_PAUSE_MS", 0)

    async def use(source: HttpNode, copy: HttpNode, proxy: TamperingProxy, process: str) -> None:
        proxy.is_away = True
        assert (await copy.get(f"/{process}/slot")).status == 503
        proxy.is_away = False
        await send(source, process, "one")
        assert (await copy.get(f"/{process}/slot/current")).body == b"1"
        proxy.is_away = True
        assert (await copy.get(f"/{process}/slot/current")).body == b"1"

    with_copy(tmp_path, use)


def test_what_is_sent_to_a_copy_is_read_of_it(tmp_path: Path) -> None:
    async def use(source: HttpNode, copy: HttpNode, _: TamperingProxy, process: str) -> None:
        raw = message_item(decode_id(process), "one").raw
        sent = await copy.post(f"/{process}/schedule", raw)
        assert (sent.status, sent.json()["slot"]) == (200, 1)
        assert sent.headers["via"]
        assert (await copy.get(f"/{process}/slot/current")).body == b"1"
        assert (await source.get(f"/{process}/slot/current")).body == b"1"

    with_copy(tmp_path, use)


def test_strangers_leave_room_for_what_the_operator_has_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward, "FORWARDS_STRANGE_MAX", 1)
    came, may_go = asyncio.Event(), asyncio.Event()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        came.set()
        await may_go.wait()
        return web.Response(body=b"late")

    async def main() -> None:
        async with listening(answer) as port, copying(tmp_path, Variant.HYPERBEAM) as parts:
            _, copy, _, process = parts
            hinted = f"/~scheduler@1.0/schedule?target={ID}?hint={url_of(port)}"
            first = asyncio.ensure_future(told(copy, hinted))
            await came.wait()
            assert (await told(copy, hinted)).status == 429
            raw = message_item(decode_id(process), "hello").raw
            assert (await copy.post(f"/{process}/schedule", raw)).json()["slot"] == 1
            may_go.set()
            assert (await first).body == b"late"

    asyncio.run(main())
