"""What HyperBEAM's clients may ask in one request: forms of replies, and keys of answers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from seriatim.actors.policy import Policy
from seriatim.formats.schedule.mode import SchedulingMode
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.wallet import Wallet
from tests.support.builders import NODE, spawn_item
from tests.support.http_node import serving
from tests.support.hyperbeam import VECTORS, http_message, rsa_wallet
from tests.support.hyperbeam_http import exchange, get, post, recorded_reply
from tests.support.strategies import known_wallet

ANS104 = "application/ans104"
JSON = "application/json"
HTTP = "application/httpsig"
GENERAL = VECTORS / "general"

# Requests of no device of schedulers, and what is answered here; 0 for HyperBEAM's own status.
RECORDED = {
    "31-unknown-device": 404,  # a 500
    "32-root": 200,  # 302 to its pages; here it is the legacy API's
    "33-message-key": 0,
    "34-message-key-missing": 0,
    "35-scheduler-unknown-key": 0,
}


def test_the_general_requests_are_there() -> None:
    assert {file.name.split(".")[0] for file in GENERAL.iterdir()} == RECORDED.keys()


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_general_request_gets_its_answer(tmp_path: Path, name: str) -> None:
    theirs = recorded_reply((GENERAL / f"{name}.response.raw").read_bytes())

    async def main() -> None:
        async with serving(tmp_path, wallet=rsa_wallet()) as http:
            raw = (GENERAL / f"{name}.request.raw").read_bytes()
            reply = await asyncio.to_thread(exchange, http.port, raw)
            assert reply.status == (RECORDED[name] or theirs.status)
            if reply.status == theirs.status == 200:
                assert reply.body == theirs.body
                types = theirs.headers["ao-types"].removesuffix(', status="integer"')
                assert reply.headers["ao-types"] == types
                assert reply.headers["ao-result"] == theirs.headers["ao-result"]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("target", "body", "types"),
    [
        ("/~message@1.0&a=1/a", "1", None),
        ("/~message@1.0/a?a=x%20y", "x y", None),
        ("/~message@1.0/a?0.a=base&1.a=step", "base", None),
        ("/~message@1.0&a+float=2.5/a", "2.50000000000000000000e+00", 'body="float"'),
        ("/~message@1.0&a+atom=true/a", '"true"', 'body="atom"'),
        ("/~message@1.0&a+atom=undefined/a", '"undefined"', 'body="atom"'),
    ],
)
def test_a_path_is_a_message_that_can_be_looked_into(
    tmp_path: Path, target: str, body: str, types: str | None
) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=known_wallet(NODE)) as http:
            reply = await get(http, target)
            assert (reply.status, reply.body.decode()) == (200, body)
            assert reply.headers.get("ao-types") == types
            assert (await http.get(target)).status == 200
            assert (await http.post(target, b"")).status == 404

    asyncio.run(main())


@pytest.mark.parametrize(
    ("accept", "is_json"),
    [
        (f"{JSON}, {HTTP}", True),
        (f"{HTTP}, {JSON}", False),
        (f"{JSON};q=0.1, {HTTP};q=0.9", False),
        (f"{JSON};q=0, {HTTP}", False),
        (f"{HTTP};q=0, {JSON};q=0.001", True),
        (f"{HTTP};q=0.0", True),
        (f"{JSON};charset=utf-8;q=0.2 , {HTTP} ; Q=0.3", False),
        (f"{HTTP};q=x, {JSON};q=0.9", False),
        (f"{HTTP};q=nan, {JSON}", False),
        (f"application/xml, {HTTP};q=0.2", False),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("device/httpsig@1.0", False),
        ("httpsig@1.0", False),
        ("APPLICATION/JSON", True),
        (",;q=,", True),
    ],
)
def test_the_type_with_the_highest_weight_is_sent(
    tmp_path: Path, accept: str, *, is_json: bool
) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=known_wallet(NODE)) as http:
            reply = await http.get("/~scheduler@1.0/status", accept=accept)
            assert reply.status == 200
            assert (reply.headers.get("content-type") == JSON) is is_json

    asyncio.run(main())


@pytest.mark.parametrize(
    ("headers", "query", "is_json"),
    [
        ({"accept_codec": "json@1.0"}, "", True),
        ({"accept_codec": "json@1.0", "accept": HTTP}, "", True),
        ({"require_codec": "httpsig@1.0", "accept_codec": "json@1.0"}, "", False),
        ({"require_codec": "application/json"}, "", True),
        ({"accept": JSON}, "?accept-codec=httpsig@1.0", False),
        ({"accept_codec": "json@1.0"}, "?require-codec=httpsig@1.0", False),
        ({"accept": JSON}, "?accept=application%2Fhttpsig", False),
    ],
)
def test_a_codec_that_is_named_goes_before_what_is_accepted(
    tmp_path: Path, headers: dict[str, str], query: str, *, is_json: bool
) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=known_wallet(NODE)) as http:
            reply = await http.get(f"/~scheduler@1.0/status{query}", **headers)
            assert reply.status == 200
            assert (reply.headers.get("content-type") == JSON) is is_json

    asyncio.run(main())


def test_everything_can_be_asked_for_with_the_headers_of_a_page(tmp_path: Path) -> None:
    """A compute unit accepts aos-2 whatever it asks for; HyperBEAM minds that for pages only."""

    async def main() -> None:
        async with serving(tmp_path, wallet=rsa_wallet()) as http:
            spawn = http_message({"device": b"process@1.0", "type": b"Process"})
            reply = await post(http, spawn, "/schedule", accept="application/aos-2")
            assert (reply.status, reply.headers["content-type"]) == (200, JSON)
            process = reply.headers["process"]
            slot = await http.get(f"/{process}/slot", accept="application/aos-2")
            assert slot.json()["current"] == 0
            assert "seriatim-verifiable" not in slot.headers
            page = await http.get(f"/{process}/schedule", accept="application/aos-2")
            assert page.headers["seriatim-verifiable"] == "no"

    asyncio.run(main())


def test_a_page_and_its_assignments_can_be_looked_into(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=rsa_wallet()) as http:
            spawn = http_message({"device": b"process@1.0", "type": b"Process"})
            process = (await post(http, spawn, "/schedule")).headers["process"]
            for key, body, types in (
                ("process", process, None),
                ("type", "schedule", None),
                ("continues", '"false"', 'body="atom"'),
                ("block-height", "0", 'body="integer"'),
                ("block-hash", "A" * 43, None),
                ("timestamp", "0", 'body="integer"'),
                ("assignments/0/slot", "0", 'body="integer"'),
                ("assignments/0/epoch", "0", None),
                ("assignments/0/body/type", "Process", None),
            ):
                reply = await get(http, f"/{process}/schedule/{key}")
                assert (reply.status, reply.body.decode()) == (200, body), key
                assert (reply.headers["ao-result"], reply.headers.get("ao-types")) == (
                    "body",
                    types,
                )
            for key in (
                "assignments/00",
                "assignments/1",
                "assignments/-0",
                "assignments/%D9%A0",
                "no",
            ):
                assert (await http.get(f"/{process}/schedule/{key}")).status == 404, key
            for accept in (JSON, HTTP):
                whole = await http.get(f"/{process}/schedule/assignments", accept=accept)
                assert (whole.status, whole.json()["code"]) == (501, "unsupported")
                assert "ask for one of its keys" in whole.json()["detail"]

    asyncio.run(main())


@pytest.mark.parametrize("wallet", [known_wallet(NODE), rsa_wallet()], ids=["ed25519", "rsa"])
@pytest.mark.parametrize(
    ("more", "accept"),
    [
        ("", "application/cbor"),
        ("", "application/httpsig"),
        ("", "application/ans104"),
        ("", "application/aos-2"),
        ("?accept-codec=cbor@1.0", JSON),
        ("/no/such/key", JSON),
        ("/hash-chain", JSON),
    ],
)
@pytest.mark.parametrize("mode", [SchedulingMode.LOCAL, SchedulingMode.AGGRESSIVE])
def test_what_is_placed_is_never_answered_with_an_error(
    tmp_path: Path, wallet: Wallet, more: str, accept: str, mode: SchedulingMode
) -> None:
    async def main() -> None:
        policy = Policy(accept_unsigned=True, mode=mode)
        async with serving(tmp_path, wallet=wallet, policy=policy) as http:
            raw = b'{"type": "Process"}'
            for body, kind in ((spawn_item(Variant.HYPERBEAM).raw, ANS104), (raw, JSON)):
                reply = await http.post(f"/schedule{more}", body, content_type=kind, accept=accept)
                assert reply.status == 200, reply.body

    asyncio.run(main())


def test_a_codec_that_nobody_has_is_refused_before_anything_is_placed(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=known_wallet(NODE)) as http:
            item = spawn_item(Variant.HYPERBEAM)
            reply = await http.post("/schedule?accept-codec=no-such@1.0", item.raw)
            assert (reply.status, reply.json()["code"]) == (501, "unsupported")
            assert http.node.head(item.id) is None

    asyncio.run(main())
