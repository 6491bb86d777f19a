"""When a node answers: each mode of HyperBEAM's ``scheduling_mode``, over HTTP."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from seriatim.actors.policy import Policy
from seriatim.formats.ids import encode_id
from seriatim.formats.schedule.mode import SchedulingMode
from seriatim.formats.schedule.variant import Variant
from tests.support.builders import message_item, spawn_item
from tests.support.http_node import HttpNode, serving
from tests.support.running_node import WALLET

HOME = encode_id(WALLET.address)
LEGACY_SPAWN = spawn_item(Variant.LEGACY, tags={"Module": "M" * 43, "Scheduler": HOME})
AGGRESSIVE = Policy(mode=SchedulingMode.AGGRESSIVE)
DISABLED = Policy(mode=SchedulingMode.DISABLED)


async def until_there(client: HttpNode, target: str) -> None:
    """Ask for *target* until it is there."""
    for _ in range(10_000):
        if (await client.get(target)).status == 200:
            return
    raise AssertionError(f"{target} is not there")


@pytest.mark.parametrize("accept", ["application/json", "application/httpsig"])
def test_an_aggressive_answer_says_what_it_is_and_names_the_slot(
    tmp_path: Path, accept: str
) -> None:
    async def main() -> None:
        async with serving(tmp_path / "data", wallet=WALLET, policy=AGGRESSIVE) as client:
            item = spawn_item(Variant.HYPERBEAM)
            sent = await client.post("/schedule", item.raw, accept=accept)
            assert (sent.status, sent.headers["scheduling-mode"]) == (200, "aggressive")
            assert (sent.headers["slot"], sent.headers["process"]) == ("0", encode_id(item.id))
            await until_there(client, f"/{encode_id(item.id)}/slot")
            again = await client.post("/schedule", item.raw, accept="application/json")
            assert again.json()["timestamp"] == int(sent.headers["timestamp"]), "now it is on disk"
            assert again.json()["assignment-id"]

    asyncio.run(main())


def test_a_look_up_that_finds_nothing_hides_no_slot_and_invents_none(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path / "data", wallet=WALLET, policy=AGGRESSIVE) as client:
            item = spawn_item(Variant.HYPERBEAM)
            sent = await client.post("/schedule/nothing", item.raw)
            assert (sent.status, sent.headers["slot"]) == (200, "0"), "it was placed"
            process = encode_id(item.id)
            await until_there(client, f"/{process}/slot")
            assert (await client.post(f"/{process}/slot/nothing", b"")).status == 404

    asyncio.run(main())


def test_an_aggressive_answer_of_the_legacy_api_says_so_in_a_header(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path / "data", wallet=WALLET, policy=AGGRESSIVE) as client:
            item = LEGACY_SPAWN
            sent = await client.post("/", item.raw)
            assert sent.headers["scheduling-mode"] == "aggressive"
            assert sent.json()["id"] == encode_id(item.id)

    asyncio.run(main())


def test_an_assign_is_answered_when_it_is_on_disk_in_any_mode(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path / "data", wallet=WALLET, policy=AGGRESSIVE) as client:
            spawn = LEGACY_SPAWN
            process = encode_id(spawn.id)
            item = message_item(spawn.id, "once more")
            for raw in (spawn.raw, item.raw):
                await client.post("/", raw)
            await until_there(client, f"/{encode_id(item.id)}")
            sent = await client.post(f"/?process-id={process}&assign={encode_id(item.id)}", b"")
            assert "scheduling-mode" not in sent.headers
            assert (await client.get(f"/{sent.json()['id']}?process-id={process}")).status == 200

    asyncio.run(main())


def test_the_default_says_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path / "data", wallet=WALLET) as client:
            sent = await client.post("/schedule", spawn_item(Variant.HYPERBEAM).raw)
            assert "scheduling-mode" not in sent.headers
            assert "scheduling-mode" not in sent.json()

    asyncio.run(main())


def test_a_node_that_places_nothing_serves_what_it_has(tmp_path: Path) -> None:
    async def main() -> None:
        spawn = LEGACY_SPAWN
        process = encode_id(spawn.id)
        async with serving(tmp_path / "data", wallet=WALLET) as client:
            await client.post("/", spawn.raw)
        async with serving(tmp_path / "data", wallet=WALLET, policy=DISABLED) as client:
            item = message_item(spawn.id, "not here")
            for target, raw in (
                ("/", item.raw),
                (f"/{process}/schedule", item.raw),
                ("/schedule", spawn_item(Variant.HYPERBEAM, "another").raw),
                (f"/?process-id={process}&assign={process}", b""),
            ):
                refused = await client.post(target, raw)
                assert refused.status == 501, target
                assert refused.headers["seriatim-error"] == "scheduling_disabled"
            assert (await client.get(f"/{process}/slot/current")).body == b"0"
            assert (await client.get(f"/{process}/latest")).status == 200

    asyncio.run(main())
