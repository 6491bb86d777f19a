"""Another package adds a device, a codec and a reply format without a change of ours."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Protocol

import orjson
import pytest

from seriatim.actors.policy import Policy
from seriatim.formats.errors import UnsupportedError
from seriatim.gateway.http.hyperbeam.registry import make_registry
from tests.support import packages
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


BROKEN = """
class NoKeys:
    name = "nokeys@1.0"


class Raises:
    def __init__(self):
        raise OSError("no such luck")


class BadDevice:
    name = "bad@1.0"

    async def answer(self, call):
        return {"raises": lambda: 1 / 0, "nothing": lambda: None}[call.key]()


class BadCodec:
    device = "bad@1.0"
    content_type = "text/x-bad"

    def encode(self, message):
        return b""

    def decode(self, raw):
        return int(raw)


class BadReply:
    device = "bad@1.0"
    content_types = ("text/x-bad",)

    async def send(self, request, answer):
        if "text/x-bad" in request.headers["accept"]:
            return "no response"
"""


class Install(Protocol):
    """Installs one module as a package for one test."""

    def __call__(self, name: str, code: str, entry_points: str) -> None: ...


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    def write(name: str, code: str, entry_points: str) -> None:
        packages.install(
            tmp_path / "site", monkeypatch, name=name, code=code, entry_points=entry_points
        )

    return write


def test_a_node_has_its_own_without_any() -> None:
    assert sorted(make_registry().devices) == [
        "cron@1.0",
        "message@1.0",
        "meta@1.0",
        "multipass@1.0",
        "process@1.0",
        "scheduler@1.0",
    ]


def test_installed_ones_are_used(tmp_path: Path, install: Install) -> None:
    install("toy", TOY, ENTRY_POINTS)

    async def main() -> None:
        policy = Policy(accept_unsigned=True)
        async with serving(tmp_path / "data", wallet=known_wallet(NODE), policy=policy) as http:
            echoed = await http.get("/~echo@1.0/hello?n=1")
            assert echoed.json() == {"key": "hello", "n": "1"}
            shouted = await http.get("/~echo@1.0/hello?n=1", accept="text/x-shout")
            assert shouted.body == b"{'KEY': 'HELLO', 'N': '1'}"
            named = await http.get("/~echo@1.0/hello?accept-codec=shout@1.0")
            assert b"'KEY'" in named.body
            assert shouted.headers["access-control-allow-origin"] == "*"
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


@pytest.mark.parametrize(
    ("group", "value", "reason"),
    [
        ("devices", "broken:NoKeys", "it is no Device"),
        ("codecs", "broken:NoKeys", "it is no Codec"),
        ("replies", "broken:NoKeys", "it is no ReplyFormat"),
        ("devices", "broken:Raises", "OSError: no such luck"),
        ("devices", "broken:Missing", "AttributeError"),
        ("codecs", "not_there:Codec", "ModuleNotFoundError"),
    ],
)
def test_one_that_cannot_be_used_is_named_before_the_node_starts(
    install: Install, group: str, value: str, reason: str
) -> None:
    install("broken", BROKEN, f"[seriatim.{group}]\nmine = {value}\n")
    with pytest.raises(UnsupportedError) as caught:
        make_registry()
    text = str(caught.value)
    assert text.startswith(f"the entry point 'mine' of seriatim.{group} ({value}) cannot be used")
    assert reason in text


def test_one_that_fails_fails_its_own_requests_only(
    tmp_path: Path, install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    install(
        "faulty",
        BROKEN,
        "[seriatim.devices]\na = faulty:BadDevice\n[seriatim.codecs]\na = faulty:BadCodec\n"
        "[seriatim.replies]\na = faulty:BadReply\n",
    )

    async def main() -> None:
        policy = Policy(accept_unsigned=True)
        async with serving(tmp_path / "data", wallet=known_wallet(NODE), policy=policy) as http:
            failed = [
                await http.get("/~bad@1.0/raises"),
                await http.get("/~bad@1.0/unknown"),
                await http.get("/~bad@1.0/nothing"),
                await http.get("/~bad@1.0/nothing/key"),
                await http.get("/~scheduler@1.0/status", accept="text/x-bad"),
                await http.post("/schedule", b"x", content_type="text/x-bad"),
                await http.post("/schedule", b"7", content_type="text/x-bad"),
            ]
            for reply in failed:
                assert (reply.status, reply.json()["code"]) == (500, "internal"), reply.body
                assert reply.headers["access-control-allow-origin"] == "*"
            assert (await http.get("/~scheduler@1.0/status")).status == 200

    asyncio.run(main())
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 7
    assert any("BadReply" in text for text in said)
    assert any("BadDevice" in text for text in said)
