"""HTTP messages as HyperBEAM's clients send them: taken, refused, and the same for ever.

What each recorded request gets is in ``test_hyperbeam_replay.py``.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import orjson
import pytest

from seriatim.actors.policy import Policy
from seriatim.formats.httpsig.commitments import verify
from seriatim.formats.ids import decode_id, encode_id
from seriatim.formats.limits import OFF_LOOP_MIN_BYTES
from tests.support.http_node import serving
from tests.support.hyperbeam import (
    PROCESS,
    client_wallet,
    http_message,
    http_spawn,
    rsa_wallet,
)
from tests.support.hyperbeam_http import (
    post,
    send_recorded,
)
from tests.support.running_node import check_log

DUPLICATES: Final = ("66-post-dup-a", "67-post-dup-b")


def test_the_same_again_is_the_same_bytes_even_after_a_restart(tmp_path: Path) -> None:
    """HyperBEAM gives one more slot for each time; a retry has to be safe."""

    async def main() -> None:
        replies = []
        for _ in range(2):
            async with serving(tmp_path, wallet=rsa_wallet()) as http:
                await send_recorded(http, "01-post-process")
                replies += [await send_recorded(http, name) for name in DUPLICATES]
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
            await send_recorded(http, "01-post-process")
            reply = await send_recorded(http, name)
            assert (reply.status, orjson.loads(reply.body)["code"]) == (status, code)
            assert check_log(http.node, PROCESS) == 1

    asyncio.run(main())


def test_a_spawn_that_names_no_scheduler_is_whoevers_gets_it(tmp_path: Path) -> None:
    """HyperBEAM refuses it: 400, "No scheduler information provided."."""

    async def main() -> None:
        async with serving(tmp_path, wallet=rsa_wallet()) as http:
            assert (await send_recorded(http, "64-post-process-without-scheduler")).status == 200

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
