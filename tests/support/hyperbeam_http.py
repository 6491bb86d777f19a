"""Talking to a node as HyperBEAM's nodes do: raw requests, and replies read as messages."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from http.client import HTTPResponse
from typing import Final, NamedTuple

import orjson

from seriatim.formats.ans104.item import DataItem
from seriatim.formats.httpsig.commitments import to_http
from seriatim.formats.httpsig.placement import (
    SIGNATURE,
    SIGNATURE_INPUT,
    HttpMessage,
)
from seriatim.formats.httpsig.received import receive
from seriatim.formats.ids import decode_id
from seriatim.formats.tabm.model import COMMITMENTS_KEY, Tabm
from tests.support.builders import message_item
from tests.support.http_node import HttpNode
from tests.support.hyperbeam import (
    HTTP,
    client_wallet,
    http_message,
)

# What a reply has that is about the connection, or about when and where it was made.
OWN: Final = frozenset(
    {
        "access-control-allow-methods",
        "access-control-allow-origin",
        "access-control-expose-headers",
        "body-keys",
        "content-length",
        "content-type",
        "date",
        "hash-chain",
        "server",
        SIGNATURE,
        SIGNATURE_INPUT,
        "slot",
        "timestamp",
        "transfer-encoding",
        COMMITMENTS_KEY,
    }
)


class Reply(NamedTuple):
    """A whole reply; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def message(self) -> Tabm:
        """The reply as a message."""
        headers = {name: value.encode("latin-1") for name, value in self.headers.items()}
        return receive(HttpMessage(headers, self.body)).tabm


def exchange(port: int, raw: bytes) -> Reply:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(raw)
        return read_reply(connection)


def read_reply(connection: socket.socket) -> Reply:
    """Return the reply that comes from *connection*, its body whole."""
    response = HTTPResponse(connection)
    response.begin()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Reply(response.status, headers, response.read())


def recorded_reply(raw: bytes) -> Reply:
    """Return a reply that was recorded as it came over its connection."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(raw)
        theirs.shutdown(socket.SHUT_WR)
        return read_reply(ours)


async def send_recorded(http: HttpNode, name: str) -> Reply:
    """Send a recorded request, byte for byte."""
    raw = (HTTP / f"{name}.request.raw").read_bytes()
    return await asyncio.to_thread(exchange, http.port, raw)


async def post(http: HttpNode, message: Tabm, target: str, **headers: str) -> Reply:
    """Post *message* itself, signed as it is."""
    placed = to_http(message)
    own = {name.replace("-", "_"): value.decode("latin-1") for name, value in headers_of(placed)}
    reply = await http.post(target, placed.body, **{**own, **headers})
    return Reply(
        reply.status, {name.lower(): value for name, value in reply.headers.items()}, reply.body
    )


def headers_of(placed: HttpMessage) -> list[tuple[str, bytes]]:
    return [(name, value) for name, value in placed.headers.items() if name != "body-keys"]


def assignments_of(reply: Reply) -> dict[int, Tabm]:
    """Return the assignments of a page that came as one HTTP message, by slot."""
    assert reply.status == 200, reply
    found = reply.message.get("assignments", {})
    assert not isinstance(found, bytes)
    return {int(slot): each for slot, each in found.items() if not isinstance(each, bytes)}


async def get(http: HttpNode, target: str) -> Reply:
    """Return the reply to a client that says nothing about what it accepts, as HyperBEAM's."""
    raw = f"GET {target} HTTP/1.1\r\nhost: node\r\n\r\n".encode()
    return await asyncio.to_thread(exchange, http.port, raw)


def placeable(sign: Callable[[], DataItem]) -> DataItem:
    """Return an item whose raw signature has no line break: one in 128 of RSA's has one."""
    while b"\r\n" in (item := sign()).raw:
        pass
    return item


async def place_every_form(http: HttpNode) -> str:
    """Fill a process with messages of every form; return its id."""
    spawn = http_message({"device": b"process@1.0", "type": b"Process"})
    process = (await post(http, spawn, "/schedule")).headers["process"]
    target = decode_id(process)
    bodies = [
        placeable(lambda: message_item(target, "by RSA", wallet=client_wallet())).raw,
        message_item(target, "by ed25519").raw,
        message_item(target, b"\r\n: not a header", wallet=client_wallet()).raw,
        message_item(target, "x", wallet=client_wallet(), tags={"Path": "a/b", "N": "\r\n: "}).raw,
    ]
    for body in bodies:
        assert (await http.post(f"/{process}/schedule", body)).status == 200
    plain = orjson.dumps({"data": "plain", "count": 2**60, "list": [1, "a"]})
    assert (
        await http.post(f"/{process}/schedule", plain, content_type="application/json")
    ).status == 200
    message = http_message({"data": b"at the end", "path": b"a/b", "type": b"Message"})
    assert (await post(http, message, f"/{process}/schedule")).status == 200
    return process


def assignment_of(reply: Reply) -> Tabm:
    """Return the assignment that a reply is, without what the connection added."""
    added = OWN - {"slot", "timestamp", "hash-chain", "content-type", "body-keys", COMMITMENTS_KEY}
    return {key: value for key, value in reply.message.items() if key not in added}
