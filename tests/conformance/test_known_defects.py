"""What other nodes are known to get wrong, and this one must not, where no other test shows it.

`docs/ARCHITECTURE.md` names the test of each known defect.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from seriatim.formats.ids import decode_id, encode_id
from seriatim.formats.schedule.chain import GENESIS, chain_over_messages
from seriatim.formats.schedule.record import Record
from seriatim.formats.schedule.variant import Variant
from seriatim.store.lmdb_log import LmdbLog
from tests.support.builders import NODE, message_item, spawn_item
from tests.support.http_node import serving
from tests.support.hyperbeam import http_message, rsa_wallet
from tests.support.hyperbeam_http import post
from tests.support.running_node import check_log
from tests.support.strategies import known_wallet


def test_a_start_reads_where_a_process_ends_and_nothing_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HyperBEAM lists every slot to find the last one."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("slots were listed")

    read_slots: set[int] = set()
    read = LmdbLog.read

    def note(log: LmdbLog, process: bytes, slot: int) -> Record | None:
        read_slots.add(slot)
        return read(log, process, slot)

    async def main() -> None:
        async with serving(tmp_path, wallet=known_wallet(NODE)) as http:
            spawn = spawn_item(Variant.HYPERBEAM)
            assert (await http.post("/schedule", spawn.raw)).status == 200
            for number in range(5):
                item = message_item(spawn.id, str(number)).raw
                assert (await http.post("/schedule", item)).status == 200
        for name in ("read_range", "read_views", "timestamp_ms", "commits", "processes"):
            monkeypatch.setattr(LmdbLog, name, refuse)
        monkeypatch.setattr(LmdbLog, "read", note)
        async with serving(tmp_path, wallet=known_wallet(NODE)) as http:
            reply = await http.post("/schedule", message_item(spawn.id, "after").raw)
            assert (reply.status, reply.headers["slot"]) == (200, "6")
        assert read_slots <= {5}

    asyncio.run(main())


def test_a_chain_has_one_form_before_and_after_a_restart(tmp_path: Path) -> None:
    """HyperBEAM hashes the text of the value from before a restart, not the value."""

    async def main() -> None:
        ids: list[bytes] = []
        chains: list[str] = []
        process = ""
        for life in range(3):
            async with serving(tmp_path, wallet=rsa_wallet()) as http:
                for number in range(2):
                    said = {"data": b"%d %d" % (life, number), "type": b"Message"}
                    if not process:
                        said = {"device": b"process@1.0", "type": b"Process"}
                    target = f"/{process}/schedule" if process else "/schedule"
                    reply = await post(http, http_message(said), target)
                    process = reply.headers["process"]
                    chains.append(reply.headers["hash-chain"])
                    ids.append(http.node.stored(decode_id(process), len(ids)).record.message_id)
                assert check_log(http.node, decode_id(process)) == len(ids)
        value = GENESIS
        for message_id, chain in zip(ids, chains, strict=True):
            value = chain_over_messages(value, message_id)
            assert chain == encode_id(value)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("variant", "target"), [(Variant.LEGACY, "/"), (Variant.HYPERBEAM, "/schedule")]
)
def test_a_spawn_that_comes_again_burns_no_slot(
    tmp_path: Path, variant: Variant, target: str
) -> None:
    """The unit gives it a nonce that nobody can read, and the next one chains to it."""

    async def main() -> None:
        async with serving(tmp_path, wallet=known_wallet(NODE)) as http:
            scheduler = encode_id(known_wallet(NODE).address)
            spawn = spawn_item(variant, tags={"Module": "m", "Scheduler": scheduler})
            first = await http.post(target, spawn.raw)
            assert first.status == 200
            assert (await http.post(target, spawn.raw)).body == first.body
            assert (await http.post(target, message_item(spawn.id, "one").raw)).status == 200
            assert (await http.post(target, spawn.raw)).body == first.body
            assert (await http.get(f"/{encode_id(spawn.id)}/slot/current")).body == b"1"
            assert check_log(http.node, spawn.id) == 2

    asyncio.run(main())
