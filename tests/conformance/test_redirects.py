"""Two nodes: a request for the wrong one is sent to the right one, and lands on its log."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import aiohttp
import orjson
import pytest
from yarl import URL

from seriatim.formats.ids import decode_id, encode_id
from seriatim.gateway.http.dispatch import without_hint
from tests.support.builders import CLIENT, NODE, message_item
from tests.support.http_node import serving, spawned
from tests.support.strategies import known_wallet

ID = "A" * 43


async def follow(folder: Path, url: str, process: str) -> None:
    command = [sys.executable, "-m", "seriatim", "follow", url, process]
    await asyncio.to_thread(
        subprocess.run,
        [*command, "--data", str(folder), "--once", "--json"],
        check=True,
        capture_output=True,
    )


def test_a_message_for_a_copy_lands_on_the_log_that_it_is_of(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path / "source", wallet=known_wallet(NODE)) as source:
            process = await spawned(source)
            url = f"http://127.0.0.1:{source.port}"
            await follow(tmp_path / "copy", url, process)
            async with (
                serving(tmp_path / "copy", wallet=known_wallet(CLIENT)) as copy,
                aiohttp.ClientSession() as session,
            ):
                raw = message_item(decode_id(process), "one").raw
                target = f"/{process}~process@1.0/schedule"
                told = await copy.post(target, raw)
                assert (told.status, told.json()["code"]) == (307, "followed")
                assert told.headers["location"] == url + target
                # A client that goes where it is sent has its slot, once, whoever it asks.
                for port in (copy.port, source.port):
                    async with session.post(f"http://127.0.0.1:{port}{target}", data=raw) as reply:
                        assert (reply.status, reply.headers["slot"]) == (200, "1")
                assert (await copy.get(f"/{process}/slot/current")).body == b"0"
                assert (await source.get(f"/{process}/slot/current")).body == b"1"

    asyncio.run(main())


@pytest.mark.parametrize("sent", ["target={process}?hint={hint}", "target={process}&hint={hint}"])
def test_a_hint_is_where_the_client_is_sent_and_nowhere_else(tmp_path: Path, sent: str) -> None:
    async def main() -> None:
        async with (
            serving(tmp_path / "a", wallet=known_wallet(NODE)) as right,
            serving(tmp_path / "b", wallet=known_wallet(CLIENT)) as wrong,
            aiohttp.ClientSession() as session,
        ):
            process = await spawned(right)
            hint = f"http%3A%2F%2F127.0.0.1%3A{right.port}%2Fany"
            query = sent.format(process=process, hint=hint)
            target = f"/~scheduler@1.0/slot?{query}"
            told = await wrong.get(target)
            assert (told.status, told.json()["code"]) == (307, "elsewhere")
            assert told.headers["location"] == (
                f"http://127.0.0.1:{right.port}/~scheduler@1.0/slot?target={process}"
            )
            url = URL(f"http://127.0.0.1:{wrong.port}{target}", encoded=True)
            async with session.get(url, headers={"accept": "application/json"}) as reply:
                assert orjson.loads(await reply.read())["current"] == 0
            raw = message_item(decode_id(process), "one").raw
            post = URL(f"http://127.0.0.1:{wrong.port}/schedule?{query}", encoded=True)
            async with session.post(post, data=raw) as reply:
                assert (reply.status, reply.headers["slot"]) == (200, "1")
            # Who knows the process answers, whatever the hint says.
            assert (await right.get(target)).json()["current"] == 1

    asyncio.run(main())


@pytest.mark.parametrize("hint", ["", "ftp://host", "http://user@host", "no url", "http://0x7f.1"])
def test_a_hint_that_is_no_url_of_a_node_sends_nobody_anywhere(tmp_path: Path, hint: str) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=known_wallet(NODE)) as http:
            target = f"/~scheduler@1.0/slot?target={ID}?hint={URL.build(path=hint).raw_path}"
            reply = await http.get(target)
            assert reply.status == (400 if hint else 404)
            assert "location" not in reply.headers

    asyncio.run(main())


SLOT = f"/~scheduler@1.0/slot?target={ID}"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (SLOT, SLOT),
        (f"{SLOT}?hint=http://x&from=1", f"{SLOT}&from=1"),
        (f"{SLOT}%3fhint%3Dhttp://x", SLOT),
        (f"/{ID}/slot?hint=http://x", f"/{ID}/slot"),
        (f"/{ID}/slot?hint=http://x&from=3", f"/{ID}/slot?from=3"),
        (f"/{ID}/slot?hint=http://x&HINT%3Dhttp://y&1.from=3", f"/{ID}/slot?1.from=3"),
        (f"/{ID}/slot&hint=http:%2F%2Fx&from=3", f"/{ID}/slot&from=3"),
        (f"/{ID}/slot?from=1&hint=http://x&to=2", f"/{ID}/slot?from=1&to=2"),
    ],
)
def test_who_is_sent_elsewhere_takes_no_hint_along(target: str, expected: str) -> None:
    assert without_hint(target) == expected
    assert without_hint(expected) == expected


def test_an_unknown_process_without_a_hint_is_unknown(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=known_wallet(NODE)) as http:
            for target in (f"/{encode_id(bytes(32))}/slot", f"/~scheduler@1.0/slot?target={ID}"):
                assert (await http.get(target)).status == 404

    asyncio.run(main())
