"""The legacy API over a socket: the recorded schedule, every item vector, and paging."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from seriatim.actors.policy import Policy
from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.item import sign_item
from seriatim.formats.ids import decode_id, encode_id
from seriatim.formats.signing.scheme import WalletKind
from seriatim.formats.signing.wallet import wallet_from_json
from tests.support.http_node import HttpNode, HttpReply, serving
from tests.support.recorded_schedule import (
    ENTRIES,
    PID,
    SCHEDULE,
    VECTORS,
    place_recorded_schedule,
    recorded,
)
from tests.support.strategies import KEYS, known_wallet

ITEMS = VECTORS.parent / "items"
NAMES = sorted(path.stem for path in ITEMS.glob("*.bin") if path.stem != "bundle-raw-3")
WALLET = known_wallet(WalletKind.ED25519)
RECORDED_BY = wallet_from_json((KEYS / "test-only-arweave-scheduler.jwk.json").read_bytes())


REPLIES = [
    (each["file"], each["request"].removeprefix("GET "))
    for each in SCHEDULE["responses"]
    if each["request"].startswith("GET /") and each["request"] != "GET /"
]


@pytest.mark.parametrize(("file", "target"), REPLIES, ids=[file for file, _ in REPLIES])
def test_a_recorded_request_gets_the_recorded_body(tmp_path: Path, file: str, target: str) -> None:
    async def main() -> None:
        place_recorded_schedule(tmp_path)
        async with serving(tmp_path, wallet=WALLET) as http:
            reply = await http.get(target)
            assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
            assert reply.body == recorded(file.removesuffix(".json"))

    asyncio.run(main())


def test_the_schedule_goes_on_where_the_record_ends(tmp_path: Path) -> None:
    """A log is continued with the wallet that it was recorded with, and with no other one."""

    async def main() -> None:
        place_recorded_schedule(tmp_path)
        async with serving(tmp_path, wallet=RECORDED_BY) as http:
            item = (VECTORS / "06-message.bin").read_bytes()
            assert (await http.post("/", item)).json() == {
                "id": ENTRIES[6]["messageId"],
                "timestamp": ENTRIES[6]["timestamp"],
            }
            reply = await http.get(f"/{PID}/latest")
            assert reply.json()["message"]["id"] == ENTRIES[6]["messageId"]
            process = (await http.get(f"/processes/{PID}")).json()
            assert list(process) == [
                "process_id", "block", "owner", "tags", "timestamp", "data", "anchor",
                "signature", "target",
            ]  # fmt: skip
            assert process["block"] == "000001500000"

    asyncio.run(main())


def verdict(name: str) -> dict[str, Any]:
    described: dict[str, Any] = orjson.loads((ITEMS / f"{name}.json").read_bytes())
    return described


@pytest.mark.parametrize("name", NAMES)
def test_an_item_vector_gets_its_verdict_and_the_node_goes_on(tmp_path: Path, name: str) -> None:
    """Good ones are for a process that is not here, or spawn one; bad ones name their fault."""

    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET, policy=Policy(any_scheduler=True)) as http:
            reply = await http.post("/", (ITEMS / f"{name}.bin").read_bytes())
            described = verdict(name)
            tags = {tag.get("name"): tag.get("value") for tag in described.get("tags") or []}
            is_good = "valid" in described["expected"]["signature"] and described["parse"] == "ok"
            if is_good and tags.get("Type") == "Process" and {"Module", "Scheduler"} <= set(tags):
                assert reply.status == 200, reply.body
                assert reply.json()["id"] == described["id"]
                assert len(http.node.processes(limit=5)) == 1
            else:
                assert reply.status in (400, 413)
                assert list(reply.json()) == ["error"]
                assert reply.headers["seriatim-error"]
                assert http.node.processes(limit=5) == []
            assert (await http.get("/health")).status == 200

    asyncio.run(main())


SENTENCES = {
    "data-protocol-missing": "Data-Protocol tag not present",
    "no-tags": "Type tag not present",
    "type-module": "Unsupported Type tag value",
    "plus-link-name": "Tag x+link cannot contain +link",
}


@pytest.mark.parametrize("name", SENTENCES)
def test_the_legacy_rules_answer_in_the_units_words(tmp_path: Path, name: str) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            reply = await http.post("/", (ITEMS / f"{name}.bin").read_bytes())
            assert reply.json() == {"error": SENTENCES[name]}

    asyncio.run(main())


async def legacy_process(http: HttpNode, messages: int) -> str:
    spawn = sign_item(
        WALLET,
        tags=[
            Tag(b"Data-Protocol", b"ao"),
            Tag(b"Type", b"Process"),
            Tag(b"Module", b"m"),
            Tag(b"Scheduler", encode_id(WALLET.address).encode()),
        ],
    )
    process = str((await http.post("/", spawn.raw)).json()["id"])
    for number in range(messages):
        assert (await http.post("/", message(process, number))).status == 200
    return process


def message(process: str, number: int) -> bytes:
    tags = [Tag(b"Data-Protocol", b"ao"), Tag(b"Type", b"Message"), Tag(b"N", b"%d" % number)]
    return sign_item(WALLET, target=decode_id(process), tags=tags, data=b"x").raw


async def walk(http: HttpNode, process: str, limit: int, cursor: str) -> list[int]:
    """Page as a client does, by times or by slots; return the nonces that came."""
    nonces: list[int] = []
    more = ""
    while True:
        query = f"process-id={process}&limit={limit}{more}"
        page = (await http.get(f"/{process}?{query}")).json()
        for edge in page["edges"]:
            tags = {tag["name"]: tag["value"] for tag in edge["node"]["assignment"]["tags"]}
            nonces.append(int(tags["Nonce"]))
        if not page["page_info"]["has_next_page"]:
            return nonces
        assert page["edges"], "never a next page after none"
        more = f"&{cursor}={page['edges'][-1]['cursor']}"


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_paging_by_time_gives_every_slot_once(tmp_path: Path, limit: int) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            process = await legacy_process(http, 9)
            assert await walk(http, process, limit, "from") == list(range(10))

    asyncio.run(main())


@pytest.mark.parametrize("limit", [1, 4, 100])
def test_paging_by_slot_gives_every_slot_once(tmp_path: Path, limit: int) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            process = await legacy_process(http, 9)
            page = (await http.get(f"/{process}?from-nonce=-1&limit={limit}")).json()
            seen = [edge["cursor"] for edge in page["edges"]]
            while page["page_info"]["has_next_page"]:
                query = f"from-nonce={seen[-1]}&limit={limit}"
                page = (await http.get(f"/{process}?{query}")).json()
                seen += [edge["cursor"] for edge in page["edges"]]
            assert seen == [str(nonce) for nonce in range(10)]

    asyncio.run(main())


def test_what_real_clients_send_is_taken(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            process = await legacy_process(http, 2)
            page = (
                await http.get(f"/{process}?from=undefined&to=undefined&limit=undefined")
            ).json()
            assert len(page["edges"]) == 3
            fresh = await legacy_process(http, 0)
            assert fresh == process, "the same spawn is the same process"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "bad_query"),
        ("limit=-1", "bad_query"),
        ("from=x", "bad_query"),
        ("to-nonce=1.5", "bad_query"),
        ("from=" + "9" * 30, "bad_query"),
    ],
)
def test_a_bad_bound_is_refused_with_a_sentence(tmp_path: Path, query: str, code: str) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            process = await legacy_process(http, 1)
            reply = await http.get(f"/{process}?{query}")
            assert reply.headers["seriatim-error"] == code
            assert 400 <= reply.status < 500
            assert reply.json()["error"]

    asyncio.run(main())


def test_the_same_message_gets_the_same_answer_also_after_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            process = await legacy_process(http, 0)
            item = message(process, 1)
            replies = await asyncio.gather(*(http.post("/", item) for _ in range(20)))
            assert len({reply.body for reply in replies}) == 1
            node = await http.get(f"/{process}?from-nonce=0")
            assert len(node.json()["edges"]) == 1
        async with serving(tmp_path, wallet=WALLET) as http:
            assert (await http.post("/", item)).body == replies[0].body
            assert (await http.get(f"/{process}?from-nonce=0")).body == node.body

    asyncio.run(main())


def test_an_assign_takes_a_slot_and_is_found_by_its_own_id(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            process = await legacy_process(http, 1)
            (edge,) = (await http.get(f"/{process}?from-nonce=0")).json()["edges"]
            known = edge["node"]["message"]["id"]
            assigned = await http.post(f"/?process-id={process}&assign={known}&exclude=a,b", b"")
            node = (await http.get(f"/{assigned.json()['id']}?process-id={process}")).json()
            assert node["message"] is None
            tags = [(tag["name"], tag["value"]) for tag in node["assignment"]["tags"]]
            assert tags[-3:] == [("Message", known), ("Exclude", "a"), ("Exclude", "b")]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("process-id={process}", "If sending assign or process-id, you must send both."),
        ("process-id={process}&assign=short", "assign param must be 43 characters"),
        ("process-id=" + "A" * 43 + "&assign=" + "A" * 43, 'NotFound("Process not found")'),
        ("process-id={process}&assign=" + "A" * 43, "Transaction not found"),
    ],
)
def test_a_bad_assign_is_refused_in_the_units_words(
    tmp_path: Path, query: str, sentence: str
) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            process = await legacy_process(http, 0)
            reply = await http.post("/?" + query.format(process=process), b"")
            assert (reply.status, reply.json()) == (400, {"error": sentence})

    asyncio.run(main())


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("/" + "A" * 43, "Message or Process not found"),
        ("/processes/" + "A" * 43, 'NotFound("Process not found")'),
        ("/" + "A" * 43 + "/latest", "Latest message not available"),
    ],
)
def test_what_is_not_there_is_400_as_the_unit_says_it(
    tmp_path: Path, target: str, sentence: str
) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            reply: HttpReply = await http.get(target)
            assert (reply.status, reply.json()) == (400, {"error": sentence})

    asyncio.run(main())
