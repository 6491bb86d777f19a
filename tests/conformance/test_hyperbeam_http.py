"""HyperBEAM's recorded requests, byte for byte to a node of ours: the same status and message.

Ids, times and signatures apart. Where we differ, `DIFFERENCES` says how and why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from seriatim.actors.node import Policy
from seriatim.formats.httpsig.canonical import canonical
from seriatim.formats.httpsig.commitments import verify
from seriatim.formats.httpsig.placement import (
    HttpMessage,
    gather,
)
from seriatim.formats.ids import decode_id, encode_id
from seriatim.formats.limits import OFF_LOOP_MIN_BYTES
from seriatim.formats.tabm.model import Tabm
from tests.support.http_node import HttpNode, serving
from tests.support.hyperbeam import (
    PROCESS,
    SCHEDULER,
    client_wallet,
    http_message,
    http_spawn,
    rsa_wallet,
)
from tests.support.hyperbeam_http import (
    OWN,
    Reply,
    assignment_of,
    assignments_of,
    exchange,
    post,
)
from tests.support.notation import tabm
from tests.support.running_node import check_log

HTTP: Final = SCHEDULER / "http"
POSTS: Final = (
    "01-post-process",
    "02-post-message-flat",
    "04-post-message-unicode-body",
    "61-post-unsigned-message",
    "66-post-dup-a",
)
READS: Final = (
    "10-get-schedule-default",
    "11-get-schedule-from1-to3",
    "12-get-schedule-from3",
    "14-get-schedule-to-beyond",
    "21-get-schedule-by-process-device-path",
    "25-get-schedule-typed-from-to",
    "30-get-slot",
    "31-get-slot-by-process-path",
    "32-get-slot-by-process-device-path",
)
DUPLICATES: Final = ("66-post-dup-a", "67-post-dup-b")


async def send(http: HttpNode, name: str) -> Reply:
    raw = (HTTP / f"{name}.request.raw").read_bytes()
    return await asyncio.to_thread(exchange, http.port, raw)


def recorded(name: str) -> Tabm:
    """Return the recorded reply as a message, without the quirk of its late status."""
    response = orjson.loads((HTTP / f"{name}.json").read_bytes())["response"]
    headers = {key: value.encode("latin-1") for key, value in response["headers"]}
    headers.pop("status", None)
    headers["ao-types"] = headers["ao-types"].replace(b', status="integer"', b"")
    return gather(HttpMessage(headers, tabm({"$b64u": _url(response["body_b64"])})))


def _url(standard: str) -> str:
    return standard.replace("+", "-").replace("/", "_").rstrip("=")


def compared(message: Tabm) -> dict[str, Any]:
    return {key: value for key, value in message.items() if key not in OWN}


def test_recorded_posts_get_the_recorded_replies(tmp_path: Path) -> None:
    async def main() -> None:
        policy = Policy(accept_unsigned=True)
        async with serving(tmp_path, wallet=rsa_wallet(), policy=policy) as http:
            for slot, name in enumerate(POSTS):
                reply = await send(http, name)
                assert reply.status == 200, reply
                assert compared(reply.message) == compared(recorded(name))
                assert reply.headers["slot"] == str(slot)
                # By HyperBEAM's own rule, as it came, and the message within it as well.
                assert list(verify(canonical(assignment_of(reply)))) == [rsa_wallet().address]
                body = reply.message["body"]
                assert not isinstance(body, bytes)
                verify(body)
            assert check_log(http.node, PROCESS) == len(POSTS)

    asyncio.run(main())


def test_the_same_again_is_the_same_bytes_even_after_a_restart(tmp_path: Path) -> None:
    """HyperBEAM gives one more slot for each time; a retry has to be safe."""

    async def main() -> None:
        replies = []
        for _ in range(2):
            async with serving(tmp_path, wallet=rsa_wallet()) as http:
                await send(http, "01-post-process")
                replies += [await send(http, name) for name in DUPLICATES]
        assert [reply.headers["slot"] for reply in replies] == ["1"] * 4
        assert len({reply.headers["signature"] for reply in replies}) == 1
        assert len({reply.body for reply in replies}) == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("60-post-tampered-message", 400, "bad_signature"),
        # HyperBEAM looks for the process elsewhere, and answers 500 when there is nothing.
        ("62-post-unknown-process", 404, "not_found"),
        ("63-post-process-other-scheduler", 400, "foreign_scheduler"),
        ("61-post-unsigned-message", 400, "unsigned"),
    ],
)
def test_recorded_posts_that_may_not_come_in_are_refused(
    tmp_path: Path, name: str, status: int, code: str
) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=rsa_wallet()) as http:
            await send(http, "01-post-process")
            reply = await send(http, name)
            assert (reply.status, orjson.loads(reply.body)["code"]) == (status, code)
            assert check_log(http.node, PROCESS) == 1

    asyncio.run(main())


def test_a_spawn_that_names_no_scheduler_is_whoevers_gets_it(tmp_path: Path) -> None:
    """HyperBEAM refuses it: 400, "No scheduler information provided."."""

    async def main() -> None:
        async with serving(tmp_path, wallet=rsa_wallet()) as http:
            assert (await send(http, "64-post-process-without-scheduler")).status == 200

    asyncio.run(main())


def test_a_request_can_itself_be_the_message(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=rsa_wallet()) as http:
            spawn = http_message({"device": b"process@1.0", "type": b"Process"})
            reply = await post(http, spawn, "/~scheduler@1.0/schedule", user_agent="surplus")
            assert reply.status == 200, reply
            process = reply.headers["process"]
            message = http_message({"action": b"Ping", "data": b"hello", "type": b"Message"})
            reply = await post(http, message, f"/{process}/schedule")
            assert reply.headers["slot"] == "1"
            kept = reply.message["body"]
            assert not isinstance(kept, bytes)
            assert "user-agent" not in kept
            assert (kept["action"], kept["data"]) == (b"Ping", b"hello")

    asyncio.run(main())


def test_a_message_of_megabytes_is_placed_and_read_back(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=rsa_wallet()) as http:
            spawn = http_message({"device": b"process@1.0", "type": b"Process"})
            process = (await post(http, spawn, "/schedule")).headers["process"]
            data = bytes(range(256)) * (OFF_LOOP_MIN_BYTES // 64)
            message = http_message({"data": data, "type": b"Message"})
            reply = await post(http, message, f"/{process}/schedule")
            assert reply.headers["slot"] == "1"
            body = reply.message["body"]
            assert not isinstance(body, bytes)
            assert body["data"] == data
            verify(body)

    asyncio.run(main())


def test_who_asks_for_json_gets_a_receipt_and_pages_show_the_message(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=rsa_wallet()) as http:
            spawn = http_message({"device": b"process@1.0", "type": b"Process"})
            reply = await post(http, spawn, "/schedule", accept="application/json")
            receipt = orjson.loads(reply.body)
            assert receipt["slot"] == 0
            process = receipt["process"]
            page = (await http.get(f"/{process}/schedule", accept="application/json")).json()
            assignment = page["assignments"]["0"]
            assert assignment["body"]["device"] == "process@1.0"
            assert {each["commitment-device"] for each in assignment["commitments"].values()} == {
                "httpsig@1.0"
            }
            aos2 = (await http.get(f"/{process}/schedule", accept="application/aos-2")).json()
            assert aos2["edges"][0]["node"]["message"]["Owner"] == encode_id(
                client_wallet().address
            )
            page = (await http.get(f"/{process}?process-id={process}")).json()
            legacy = page["edges"][0]["node"]
            assert legacy["message"]["owner"]["address"] == encode_id(client_wallet().address)
            assert legacy["assignment"]["owner"]["address"] == encode_id(rsa_wallet().address)

    asyncio.run(main())


def test_a_process_of_data_items_says_so_and_stores_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=rsa_wallet()) as http:
            spawn = http_message({"type": b"Process", "variant": b"ao.TN.1"})
            reply = await post(http, spawn, "/schedule")
            assert (reply.status, orjson.loads(reply.body)["code"]) == (422, "unsupported_scheme")
            assert "Scheduler has variant: ao.TN.1" in orjson.loads(reply.body)["detail"]
            assert http.node.head(http_spawn().process) is None

    asyncio.run(main())


def test_recorded_reads_get_the_recorded_replies(tmp_path: Path) -> None:
    """The log is ours, so that the messages are compared: statuses, and what each slot says."""

    async def main() -> None:
        policy = Policy(accept_unsigned=True)
        async with serving(tmp_path, wallet=rsa_wallet(), policy=policy) as http:
            for name in ("01-post-process", "02-post-message-flat", "04-post-message-unicode-body"):
                await send(http, name)
            assert (await send(http, "06-post-message-ans104-nested")).headers["slot"] == "3"
            # The item itself is the same message, whichever way it comes.
            assert (await send(http, "05-post-message-ans104")).headers["slot"] == "3"
            for name in READS:
                theirs, ours = recorded(name), await send(http, name)
                assert ours.status == 200
                assert {key: type(value) for key, value in compared(ours.message).items()} == {
                    key: type(value) for key, value in compared(theirs).items()
                }
            page = assignments_of(await send(http, "10-get-schedule-default"))
            before = recorded("10-get-schedule-default")["assignments"]
            assert isinstance(before, Mapping)
            for ours_at, theirs_at in ((0, "0"), (1, "1"), (3, "4")):
                known = before[theirs_at]
                assert isinstance(known, Mapping)
                assert compared(page[ours_at]) == compared(known)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("name", "status"),
    [("33-get-slot-current-key", 200), ("35-get-slot-unknown-process", 404), ("50-options", 204)],
)
def test_other_recorded_reads(tmp_path: Path, name: str, status: int) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=rsa_wallet()) as http:
            await send(http, "01-post-process")
            reply = await send(http, name)
            assert reply.status == status
            assert reply.headers["access-control-allow-origin"] == "*"
            if status == 200:
                assert (reply.body, reply.headers["ao-result"]) == (b"0", "body")
                assert reply.headers["ao-types"] == 'body="integer"'

    asyncio.run(main())


def test_what_a_client_says_to_get_in_is_in_no_message(tmp_path: Path) -> None:
    async def main() -> None:
        policy = Policy(accept_unsigned=True)
        async with serving(tmp_path, wallet=rsa_wallet(), policy=policy) as http:
            secrets = {"authorization": "Bearer x", "x_api_key": "x", "cookie": "x"}
            own = {"type": "Process", "codec_device": "httpsig@1.0", "content_type": "text/plain"}
            for more in ({}, {"signature_input": "none"}):
                reply = await http.post("/schedule", b"", **own, **secrets, **more)
                assert reply.status == 200, reply
                stored = http.node.stored(decode_id(reply.headers["process"]), 0)
                assert stored.fields == {"type": "Process", "content-type": "text/plain"}

    asyncio.run(main())
