"""Following real nodes over HTTP, straight and through a proxy that tampers."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from aiohttp import web

from seriatim.actors.follow.folder import FollowedProcess, open_followed
from seriatim.actors.follow.follower import Follower
from seriatim.actors.node import Node
from seriatim.actors.policy import Policy
from seriatim.actors.runtime.clock import ManualClock
from seriatim.formats.errors import (
    DivergedError,
    ForkError,
    GapError,
    NotFoundError,
    NotVerifiableError,
    RewrittenError,
    SchedulerError,
    TamperedError,
    UnavailableError,
)
from seriatim.formats.ids import encode_id
from seriatim.formats.message import Message
from seriatim.formats.schedule.record import Record
from seriatim.formats.schedule.submission import submit_unsigned
from seriatim.formats.schedule.variant import Variant
from tests.support.builders import message
from tests.support.copies import paging
from tests.support.http_node import serving
from tests.support.hyperbeam import PROCESS as RECORDED_PROCESS
from tests.support.hyperbeam import (
    RECORDED,
    SCHEDULER,
    http_spawn,
    http_submission,
    rsa_wallet,
    stored_of,
)
from tests.support.listening import Answer, listening
from tests.support.node_sources import META, SLOTS, behind_a_proxy, fill, source_at
from tests.support.records import make_id
from tests.support.running_node import WALLET, post
from tests.support.tampering_proxy import tampering

ACCEPTING = Policy(accept_unsigned=True)
Change = Callable[[dict[str, Any]], None]


async def follow(folder: Path, url: str, process: bytes, *, page_slots: int = 3) -> str:
    """Follow into *folder* to the head; return the shape of the source's pages."""
    async with (
        open_followed(folder, process, url=url, now_ms=1) as copy,
        source_at(url, process) as source,
    ):
        with paging(page_slots):
            await Follower(
                copy,
                source,
                clock=ManualClock(),
                draw=Random(7).randrange,
                tell=lambda news: None,
            ).run(once=True)
        return source.shape


async def copied(folder: Path, process: bytes) -> list[Record]:
    async with open_followed(folder, process, url="http://reading.example", now_ms=1) as copy:
        return [copy.record(slot) for slot in range(copy.slots)]


def records_of(node: Node, process: bytes) -> list[Record]:
    return [each.record for each in node.schedule(process, 0, 1 << 40)]


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(main)


@pytest.mark.parametrize("shape", ["records", "schedule"])
@pytest.mark.parametrize("page_slots", [1, 3, 50])
@pytest.mark.parametrize("variant", Variant)
def test_a_node_is_followed_byte_for_byte(
    variant: Variant, page_slots: int, shape: str, tmp_path: Path
) -> None:
    async def main() -> None:
        async with (
            serving(tmp_path / "node", wallet=WALLET, policy=ACCEPTING) as it,
            tampering(it.port) as proxy,  # it has JSON only
        ):
            process = await fill(it.node, variant)
            plain = Message({"deep": (1, 2.5, "x", True), "raw": b"\xff"})
            await post(it.node, submit_unsigned(plain, process=process))
            await it.node.schedule_reference(process, make_id("elsewhere"), excludes=("Data",))
            await post(it.node, message(process, b"\xff\x00 no text"))
            url = f"http://127.0.0.1:{it.port}" if shape == "records" else proxy.url
            copy = tmp_path / "copy"
            assert await follow(copy, url, process, page_slots=page_slots) == shape
            assert await copied(copy, process) == records_of(it.node, process)
            await post(it.node, message(process, "later"))
            await follow(copy, url, process, page_slots=page_slots)
            assert await copied(copy, process) == records_of(it.node, process)

    run(main())


def test_a_copy_can_be_followed(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path / "node", wallet=WALLET) as it:
            process = await fill(it.node, Variant.LEGACY)
            await follow(tmp_path / "copy", f"http://127.0.0.1:{it.port}", process)
            records = records_of(it.node, process)
        async with serving(tmp_path / "copy", wallet=WALLET) as it:
            await follow(tmp_path / "second", f"http://127.0.0.1:{it.port}/", process)
            refused = await it.post(
                f"/{encode_id(process)}/schedule", message(process, "x").message
            )
            assert refused.status == 307
            assert refused.json()["code"] == "followed"
            legacy = await it.post(
                "/",
                message(
                    process,
                    "y",
                ).message,
            )
            assert legacy.status == 307
        assert await copied(tmp_path / "second", process) == records

    run(main())


def test_a_node_of_http_messages_is_followed_byte_for_byte(tmp_path: Path) -> None:
    first = http_spawn()

    async def main() -> None:
        async with serving(tmp_path / "node", wallet=rsa_wallet(), policy=ACCEPTING) as it:
            for each in (
                first,
                http_submission(first.process, b"signed"),
                message(first.process, "an item"),
                http_submission(first.process, b"plain", is_signed=False),
                http_submission(first.process, b"\xff no text", path=b"a/b"),
            ):
                await post(it.node, each)
            await follow(tmp_path / "copy", f"http://127.0.0.1:{it.port}", first.process)
            assert await copied(tmp_path / "copy", first.process) == records_of(
                it.node, first.process
            )

    run(main())


@pytest.mark.parametrize("page_slots", [1, 3, 500])
def test_a_node_that_serves_http_messages_only_is_followed_as_far_as_they_prove(
    page_slots: int, tmp_path: Path
) -> None:
    first = http_spawn()
    copy = tmp_path / "copy"

    async def main() -> None:
        async with (
            serving(tmp_path / "node", wallet=rsa_wallet()) as it,
            tampering(it.port) as proxy,
        ):
            proxy.accept = "multipart/form-data"
            await post(it.node, first)
            for number in range(6):
                await post(it.node, http_submission(first.process, b"%d" % number))
            assert await follow(copy, proxy.url, first.process, page_slots=page_slots) == "bundle"
            assert await copied(copy, first.process) == records_of(it.node, first.process)
            await post(it.node, message(first.process, "an item"))
            with pytest.raises(NotVerifiableError, match="slot 7"):
                await follow(copy, proxy.url, first.process, page_slots=page_slots)
            assert await copied(copy, first.process) == records_of(it.node, first.process)[:7]

    run(main())
    assert not (copy / "evidence").exists(), "nobody is accused"


def test_a_recorded_hyperbeam_node_is_followed_as_far_as_its_signatures_are_its_own(
    tmp_path: Path,
) -> None:
    """It serves slot 0's signature for the slots behind it: it is not accused, and not believed."""
    info = orjson.loads((SCHEDULER / "info.json").read_bytes())

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == META:
            return web.Response(text=info["scheduler-address"])
        name = "33-get-slot-current-key" if "slot" in request.path else "10-get-schedule-default"
        reply = orjson.loads((SCHEDULER / "http" / f"{name}.json").read_bytes())["response"]
        headers = {key: each for key, each in reply["headers"] if key == "content-type"}
        return web.Response(body=b64decode(reply["body_b64"]), headers=headers)

    async def main() -> None:
        async with answering(answer) as url:
            with pytest.raises(NotVerifiableError, match=r"slot 1 .*another one's signature"):
                await follow(tmp_path / "copy", url, RECORDED_PROCESS)
        first = stored_of(RECORDED[0]).record
        assert await copied(tmp_path / "copy", RECORDED_PROCESS) == [first]

    run(main())
    assert not (tmp_path / "copy" / "evidence").exists()


@pytest.mark.parametrize("page_slots", [1, 3, 50])
def test_an_ao_unit_is_followed_by_its_pages(page_slots: int, tmp_path: Path) -> None:
    async def main() -> None:
        async with behind_a_proxy(tmp_path) as (it, proxy, process):
            proxy.hidden = {META}
            shape = await follow(tmp_path / "copy", proxy.url, process, page_slots=page_slots)
            assert shape == "legacy"
            assert await copied(tmp_path / "copy", process) == records_of(it.node, process)
            assert not any("~" in path for path in proxy.asked[1:])

    run(main())


def test_an_ao_unit_that_has_no_latest_of_a_fresh_process_is_followed(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path / "node", wallet=WALLET) as it, tampering(it.port) as proxy:
            process = await fill(it.node, Variant.LEGACY, 1)
            proxy.hidden = {META, f"/{encode_id(process)}/latest"}
            await follow(tmp_path / "copy", proxy.url, process)
            assert len(await copied(tmp_path / "copy", process)) == 1

    run(main())


@pytest.mark.parametrize("variant", [Variant.HYPERBEAM, Variant.NATIVE])
def test_what_legacy_pages_translate_is_not_followed_by_them(
    variant: Variant, tmp_path: Path
) -> None:
    async def main() -> None:
        async with behind_a_proxy(tmp_path, variant) as (_, proxy, process):
            proxy.hidden = {META}
            with pytest.raises(NotVerifiableError, match="translat"):
                await follow(tmp_path / "copy", proxy.url, process)

    run(main())


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[str]:
    """Run a server that answers as *answer* does; give its URL."""
    async with listening(answer) as port:
        yield f"http://127.0.0.1:{port}"


async def first_page(answer: Answer) -> None:
    """Ask a server that answers as *answer* does for its first page."""
    async with answering(answer) as url, source_at(url, make_id("p")) as source:
        await source.last()


AOS2_NODE: dict[str, Any] = {"assignment": {"Tags": []}, "message": {}}


@pytest.mark.parametrize(
    ("bodies", "kind"),
    [
        ({}, NotVerifiableError),
        ({META: b"A" * 43}, NotFoundError),
        ({META: b"A" * 42}, NotVerifiableError),
        ({META: b"A" * 43, "schedule": b"<html>"}, NotVerifiableError),
        (
            {META: b"A" * 43, "schedule": orjson.dumps({"edges": [{"node": AOS2_NODE}]})},
            NotVerifiableError,
        ),
        (
            {
                META: b"A" * 43,
                "schedule": orjson.dumps({"edges": [{"node": AOS2_NODE}]}),
                "/": b'{"address":"%b"}' % (b"A" * 43),
            },
            NotFoundError,  # by its legacy pages: it is asked for them instead
        ),
        ({"/": b"{}"}, NotVerifiableError),
        ({"/": b'{"address":"%b"}' % (b"A" * 43)}, NotFoundError),
        (
            {
                "/": b'{"address":"%b"}' % (b"A" * 43),
                "latest": orjson.dumps(AOS2_NODE),
            },
            NotVerifiableError,
        ),
    ],
)
def test_what_is_no_source_is_refused(bodies: dict[str, bytes], kind: type[SchedulerError]) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        body = bodies.get(request.path, bodies.get(request.path.rpartition("/")[2]))
        if body is None:
            return web.Response(status=404, body=b'{"error":"no"}')
        return web.Response(body=body)

    with pytest.raises(kind):
        run(first_page(answer))


def test_nobody_there_is_unavailable() -> None:
    async def main() -> None:
        async with source_at("http://127.0.0.1:9", make_id("p")) as source:
            await source.last()

    with pytest.raises(UnavailableError):
        run(main())


def test_a_process_that_the_node_does_not_know_is_not_found(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path / "node", wallet=WALLET) as it:
            with pytest.raises(NotFoundError):
                await follow(tmp_path / "copy", f"http://127.0.0.1:{it.port}", make_id("p"))

    run(main())


def entry_of(page: dict[str, Any], slot: int) -> dict[str, Any]:
    """Return the entry of *slot* on a page of either shape; an empty one where it has none."""
    if "edges" in page:
        for edge in page["edges"]:
            tags = {tag["name"]: tag["value"] for tag in edge["node"]["assignment"]["tags"]}
            if tags["Nonce"] == str(slot):
                node: dict[str, Any] = edge["node"]
                return node
    found: dict[str, Any] = page.get("assignments", {}).get(str(slot), {})
    return found


def forge_message(entry: dict[str, Any]) -> None:
    part = entry.get("body", entry.get("message", {}))
    if part:
        part["data"] = "forged"


def forge_signature(entry: dict[str, Any]) -> None:
    if "commitments" in entry:
        next(iter(entry["commitments"].values()))["signature"] = "A" * 86 + "E"
    elif entry:
        entry["assignment"]["signature"] = "A" * 86 + "E"


def forge_chain(entry: dict[str, Any]) -> None:
    if "hash-chain" in entry:
        entry["hash-chain"] = "A" * 43
    for tag in entry.get("assignment", {}).get("tags", ()):
        if tag["name"] == "Hash-Chain":
            tag["value"] = "A" * 43


def hide(page: dict[str, Any], slot: int) -> None:
    entry = entry_of(page, slot)
    if "edges" in page:
        page["edges"] = [edge for edge in page["edges"] if edge["node"] is not entry]
    page.get("assignments", {}).pop(str(slot), None)


@pytest.mark.parametrize("shape", ["schedule", "legacy"])
@pytest.mark.parametrize("forge", [forge_message, forge_signature, forge_chain])
def test_a_forged_slot_is_tampered_when_new_and_rewritten_when_stored(
    shape: str, forge: Change, tmp_path: Path
) -> None:
    async def main() -> None:
        async with behind_a_proxy(tmp_path) as (it, proxy, process):
            proxy.hidden = {META} if shape == "legacy" else set()

            def tamper_with(slot: int) -> Change:
                return lambda page: forge(entry_of(page, slot))

            proxy.tamper = tamper_with(4)
            finding = await caught(tmp_path, proxy.url, process, TamperedError, 4)
            assert await copied(tmp_path / "copy", process) == records_of(it.node, process)[:4]
            assert finding["received"] is not None or finding["entry"]
            proxy.tamper = tamper_with(3)
            await caught(tmp_path, proxy.url, process, RewrittenError, 3)
            proxy.tamper = None
            await follow(tmp_path / "copy", proxy.url, process)
            assert await copied(tmp_path / "copy", process) == records_of(it.node, process)

    run(main())


async def caught(
    folder: Path, url: str, process: bytes, kind: type[DivergedError], slot: int
) -> dict[str, Any]:
    """Follow *url*, which ends with *kind* at *slot*; return the evidence."""
    with pytest.raises(kind) as found:
        await follow(folder / "copy", url, process)
    assert found.value.slot == slot
    evidence = Path(found.value.evidence)
    assert evidence.parent == folder / "copy" / "evidence"
    plain: dict[str, Any] = orjson.loads(await asyncio.to_thread(evidence.read_bytes))
    assert plain["kind"] == kind.code
    return plain


@pytest.mark.parametrize("shape", ["schedule", "legacy"])
def test_a_hidden_slot_is_a_gap(shape: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with behind_a_proxy(tmp_path) as (_, proxy, process):
            proxy.hidden = {META} if shape == "legacy" else set()
            proxy.tamper = lambda page: hide(page, 4)
            await caught(tmp_path, proxy.url, process, GapError, 4)

    run(main())


@pytest.mark.parametrize("shape", ["schedule", "legacy"])
@pytest.mark.parametrize("variant", [Variant.LEGACY, Variant.HYPERBEAM])
def test_a_second_node_with_the_same_wallet_is_a_fork(
    variant: Variant, shape: str, tmp_path: Path
) -> None:
    if variant is Variant.HYPERBEAM and shape == "legacy":
        return

    async def main() -> None:
        async with (
            behind_a_proxy(tmp_path, variant) as (it, proxy, process),
            serving(tmp_path / "second", wallet=WALLET) as second,
        ):
            proxy.hidden = {META} if shape == "legacy" else set()
            await follow(tmp_path / "copy", proxy.url, process)
            await fill(second.node, variant, SLOTS + 3, prefix="other ")
            proxy.target = f"http://127.0.0.1:{second.port}"
            finding = await caught(tmp_path, proxy.url, process, ForkError, SLOTS - 1)
            assert finding["scheduler"] == encode_id(WALLET.address)
            assert finding["stored"]["assignment"] != finding["received"]["assignment"]
            assert await copied(tmp_path / "copy", process) == records_of(it.node, process)

    run(main())


def test_a_copy_that_is_opened_anew_continues(tmp_path: Path) -> None:
    async def main() -> None:
        async with behind_a_proxy(tmp_path) as (_, proxy, process):
            await follow(tmp_path / "copy", proxy.url, process)
            before = len(proxy.asked)
            await follow(tmp_path / "copy", proxy.url, process)
            pages = [path for path in proxy.asked[before:] if "schedule" in path]
            where = f"/{encode_id(process)}/schedule"
            drawn = Random(7).randrange(SLOTS - 1)
            compared = [f"{where}?from={slot}&to={slot}" for slot in (SLOTS - 1, drawn)]
            assert pages[1:] == compared, "nothing else is read twice"
        async with open_followed(tmp_path / "copy", process, url="http://x", now_ms=1) as copy:
            assert isinstance(copy, FollowedProcess)
            assert copy.slots == SLOTS

    run(main())
