"""Another package adds a device, a codec and a reply format without a change of ours."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pytest

from seriatim.actors.node import Policy
from seriatim.gateway.http.hyperbeam.registry import make_registry
from tests.support.builders import NODE
from tests.support.http_node import serving
from tests.support.strategies import known_wallet

TOY = """
from aiohttp import web
from seriatim.formats.message import Message
from seriatim.gateway.http.hyperbeam.answer import Fields


class EchoDevice:
    name = "echo@1.0"

    async def answer(self, call):
        return Fields({"key": call.key, **call.keys})


class LinesCodec:
    device = "lines@1.0"
    content_type = "text/x-lines"

    def encode(self, message):
        return b"\\n".join(f"{k}={v}".encode() for k, v in sorted(message.fields.items()))

    def decode(self, raw):
        return Message(dict(line.split("=", 1) for line in raw.decode().splitlines()))


class ShoutReply:
    device = "shout@1.0"
    content_types = ("text/x-shout",)

    async def send(self, request, answer):
        return web.Response(text=repr(dict(answer.fields)).upper())


shout = ShoutReply()
"""
ENTRY_POINTS = """
[seriatim.devices]
any = toy:EchoDevice

[seriatim.codecs]
any = toy:LinesCodec

[seriatim.replies]
any = toy:shout
"""


@pytest.fixture
def _toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the toy package for one test."""
    folder = tmp_path / "site"
    info = folder / "toy-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "toy.py").write_text(TOY)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(folder))


def test_a_node_has_its_own_without_any() -> None:
    assert sorted(make_registry().devices) == [
        "message@1.0",
        "meta@1.0",
        "process@1.0",
        "scheduler@1.0",
    ]


@pytest.mark.usefixtures("_toy")
def test_installed_ones_are_used(tmp_path: Path) -> None:
    async def main() -> None:
        policy = Policy(accept_unsigned=True)
        async with serving(tmp_path / "data", wallet=known_wallet(NODE), policy=policy) as http:
            echoed = await http.get("/~echo@1.0/hello?n=1")
            assert echoed.json() == {"key": "hello", "n": "1"}
            shouted = await http.get("/~echo@1.0/hello?n=1", accept="text/x-shout")
            assert shouted.body == b"{'KEY': 'HELLO', 'N': '1'}"
            named = await http.get("/~echo@1.0/hello?accept-codec=shout@1.0")
            assert b"'KEY'" in named.body
            reply = await http.post(
                "/schedule", b"type=Process\nname=toy", content_type="text/x-lines"
            )
            process = orjson.loads(reply.body)["process"]
            page = (await http.get(f"/{process}/schedule")).json()
            assert page["assignments"]["0"]["body"]["name"] == "toy"

    asyncio.run(main())


def test_a_reply_format_that_nobody_has_is_named(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=known_wallet(NODE)) as http:
            reply = await http.get("/~scheduler@1.0/status", accept_codec="shout@1.0")
            assert (reply.status, reply.json()["code"]) == (501, "unsupported")
            assert "httpsig@1.0, json@1.0" in reply.json()["detail"]

    asyncio.run(main())
