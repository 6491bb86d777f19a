"""HyperBEAM's scheduler keys over a socket: every path form, formats, and refusals."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pytest

from seriatim.actors.policy import Policy
from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.codec import from_message
from seriatim.formats.ans104.item import DataItem, sign_item
from seriatim.formats.codecs.json import JsonCodec
from seriatim.formats.ids import b64url_decode, decode_id, encode_id
from seriatim.formats.limits import BODY_MAX_BYTES
from seriatim.formats.signing.scheme import WalletKind
from seriatim.gateway.http.hyperbeam.devices import scheduler_device as scheduler
from tests.support.http_node import HttpNode, serving
from tests.support.strategies import known_wallet

WALLET = known_wallet(WalletKind.ED25519)
ADDRESS = encode_id(WALLET.address)
JSON = "application/json"
UNSIGNED = Policy(accept_unsigned=True)


def spawn_item(variant: bytes = b"ao.N.1", scheduler: str = ADDRESS) -> bytes:
    tags = [
        Tag(b"Data-Protocol", b"ao"),
        Tag(b"Type", b"Process"),
        Tag(b"Variant", variant),
        Tag(b"Scheduler", scheduler.encode()),
    ]
    return sign_item(WALLET, tags=tags).raw


def message_item(process: str, number: int = 0) -> bytes:
    tags = [Tag(b"Action", b"Ping"), Tag(b"Type", b"Message"), Tag(b"N", b"%d" % number)]
    return sign_item(WALLET, target=decode_id(process), tags=tags, data=b"hello").raw


async def spawned(http: HttpNode, messages: int = 0) -> str:
    reply = await http.post("/push", spawn_item(), content_type="application/ans104")
    assert reply.status == 200, reply.body
    process = reply.headers["process"]
    for number in range(messages):
        item = message_item(process, number)
        reply = await http.post(f"/{process}/schedule", item, content_type="application/ans104")
        assert reply.headers["slot"] == str(number + 1)
    return process


def test_a_path_may_name_the_codec_whatever_the_content_type_says(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            process = await spawned(http)
            for number, target in enumerate(
                ("schedule&codec-device=ans104@1.0", "schedule?codec-device=ans104@1.0"), 1
            ):
                item = message_item(process, number)
                sent = await http.post(
                    f"/{process}/{target}", item, content_type="application/json"
                )
                assert (sent.status, sent.headers["slot"]) == (200, str(number))

    asyncio.run(main())


@pytest.mark.parametrize(
    "target",
    [
        "/~scheduler@1.0/schedule",
        "/{process}/schedule",
        "/{process}~process@1.0/schedule",
        "/{process}/~scheduler@1.0/schedule",
        "/{process}~process@1.0/push",
        "/push",
    ],
)
@pytest.mark.parametrize(
    "headers", [{"content_type": "application/ans104"}, {"codec_device": "ans104@1.0"}]
)
def test_every_path_form_takes_an_item(
    tmp_path: Path, target: str, headers: dict[str, str]
) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            process = await spawned(http)
            item = message_item(process)
            reply = await http.post(target.format(process=process), item, **headers)
            assert reply.status == 200, "the messenger unit takes exactly 200"
            assert (reply.headers["slot"], reply.headers["process"]) == ("1", process)
            told = reply.json()
            assert (told["slot"], told["id"]) == (1, encode_id(DataItem.decode(item).id))
            assert told["timestamp"] == int(reply.headers["timestamp"])
            assignment = DataItem.decode(b64url_decode(told["assignment"]))
            assignment.verify()
            assert assignment.tag(b"body+link") == told["id"].encode()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("target", "slots"),
    [
        ("/~scheduler@1.0/schedule?target={process}", [0, 1, 2, 3]),
        ("/{process}/schedule?from=1&to=2", [1, 2]),
        ("/{process}~process@1.0/schedule?from=2", [2, 3]),
        ("/{process}/schedule%3Ffrom=0&to=1", [0, 1]),
        ("/{process}/schedule&from=3", [3]),
        ("/{process}/schedule?from+integer=2&to+integer=2", [2]),
        ("/{process}/schedule?from=&from=2&to=9", [2, 3]),
        ("/{process}/schedule?from=-5&to=0", [0]),
        ("/{process}/schedule?from=3&to=1", []),
        ("/{process}/schedule?from=99", []),
    ],
)
def test_a_range_is_inclusive_and_read_from_path_or_query(
    tmp_path: Path, target: str, slots: list[int]
) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            process = await spawned(http, 3)
            page = (await http.get(target.format(process=process))).json()
            assert [int(slot) for slot in page["assignments"]] == slots
            assert (page["process"], page["continues"]) == (process, False)
            aos2 = (
                await http.get(target.format(process=process), accept="application/aos-2")
            ).json()
            assert [edge["cursor"] for edge in aos2["edges"]] == slots
            assert aos2["page_info"]["has_next_page"] is False

    asyncio.run(main())


def test_the_json_schedule_can_be_verified_and_posted_back(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path / "a", wallet=WALLET) as http:
            process = await spawned(http, 2)
            page = (await http.get(f"/{process}/schedule")).json()
        bodies = [page["assignments"][str(slot)]["body"] for slot in range(3)]
        for body in bodies:
            from_message(JsonCodec().decode(orjson.dumps(body))).verify()
        async with serving(tmp_path / "b", wallet=WALLET) as http:
            for slot, body in enumerate(bodies):
                raw = orjson.dumps(body)
                reply = await http.post(
                    "/~scheduler@1.0/schedule", raw, content_type="application/json"
                )
                assert (reply.status, reply.headers["slot"]) == (200, str(slot)), reply.body

    asyncio.run(main())


def test_slot_and_its_current_key(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            process = await spawned(http, 2)
            slot = await http.get(f"/{process}/slot")
            assert slot.json()["current"] == 2
            assert (slot.headers["current"], slot.headers["cache-control"]) == ("2", "no-store")
            for target in (f"/{process}/slot/current", f"/{process}~process@1.0/slot/current"):
                assert (await http.get(target)).body == b"2"
                assert (await http.post(target, message_item(process, 7))).body == b"2"
            status = (await http.get("/~scheduler@1.0/status")).json()
            assert status == {"address": ADDRESS, "processes": [process], "live": 1}
            assert (await http.get("/~meta@1.0/info/address")).body.decode() == ADDRESS
            assert (await http.send("DELETE", "/~meta@1.0/info/address", b"")).status == 404

    asyncio.run(main())


@pytest.mark.parametrize(
    "target",
    [
        "/{process}~process@1.0/compute/results=4",
        "/{process}~process@1.0/compute=4",
        "/{process}/compute",
        "/{process}~process@1.0/now",
        "/{process}~process@1.0/as=execution/compute&Action=Info",
    ],
)
def test_a_compute_path_is_501_and_says_why(tmp_path: Path, target: str) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            process = await spawned(http)
            for reply in (
                await http.get(target.format(process=process)),
                await http.post(target.format(process=process), b"x"),
            ):
                assert reply.status == 501
                assert reply.headers["content-type"] == "application/problem+json"
                assert "compute unit" in reply.json()["detail"]

    asyncio.run(main())


def flipped(item: bytes) -> bytes:
    return item[:-1] + bytes([item[-1] ^ 1])


BODIES = {
    "empty": (b"", "application/ans104", 400, "truncated"),
    "truncated": (b"\x02\x00abc", "application/ans104", 400, "truncated"),
    "unknown type": (b"\x63\x00" + bytes(200), "application/ans104", 400, "unknown_signature_type"),
    "not JSON": (b"{", "application/json", 400, "bad_json"),
    "a JSON list": (b"[]", "application/json", 400, "bad_json"),
    "a deep JSON": (b'{"a":' * 900 + b"1" + b"}" * 900, "application/json", 413, "limit_exceeded"),
    "a deeper JSON": (b"[" * 5_000_000, "application/json", 400, "bad_json"),
    "a huge integer": (b'{"a":9223372036854775808}', "application/json", 413, "limit_exceeded"),
    "unsigned": (b'{"type":"Process"}', "application/json", 400, "unsigned"),
    "not CBOR": (b"\xff", "application/cbor", 400, "bad_cbor"),
    "no codec": (b"x", "application/x-no-such", 501, "unsupported"),
    "too large": (bytes(BODY_MAX_BYTES + 1), "application/ans104", 413, "limit_exceeded"),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_bad_body_is_a_problem_with_a_stable_code(tmp_path: Path, name: str) -> None:
    body, kind, status, code = BODIES[name]

    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            process = await spawned(http)
            for target in ("/~scheduler@1.0/schedule", f"/{process}/schedule"):
                reply = await http.post(target, body, content_type=kind)
                assert (reply.status, reply.headers["seriatim-error"]) == (status, code), reply.body
                problem = reply.json()
                assert problem["status"] == status
                assert problem["type"] == f"urn:seriatim:error:{code}"
                assert problem["detail"]
            assert (await http.get(f"/{process}/slot/current")).body == b"0", "nothing was stored"

    asyncio.run(main())


def test_messages_that_may_not_come_in_say_what_to_do(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            process = await spawned(http)
            item = message_item(process)
            stranger = spawn_item(scheduler="B" * 42 + "A")
            cases = [
                (f"/{process}/schedule", flipped(item), 400, "bad_signature"),
                ("/" + "A" * 43 + "/schedule", item, 400, "wrong_process"),
                ("/~scheduler@1.0/schedule", message_item("A" * 43), 404, "not_found"),
                ("/push", stranger, 400, "foreign_scheduler"),
                ("/push", spawn_item(b"ao.X.9"), 400, "unknown_variant"),
            ]
            for target, body, status, code in cases:
                reply = await http.post(target, body, content_type="application/ans104")
                assert (reply.status, reply.json()["code"]) == (status, code), reply.body
            refused = await http.post("/push", stranger, content_type="application/ans104")
            assert ADDRESS in refused.json()["detail"]
            assert "B" * 42 + "A" in refused.json()["detail"]
        async with serving(tmp_path, wallet=WALLET, policy=Policy(any_scheduler=True)) as http:
            assert (
                await http.post("/push", stranger, content_type="application/ans104")
            ).status == 200

    asyncio.run(main())


def test_an_unsigned_message_takes_a_new_slot_each_time(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET, policy=UNSIGNED) as http:
            spawn = b'{"type":"Process","name":"x"}'
            process = (await http.post("/push", spawn, content_type=JSON)).headers["process"]
            for slot in ("1", "2", "3"):
                body = b'{"data":"x"}'
                reply = await http.post(f"/{process}/schedule", body, content_type=JSON)
                assert reply.headers["slot"] == slot

    asyncio.run(main())


@pytest.mark.parametrize(
    "target",
    ["/nothing", "/schedule", "/~no-such@1.0/schedule", "/" + "A" * 43 + "/nothing", "/a/b/c/d"],
)
def test_an_unknown_path_is_404(tmp_path: Path, target: str) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            assert (await http.get(target)).status == 404

    asyncio.run(main())


def test_status_names_some_processes_and_counts_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "STATUS_PROCESSES_MAX", 1)

    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            first = await spawned(http)
            item = spawn_item(variant=b"ao.TN.1")
            assert (await http.post("/push", item, content_type="application/ans104")).status == 200
            status = (await http.get("/~scheduler@1.0/status")).json()
            assert (status["processes"], status["live"]) == ([first], 2)

    asyncio.run(main())


def test_an_assign_is_for_ao_units_processes_unless_unsigned_messages_are_taken(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            process = await spawned(http)
            assign = f"/?process-id={process}&assign={process}"
            reply = await http.post(assign, b"")
            assert (reply.status, reply.headers["seriatim-error"]) == (400, "unsigned")
            assert (await http.get(f"/{process}/slot/current")).body == b"0"
        async with serving(tmp_path, wallet=WALLET, policy=UNSIGNED) as http:
            assert (await http.post(assign, b"")).status == 200

    asyncio.run(main())


def test_an_encoded_ampersand_is_part_of_a_value(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            process = await spawned(http)
            assert (await http.get(f"/~scheduler@1.0/slot?target={process}")).status == 200
            assert (await http.get(f"/~scheduler@1.0/slot?target={process}%26a=b")).status == 400

    asyncio.run(main())


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/~scheduler@1.0/slot?" + "&".join(f"k{n}=v" for n in range(65)), 413),
        ("/~scheduler@1.0/slot" + "".join(f"&k{n}=v" for n in range(65)), 413),
        ("/" + "/a" * 5_000, 400),
        ("/%00/%2e%2e/%2e%2e%2fetc/passwd", 404),
        ("/%ff%fe", 400),
        ("/" + "A" * 42 + "!" + "/schedule", 400),
        ("/" + "x" * 600, 413),
        ("/a" * 40, 413),
    ],
)
def test_an_odd_path_gets_an_answer(tmp_path: Path, target: str, status: int) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            assert (await http.get(target)).status == status
            assert (await http.get("/health")).status == 200

    asyncio.run(main())


def test_browsers_may_call(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            preflight = await http.send(
                "OPTIONS", "/push", b"", access_control_request_headers="codec-device, prefer"
            )
            assert preflight.status == 204
            assert preflight.headers["access-control-allow-headers"] == "codec-device, prefer"
            for reply in (await http.get("/"), await http.get("/nothing")):
                assert reply.headers["access-control-allow-origin"] == "*"
                assert reply.headers["server"] == "seriatim"

    asyncio.run(main())


def test_a_stopping_node_says_when_to_come_back(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            process = await spawned(http)
            http.node.refuse_new_work()
            reply = await http.post(
                f"/{process}/schedule", message_item(process), content_type="application/ans104"
            )
            assert (reply.status, reply.headers["retry-after"]) == (503, "1")
            assert reply.json()["code"] == "stopping"
            assert (await http.get(f"/{process}/slot/current")).body == b"0", "reads go on"

    asyncio.run(main())


def test_metrics_count_what_was_answered(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            await spawned(http, 2)
            await http.get("/nothing")
            text = (await http.get("/metrics")).body.decode()
            assert 'seriatim_requests_total{api="hyperbeam",method="POST",status="200"} 3.0' in text
            assert 'seriatim_requests_total{api="hyperbeam",method="GET",status="404"} 1.0' in text
            assert "seriatim_live_servers 1.0" in text

    asyncio.run(main())
