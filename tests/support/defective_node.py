"""A node that does one thing wrong: a proxy before a real one that spoils requests or replies.

Each defect is what a real implementation could do, or has done; `DEFECTS` says for each check of
the conformance kit which defect it is there to find.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NamedTuple

import orjson
from aiohttp import web

from seriatim.formats.ans104.item import DataItem
from seriatim.formats.ids import encode_id
from tests.support.http_node import HttpNode, HttpReply
from tests.support.listening import listening

# What belongs to a connection, or to the client that the proxy is itself.
_HOP = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "user-agent", "accept-encoding"}
)
_OWN_HEADERS = frozenset({"content-length", "transfer-encoding", "date", "server", "connection"})
_NUMBER_TAGS = ("Nonce", "Slot")
_ID = re.compile(r"[A-Za-z0-9_-]{43}")


class Ask(NamedTuple):
    """A request on its way to the node."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def item(self) -> DataItem | None:
        """The item that it hands in, where it is a whole one."""
        try:
            return DataItem.decode(self.body) if self.method == "POST" else None
        except Exception:  # noqa: BLE001  # the node is the judge of bad items
            return None


Forward = Callable[[Ask], Awaitable[HttpReply]]
Defect = Callable[[Ask, Forward], Awaitable[HttpReply]]


@asynccontextmanager
async def defective(http: HttpNode, defect: Defect) -> AsyncIterator[str]:
    """Serve *http* with *defect*; give the URL. `ConnectionAbortedError` cuts the connection."""

    async def forward(ask: Ask) -> HttpReply:
        named = {name.replace("-", "_"): value for name, value in ask.headers.items()}
        return await http.send(ask.method, ask.target, ask.body, **named)

    async def answer(request: web.BaseRequest) -> web.Response:
        kept = {
            name.lower(): value
            for name, value in request.headers.items()
            if name.lower() not in _HOP
        }
        ask = Ask(request.method, request.raw_path, kept, await request.read())
        try:
            reply = await defect(ask, forward)
        except ConnectionAbortedError:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        headers = {
            name: value for name, value in reply.headers.items() if name.lower() not in _OWN_HEADERS
        }
        return web.Response(status=reply.status, headers=headers, body=reply.body)

    async with listening(answer) as port:
        yield f"http://127.0.0.1:{port}"


async def sound(ask: Ask, forward: Forward) -> HttpReply:
    """Do nothing wrong: the control."""
    return await forward(ask)


# Places.


async def gap(ask: Ask, forward: Forward) -> HttpReply:
    """Leave out slot 2."""
    reply = await forward(ask)
    if "slot" in reply.headers:
        slot = int(reply.headers["slot"])
        reply = _with_header(reply, "slot", str(slot + (slot > 1)))
    return _with_nodes(reply, lambda node: _renumber(node, lambda slot: slot + (slot > 1)))


async def falling_time(ask: Ask, forward: Forward) -> HttpReply:
    """Set the clock back after slot 1."""

    def set_back(node: Any) -> None:
        if _number(node) > 1:
            for tag in _assignment_tags(node):
                if tag["name"] == "Timestamp":
                    tag["value"] = str(int(tag["value"]) - 60_000)

    return _with_nodes(await forward(ask), set_back)


class DoubleSlot:
    """Give a message that comes again another slot at the end of its process."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()
        self._again: defaultdict[str, list[str]] = defaultdict(list)

    async def __call__(self, ask: Ask, forward: Forward) -> HttpReply:
        item = ask.item
        if item is not None:
            process = encode_id(bytes(item.target) or item.id)
            if item.id in self._seen:
                self._again[process].append(encode_id(item.id))
            self._seen.add(item.id)
        reply = await forward(ask)
        found = _ID.search(ask.target)
        process = found[0] if found else ""
        return _with_json(reply, lambda plain: self._append(process, plain))

    def _append(self, process: str, plain: Any) -> None:
        edges = plain.get("edges", [])
        for message_id in self._again[process] if edges else ():
            first = next(edge for edge in edges if message_id in orjson.dumps(edge).decode())
            copy = orjson.loads(orjson.dumps(first))
            end = _number(edges[-1]["node"]) + 1
            _renumber(copy["node"], partial(max, end))
            edges.append(copy)


class Lost:
    """Acknowledge the third message of each process, and forget it."""

    def __init__(self) -> None:
        self._taken: Counter[bytes] = Counter()

    async def __call__(self, ask: Ask, forward: Forward) -> HttpReply:
        item = ask.item
        if item is None or not item.target:
            return await forward(ask)
        self._taken[item.target] += 1
        if self._taken[item.target] != 3:
            return await forward(ask)
        process = encode_id(item.target)
        headers = {"slot": "3", "timestamp": "1700000000000", "process": process}
        body = orjson.dumps({"id": encode_id(item.id), "timestamp": 1_700_000_000_000})
        return HttpReply(200, headers, body)


# Reading.


async def stale_head(ask: Ask, forward: Forward) -> HttpReply:
    """Tell the head of one message ago."""
    reply = await forward(ask)
    if "/slot/current" in ask.target:
        return reply._replace(body=b"%d" % (int(reply.body) - 1))
    if ask.target.endswith("/latest"):
        return _with_nodes(reply, lambda node: _renumber(node, lambda slot: slot - 1))
    return reply


class StalePages:
    """Keep the first page of each process, and show it again."""

    def __init__(self) -> None:
        self._kept: dict[str, HttpReply] = {}

    async def __call__(self, ask: Ask, forward: Forward) -> HttpReply:
        reply = await forward(ask)
        if ask.method == "GET" and b'"edges"' in reply.body:
            return self._kept.setdefault(ask.target, reply)
        return reply


async def missing_path(ask: Ask, forward: Forward) -> HttpReply:
    """Know no scheduler under ``~process@1.0``."""
    if "~process@1.0/schedule" in ask.target:
        return HttpReply(404, {}, b"")
    return await forward(ask)


class Unstable:
    """Show another anchor of every message at each read."""

    def __init__(self) -> None:
        self._reads = 0

    async def __call__(self, ask: Ask, forward: Forward) -> HttpReply:
        self._reads += 1

        def change(node: Any) -> None:
            name = "anchor" if "anchor" in node["message"] else "Anchor"
            node["message"][name] = str(self._reads)

        return _with_nodes(await forward(ask), change)


async def wrong_chain(ask: Ask, forward: Forward) -> HttpReply:
    """Give every slot after 0 the chain value of slot 0."""

    def stand_still(plain: Any) -> None:
        values = [
            tag
            for edge in plain.get("edges", [])
            for tag in _assignment_tags(edge["node"])
            if tag["name"] == "Hash-Chain"
        ]
        for tag in values:
            tag["value"] = values[0]["value"]

    return _with_json(await forward(ask), stand_still)


async def wrong_signature(ask: Ask, forward: Forward) -> HttpReply:
    """Show another signature than the assignment's."""

    def damage(node: Any) -> None:
        text = node["assignment"]["signature"]
        node["assignment"]["signature"] = ("B" if text[0] == "A" else "A") + text[1:]

    return _with_nodes(await forward(ask), damage)


async def wrong_bounds(ask: Ask, forward: Forward) -> HttpReply:
    """Take ``from-nonce`` as inclusive, and ``to`` as exclusive."""
    parts = []
    for part in ask.target.split("&"):
        name, _, value = part.rpartition("=")
        shifted = (name == "from-nonce" and int(value) > 0) or (name == "to" and int(value) < 100)
        parts.append(f"{name}={int(value) - 1}" if shifted else part)
    return await forward(ask._replace(target="&".join(parts)))


async def wrong_cursor(ask: Ask, forward: Forward) -> HttpReply:
    """Count cursors from 1."""

    def count(plain: Any) -> None:
        for edge in plain.get("edges", []):
            kind = type(edge["cursor"])
            edge["cursor"] = kind(int(edge["cursor"]) + 1)

    return _with_json(await forward(ask), count)


# Shapes.


async def wrong_identity(ask: Ask, forward: Forward) -> HttpReply:
    """Tell the time as a number, and the address with a line feed behind it."""
    reply = await forward(ask)
    if ask.target.endswith("/address"):
        return reply._replace(body=reply.body + b"\n")

    def as_number(plain: Any) -> None:
        if isinstance(plain.get("timestamp"), str) and "edges" not in plain:
            plain["timestamp"] = int(plain["timestamp"])

    return _with_json(reply, as_number)


async def swapped_tags(ask: Ask, forward: Forward) -> HttpReply:
    """Swap name and value of a message's tags."""

    def swap(node: Any) -> None:
        for tag in node["message"].get("tags") or node["message"].get("Tags") or ():
            tag["name"], tag["value"] = tag["value"], tag["name"]

    return _with_nodes(await forward(ask), swap)


async def swapped_owner(ask: Ask, forward: Forward) -> HttpReply:
    """Swap address and key of a process's owner."""

    def swap(plain: Any) -> None:
        if "process_id" in plain:
            owner = plain["owner"]
            owner["address"], owner["key"] = owner["key"], owner["address"]

    return _with_json(await forward(ask), swap)


async def swapped_block(ask: Ask, forward: Forward) -> HttpReply:
    """Swap height and hash of the block, as HyperBEAM of May 2025 did."""
    reply = await forward(ask)
    height, digest = reply.headers.get("block-height"), reply.headers.get("block-hash")
    if height is None or digest is None:
        return reply
    return _with_header(_with_header(reply, "block-height", digest), "block-hash", height)


async def no_rsa(ask: Ask, forward: Forward) -> HttpReply:
    """Take no RSA signatures."""
    if ask.method == "POST" and ask.body[:2] == b"\1\0":
        return HttpReply(400, {}, b'{"error":"unknown signature type"}')
    return await forward(ask)


async def no_items(ask: Ask, forward: Forward) -> HttpReply:
    """Place no data items, as HyperBEAM of May 2025 does not."""
    if ask.headers.get("codec-device") == "ans104@1.0":
        return HttpReply(500, {}, b"process_not_available")
    return await forward(ask)


async def no_http(ask: Ask, forward: Forward) -> HttpReply:
    """Place no HTTP messages."""
    if ask.headers.get("content-type", "").startswith("multipart/"):
        return HttpReply(500, {}, b"not a data item")
    return await forward(ask)


# Manners.


async def wrong_status(ask: Ask, forward: Forward) -> HttpReply:
    """Answer what is not found on legacy's paths with 404, and with 200 on the others."""
    reply = await forward(ask)
    if reply.status == 404:
        return reply._replace(status=200)
    return reply._replace(status=404) if reply.status == 400 else reply


async def no_cors(ask: Ask, forward: Forward) -> HttpReply:
    """Let no browser read an error."""
    reply = await forward(ask)
    if reply.status < 400:
        return reply
    kept = {name: value for name, value in reply.headers.items() if "-allow-" not in name.lower()}
    return reply._replace(headers=kept)


MakeDefect = Callable[[], Defect]


def always(defect: Defect) -> MakeDefect:
    """Return a maker of *defect*, which has no memory."""
    return lambda: defect


DEFECTS: dict[str, MakeDefect] = {
    "slots": always(gap),
    "order": always(falling_time),
    "traffic": StalePages,
    "paths": always(missing_path),
    "repost": DoubleSlot,
    "race": DoubleSlot,
    "concurrency": Lost,
    "acknowledged": Lost,
    "head": always(stale_head),
    "stable": Unstable,
    "chain": always(wrong_chain),
    "signed": always(wrong_signature),
    "pages": always(wrong_bounds),
    "cursors": always(wrong_cursor),
    "identity": always(wrong_identity),
    "messages": always(swapped_tags),
    "processes": always(swapped_owner),
    "slot": always(swapped_block),
    "rsa": always(no_rsa),
    "http": always(no_http),
    "refusals": always(wrong_status),
    "cors": always(no_cors),
}
"""By the name of a check, a defect that it has to find."""


def _with_json(reply: HttpReply, change: Callable[[Any], None]) -> HttpReply:
    """Return *reply* with *change* made to its body, where that is a JSON object."""
    try:
        plain = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return reply
    if not isinstance(plain, dict):
        return reply
    change(plain)
    return reply._replace(body=orjson.dumps(plain))


def _with_nodes(reply: HttpReply, change: Callable[[Any], None]) -> HttpReply:
    """Return *reply* with *change* made to each node in it."""

    def change_all(plain: Any) -> None:
        for node in _nodes(plain):
            change(node)

    return _with_json(reply, change_all)


def _nodes(plain: Any) -> Iterator[Any]:
    if isinstance(plain.get("assignment"), dict):
        yield plain
    for edge in plain.get("edges", []):
        yield edge["node"]


def _assignment_tags(node: Any) -> list[dict[str, str]]:
    tags: list[dict[str, str]] = node["assignment"].get("tags") or node["assignment"]["Tags"]
    return tags


def _number(node: Any) -> int:
    return next(int(tag["value"]) for tag in _assignment_tags(node) if tag["name"] in _NUMBER_TAGS)


def _renumber(node: Any, number: Callable[[int], int]) -> None:
    for tag in _assignment_tags(node):
        if tag["name"] in _NUMBER_TAGS:
            tag["value"] = str(number(int(tag["value"])))


def _with_header(reply: HttpReply, name: str, value: str) -> HttpReply:
    kept = {each: said for each, said in reply.headers.items() if each.lower() != name}
    return reply._replace(headers={**kept, name: value})
