"""A hint can make a node copy a process: not make one up, nor say to others where it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from threading import Event
from types import MappingProxyType
from typing import Any

import orjson
import pytest

from seriatim.actors.follow import catch_up, copies
from seriatim.actors.follow.marks import FollowMark, FollowMarks
from seriatim.actors.policy import Policy
from seriatim.actors.scheduler import handlers
from seriatim.formats.ids import decode_id, encode_id
from seriatim.formats.schedule.stored_message import StoredMessage
from seriatim.formats.schedule.variant import Variant
from seriatim.store.environment import Environment
from seriatim.store.folder import DataFolder
from seriatim.store.tree.lmdb_tree import LmdbTree
from tests.support.builders import CLIENT, message_item, spawn_item
from tests.support.http_node import HttpNode, serving
from tests.support.hyperbeam import location, rsa_wallet
from tests.support.hyperbeam_http import post
from tests.support.loopback import LOOPBACK, url_of
from tests.support.strategies import known_wallet
from tests.support.tampering_proxy import TamperingProxy, tampering
from tests.support.waiting import until

SCHEDULER: Mapping[str, str] = MappingProxyType({"Scheduler": encode_id(rsa_wallet().address)})


class Hinted:
    """A process, a node that has never heard of it, and a proxy that hints may name."""

    def __init__(self, right: HttpNode, asked: HttpNode, proxy: TamperingProxy) -> None:
        self.right = right
        self.asked = asked
        self.proxy = proxy
        self.process = ""

    async def spawn(
        self, variant: Variant = Variant.HYPERBEAM, *, tags: Mapping[str, str] = SCHEDULER
    ) -> None:
        reply = await self.right.post("/schedule", spawn_item(variant, tags=tags).raw)
        self.process = reply.headers["process"]

    async def send(self, *texts: str) -> None:
        for text in texts:
            raw = message_item(decode_id(self.process), text).raw
            assert (await self.right.post(f"/{self.process}/schedule", raw)).status == 200

    async def slot(self, hint: str | None = None) -> Any:
        """Return the reply to a request with a hint, to the proxy by default."""
        query = f"target={self.process}?hint={self.proxy.url if hint is None else hint}"
        return await self.asked.get(f"/~scheduler@1.0/slot/current?{query}")

    @property
    def is_copied(self) -> bool:
        return self.asked.node.head(decode_id(self.process)) is not None


def with_hints(
    tmp_path: Path,
    use: Callable[[Hinted], Awaitable[None]],
    *,
    policy: Policy = Policy(),  # noqa: B008  # immutable
) -> None:
    async def main() -> None:
        async with (
            serving(tmp_path / "right", wallet=rsa_wallet()) as right,
            serving(
                tmp_path / "asked",
                wallet=known_wallet(CLIENT),
                policy=policy,
                outbound_policy=LOOPBACK,
            ) as asked,
            tampering(right.port) as proxy,
        ):
            await use(Hinted(right, asked, proxy))

    asyncio.run(main())


@pytest.mark.parametrize("variant", [Variant.HYPERBEAM, Variant.LEGACY])
def test_what_a_hint_leads_to_is_copied_and_outlives_it(tmp_path: Path, variant: Variant) -> None:
    async def use(hinted: Hinted) -> None:
        await hinted.spawn(variant)
        await hinted.send("one")
        for text, last in (("two", b"1"), ("three", b"2")):
            reply = await hinted.slot()
            assert (reply.status, reply.body) == (200, last)
            assert "via" not in reply.headers, "it is this node's own answer"
            await hinted.send(text)
        asked = len(hinted.proxy.asked)
        # Nobody else is led to a place that a stranger has named.
        page = await hinted.asked.get(f"/{hinted.process}/schedule")
        assert (page.status, len(page.json()["assignments"])) == (200, 3)
        assert len(hinted.proxy.asked) == asked
        hinted.proxy.is_away = True
        assert (await hinted.slot()).body == b"2"
        assert (await hinted.slot("http://127.0.0.1:1")).body == b"2"
        straight = await hinted.slot(url_of(hinted.right.port))
        assert straight.body == b"3"

    with_hints(tmp_path, use)


def test_a_message_for_it_goes_where_its_own_hint_or_the_scheduler_says(tmp_path: Path) -> None:
    async def use(hinted: Hinted) -> None:
        await hinted.spawn()
        await hinted.slot()
        assert hinted.is_copied
        raw = message_item(decode_id(hinted.process), "one").raw
        lost = await hinted.asked.post(f"/{hinted.process}/schedule", raw)
        assert (lost.status, hinted.proxy.url in lost.body.decode()) == (404, False)
        target = f"/~scheduler@1.0/schedule?target={hinted.process}?hint={hinted.proxy.url}"
        assert (await hinted.asked.post(target, raw)).json()["slot"] == 1
        record = location(url_of(hinted.right.port), rsa_wallet())
        await post(hinted.asked, record, "/~scheduler@1.0/location")
        found = await hinted.asked.post(f"/{hinted.process}/schedule", raw)
        assert (found.json()["slot"], bool(found.headers["via"])) == (1, True)

    with_hints(tmp_path, use)


@pytest.mark.parametrize(
    ("variant", "tags"),
    [(Variant.NATIVE, SCHEDULER), (Variant.NATIVE, {}), (Variant.HYPERBEAM, {})],
)
def test_a_log_that_anybody_could_have_made_is_not_copied(
    tmp_path: Path, variant: Variant, tags: Mapping[str, str]
) -> None:
    async def use(hinted: Hinted) -> None:
        await hinted.spawn(variant, tags=tags)
        reply = await hinted.slot()
        assert (reply.status, bool(reply.headers["via"])) == (200, True)
        assert not hinted.is_copied

    with_hints(tmp_path, use)


def test_strangers_add_no_more_copies_than_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "HINTED_COPIES_MAX", 1)

    async def use(hinted: Hinted) -> None:
        for name, is_copied in (("one", True), ("two", False)):
            await hinted.spawn(tags={"Name": name, **SCHEDULER})
            for _ in range(2):
                assert (await hinted.slot()).body == b"0"
                assert hinted.is_copied == is_copied

    with_hints(tmp_path, use)


def test_a_copy_by_a_hint_takes_no_more_than_its_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who hints may be the scheduler, too, and sign as much as he likes."""
    bound = 12_000
    monkeypatch.setattr(catch_up, "CATCH_UP_PAUSE_MS", 0)
    monkeypatch.setattr(copies, "COPY_JOB_MAX_BYTES", 1)
    monkeypatch.setattr(copies, "HINTED_COPY_MAX_BYTES", bound)
    marks: list[tuple[bytes, FollowMark]] = []

    async def use(hinted: Hinted) -> None:
        await hinted.spawn()
        for number in range(8):
            await hinted.send(str(number))
            assert (await hinted.slot()).status == 200
        process = decode_id(hinted.process)
        sizes = [len(each.record.encode()) for each in hinted.asked.node.schedule(process, 0, 10)]
        assert 2 < len(sizes) < 9
        assert bound - max(sizes) < sum(sizes) <= bound
        marks.append(
            (process, FollowMark(hinted.proxy.url, is_hinted=True, taken_bytes=sum(sizes)))
        )

    with_hints(tmp_path, use)
    environment = Environment.open_reader(DataFolder(tmp_path / "asked").log)
    ((process, mark),) = marks
    assert FollowMarks(LmdbTree(environment)).find(process) == mark
    environment.close()


def test_where_the_operator_lets_no_node_go_no_hint_leads(tmp_path: Path) -> None:
    async def use(hinted: Hinted) -> None:
        await hinted.spawn()
        reply = await hinted.slot("http://127.0.0.1:1")
        assert reply.status == 503
        for hint in ("http://10.0.0.1", "http://[::1]:1", "http://169.254.169.254"):
            assert (await hinted.slot(hint)).status == 307
        assert (await hinted.slot("ftp://x")).status == 400
        assert not hinted.is_copied

    with_hints(tmp_path, use)


def test_what_a_hint_serves_wrong_is_no_finding_about_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "CATCH_UP_PAUSE_MS", 0)

    async def use(hinted: Hinted) -> None:
        def forge(plain: dict[str, Any]) -> None:
            text = orjson.dumps(plain).replace(b'"one"', b'"forged"')
            plain.clear()
            plain.update(orjson.loads(text))

        await hinted.spawn()
        await hinted.send("one")
        hinted.proxy.tamper = forge
        assert (await hinted.slot()).status == 502, "its first slot holds, and is there now"
        assert (await hinted.asked.get(f"/{hinted.process}/slot/current")).body == b"0"
        assert not (tmp_path / "asked" / "evidence").exists()
        hinted.proxy.tamper = None
        assert (await hinted.slot()).body == b"1"

    with_hints(tmp_path, use)


def test_a_hint_changes_nothing_for_a_process_of_this_node(tmp_path: Path) -> None:
    async def use(hinted: Hinted) -> None:
        own = await hinted.asked.post("/schedule", spawn_item(Variant.HYPERBEAM).raw)
        hinted.process = own.headers["process"]
        for hint in (hinted.proxy.url, "ftp://x"):
            assert (await hinted.slot(hint)).body == b"0"
        assert hinted.proxy.asked == []

    with_hints(tmp_path, use)


def test_a_process_whose_copy_begins_while_its_spawn_is_verified_is_not_placed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mark stands before the first copied slot: who sees the slot does not miss the mark."""
    verify, came, may_go = handlers.verify_messages, Event(), Event()

    def verify_late(messages: Sequence[StoredMessage]) -> list[handlers.Verdict]:
        came.set()
        assert may_go.wait(30)
        return verify(messages)

    monkeypatch.setattr(handlers, "verify_messages", verify_late)

    async def use(hinted: Hinted) -> None:
        may_go.set()
        await hinted.spawn()
        may_go.clear()
        came.clear()
        raw = spawn_item(Variant.HYPERBEAM, tags=SCHEDULER).raw
        placing = asyncio.ensure_future(hinted.asked.post("/schedule", raw))
        try:
            await until(came.is_set)
            assert (await hinted.slot()).body == b"0"
            assert hinted.is_copied
        finally:
            may_go.set()
        reply = await placing
        assert (reply.status, "with a hint" in reply.json()["detail"]) == (404, True)

    with_hints(tmp_path, use, policy=Policy(any_scheduler=True))
