"""What real clients sent, sent again: every reply is the recorded one, or its difference is named.

The recordings are of ao's messenger and compute units, of aoconnect in both modes, and of
ao-scheduler-utils. The server that recorded them gave canned replies and kept the first 1,500
characters of long ones. A request goes out as it was: method, target, header names in their order
and case, and body. Only these are mapped: the host, the prefixes that told the units of one
recorder apart, and the time of the recording.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest
from aiohttp import web

from seriatim.actors.launch import open_node
from seriatim.actors.policy import Policy
from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.item import sign_item
from seriatim.formats.ids import b64url_decode
from seriatim.formats.signing.scheme import WalletKind
from seriatim.formats.signing.wallet import wallet_from_json
from seriatim.gateway.chain import ChainGateway
from seriatim.gateway.http.server import HttpServer, make_dispatcher
from tests.support.http_node import HttpNode, HttpReply, serving
from tests.support.recorded_schedule import ENTRIES, PID, PROCESS, VECTORS, place_recorded_schedule
from tests.support.strategies import KEYS, known_wallet

RECORDED = VECTORS.parent / "recorded-clients"
CLIENTS = ("units", "aoconnect-legacy", "aoconnect-mainnet", "scheduler-utils")
WALLET = wallet_from_json((KEYS / "test-only-arweave-scheduler.jwk.json").read_bytes())
SPAWN = (VECTORS / "00-process.bin").read_bytes()
EDGES = orjson.loads((VECTORS / "GET-list-default.json").read_bytes())["edges"]

# aoconnect asks for the last ten minutes; the schedule that it was shown is two years older.
RECORDER_NOW_MS = 1795222421468
RECORDER_LAG_MS = RECORDER_NOW_MS - ENTRIES[-1]["timestamp"]

# What a body has, where it is not the recorded one.
IDS = ("id", "timestamp")
IDENTITY = ("address", "timestamp")
PAGE = ("page_info", "edges")
AOS2_PAGE = ("edges", "page_info")
RECEIPT = (
    "hash-chain", "id", "process", "slot", "timestamp", "variant", "assignment-id", "assignment",
)  # fmt: skip
OWN_ID = "the item's id"
PROBLEM = "application/problem+json"
CUT = "..."
NO_SLOT = {"process": None, "slot": None, "id": None}


class Difference(NamedTuple):
    """How our replies to the requests that ``title`` matches differ from the recorded ones.

    Attributes:
        title: a pattern for client, number, call, method and target.
        ours: by what differs, ``status``, ``body`` or a header's name, what we say instead.
        why: the reason, or the fault where it is one.
    """

    title: str
    ours: Mapping[str, Any]
    why: str


DIFFERENCES = [
    Difference(
        "units 01 .*",
        {"status": 200, "location": None, "body": IDS},
        "a node places what it is sent; only routers send a client elsewhere",
    ),
    Difference(
        "units 03 .*SU answers 400.*",
        {"status": 200, "body": IDS},
        "a message that is posted again gets its first answer: a retry must be safe",
    ),
    Difference("units 04 .*", {"body": IDS}, "the recorder told another item's id"),
    Difference(
        "units 05 .*", {"body": RECEIPT}, "the receipt stands in the body, the headers are theirs"
    ),
    Difference("units 06 .*", {"slot": "0", "body": RECEIPT}, "a spawn is slot 0, always"),
    Difference(
        "units 07 .*answers 201.*",
        {"status": 200, "body": RECEIPT},
        "the 201 was there to show that the messenger unit takes exactly 200",
    ),
    Difference("units 08 .*", {"body": IDS}, "an assign is answered with the assignment's id"),
    Difference(
        "(units 09|aoconnect-legacy 14) .*",
        {"status": 400, "body": "Transaction not found"},
        "without a gateway nobody knows confirmations; with one it is taken, as tested below",
    ),
    Difference(
        "aoconnect-legacy (01|0[3-9]|13) .*",
        {"status": 200, "body": IDS},
        "202 is the messenger unit's, which answers before the message is scheduled",
    ),
    Difference(
        ".* POST /graphql",
        {"status": 404, "content-type": PROBLEM, "body": "not_found"},
        "an Arweave gateway's",
    ),
    Difference(
        "aoconnect-legacy 11 .*|aoconnect-mainnet (08|10|11) .*|aoconnect-legacy 1[02] .*",
        {"status": 501, "content-type": PROBLEM, "body": "unsupported"},
        "a compute unit's; a node schedules and does not compute",
    ),
    Difference(
        "aoconnect-legacy 1[56] .*", {"status": 404, "body": "not_found"}, "the messenger unit's"
    ),
    Difference(
        "aoconnect-legacy (18|19|20|21) .*|aoconnect-mainnet 2[56] .*",
        {"body": PAGE},
        "the recorder gave its whole list whatever was asked; the page is tested below",
    ),
    Difference(
        "aoconnect-mainnet 0[02] .*",
        {"process": OWN_ID, "id": None, "body": RECEIPT},
        "the recorder named a fixed process; the id stands in the body",
    ),
    Difference(
        "aoconnect-mainnet 0[3-7] .*",
        {"body": RECEIPT},
        "a receipt has no results: a node schedules and does not compute",
    ),
    Difference("aoconnect-mainnet 14 .*", {"body": AOS2_PAGE}, "the recorder's page was a stub"),
    Difference(
        "aoconnect-mainnet 16 .*",
        {"content-type": "application/json", "body": ("address",)},
        "the recorder gave every key of ~meta@1.0 the address",
    ),
    Difference(
        "aoconnect-mainnet 21 .*",
        {"slot": "7", "id": None, "body": RECEIPT},
        "the recorder gave every schedule slot 0; the id stands in the body",
    ),
    Difference(
        "scheduler-utils 0[08] .*",
        {"body": IDENTITY},
        "the recorder's address and clock were stubs",
    ),
    Difference(
        "scheduler-utils (01|09|11) .* GET .*",
        {"status": 200, "body": IDENTITY},
        "a node is no router: it names itself, as a unit does",
    ),
    Difference(
        "scheduler-utils 06 .*",
        {"status": 200, "location": None, "body": IDENTITY},
        "a node is no router: it names itself, as a unit does",
    ),
    Difference("scheduler-utils 19 .*", {"body": PAGE}, "a cache's; here /{process} is a page"),
    Difference(
        "scheduler-utils 20 .*",
        {"status": 200, "body": PAGE},
        "a cache's; here /{process} is a page",
    ),
    Difference(
        "aoconnect-mainnet 15 .*",
        {**NO_SLOT, "body": AOS2_PAGE},
        "the reply is a page of the process that the headers name",
    ),
    Difference(
        "aoconnect-mainnet (17|18|19|20) .*httpsig.*",
        {"status": 422, **NO_SLOT, "body": "unsupported_scheme"},
        "what aoconnect signs here HyperBEAM itself cannot verify: data as a header, a digest in "
        "base64url, lists that are none; on 422 aoconnect signs again as ANS-104",
    ),
    Difference(
        "aoconnect-mainnet 23 .*httpsig.*",
        {"process": "0EbN4mDey7FEXg-rkun6mgyPmHuymI-IvYjpF8OvJWg", "id": None, "body": "3 parts"},
        "the reply is the signed assignment",
    ),
    Difference(
        "aoconnect-mainnet 22 .*",
        {"process": OWN_ID, "id": None, "body": RECEIPT},
        "a spawn is taken at the root's schedule as at its push",
    ),
]


class Recording(NamedTuple):
    """One request and its reply, as they were; the target is mapped."""

    name: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    item: Mapping[str, Any] | None
    status: int
    reply_headers: Mapping[str, str]
    reply_body: str

    @property
    def title(self) -> str:
        return f"{self.name} {self.method} {self.target}"


def recordings(client: str) -> list[Recording]:
    requests = orjson.loads((RECORDED / f"{client}.json").read_bytes())["requests"]
    return [_recording(f"{client} {n:02} {each['call']}", each) for n, each in enumerate(requests)]


def _recording(name: str, plain: Mapping[str, Any]) -> Recording:
    body = b64url_decode(plain.get("bodyBase64url", ""))
    if "bodyJson" in plain:
        body = orjson.dumps(plain["bodyJson"])
    assert len(body) == plain["bodyLength"]
    return Recording(
        name,
        plain["method"],
        _mapped(plain["path"]),
        tuple((key, value) for key, value in plain["headers"]),
        body,
        plain.get("dataItem"),
        plain["reply"]["status"],
        plain["reply"]["headers"],
        plain["reply"]["body"],
    )


def _mapped(target: str) -> str:
    rest = re.sub(r"^/(mu|cu|su)(?=[/?]|$)", "", target).removeprefix("/")
    time = re.search(r"(?<=from=)1795\d{9}", rest)
    return "/" + (rest.replace(time[0], str(int(time[0]) - RECORDER_LAG_MS)) if time else rest)


ALL = [each for client in CLIENTS for each in recordings(client)]
PAGES = [each for each in ALL if '{"page_info"' in each.reply_body]


def rows_of(recording: Recording) -> list[Difference]:
    return [row for row in DIFFERENCES if re.fullmatch(row.title, recording.title)]


def case(recording: Recording) -> Any:
    return pytest.param(recording, id=recording.name)


def message(number: int) -> bytes:
    tags = [Tag(b"Data-Protocol", b"ao"), Tag(b"Type", b"Message"), Tag(b"N", b"%d" % number)]
    return sign_item(known_wallet(WalletKind.ED25519), target=PROCESS, tags=tags).raw


@asynccontextmanager
async def equivalent_node(path: Path, recording: Recording) -> AsyncIterator[HttpNode]:
    """Serve a node that knows as much as the recorded reply tells."""
    items = []
    if recording.item and {"name": "Type", "value": "Process"} in recording.item["tags"]:
        pass  # the first that the node hears of it
    elif "MU writeDataItem hyperbeam" in recording.name:
        items = [SPAWN, *map(message, range(3))]
    elif "MU writeDataItem legacy message" in recording.name:
        items = [SPAWN]
    else:
        place_recorded_schedule(path)
        items = [message(0)] if "/slot/current" in recording.target else []
    async with serving(path, wallet=WALLET) as http:
        for item in items:
            assert (await http.post("/", item)).status == 200
        yield http


def send(connection: HTTPConnection, recording: Recording) -> HttpReply:
    """Send the recorded bytes: the connection adds no header of its own."""
    connection.putrequest(
        recording.method, recording.target, skip_host=True, skip_accept_encoding=True
    )
    for name, value in recording.headers:
        connection.putheader(name, f"127.0.0.1:{connection.port}" if name == "host" else value)
    connection.endheaders(recording.body or None)
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return HttpReply(response.status, headers, response.read())


async def replay(port: int, *batch: Recording) -> list[HttpReply]:
    """Return the replies to *batch*, one after the other on one connection."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        return [await asyncio.to_thread(send, connection, each) for each in batch]
    finally:
        connection.close()


def differences(recording: Recording, reply: HttpReply) -> dict[str, Any]:
    """Return what differs from the recorded reply, as `Difference.ours` names it."""
    found: dict[str, Any] = {}
    if reply.status != recording.status:
        found["status"] = reply.status
    for name, theirs in recording.reply_headers.items():
        ours = reply.headers.get(name)
        if name == "content-type" and ours is not None:
            ours = ours.partition(";")[0]
        if name == "timestamp" and ours is not None and len(ours) == len(theirs):
            ours = theirs if ours.isdigit() else ours
        if ours != theirs:
            found[name] = OWN_ID if recording.item and ours == recording.item["id"] else ours
    text = reply.body.decode()
    if recording.reply_body.endswith(CUT):
        is_same = text.startswith(recording.reply_body.removesuffix(CUT))
    else:
        is_same = settled(text) == settled(recording.reply_body)
    if not is_same:
        found["body"] = shape(reply.body)
    return found


def settled(text: str) -> Any:
    """Return a body with the form of a clock's reading in its place."""
    if not text.startswith("{"):
        return text
    plain = orjson.loads(text)
    for name in {"timestamp", "block_height"} & set(plain):
        plain[name] = type(plain[name]), re.sub(r"\d", "9", str(plain[name]))
    return plain


def shape(body: bytes) -> Any:
    """Return the keys of a body in their order; of a refusal, its code or its sentence.

    Of a body in parts, how many.
    """
    if body.startswith(b"--"):
        boundary = body.partition(b"\r\n")[0]
        return f"{body.count(boundary) - 1} parts"
    if not body.startswith(b"{"):
        return body.decode()
    plain = orjson.loads(body)
    if "code" in plain:
        return plain["code"]
    return plain["error"] if list(plain) == ["error"] else tuple(plain)


@pytest.mark.parametrize("recording", [case(each) for each in ALL])
def test_a_recorded_request_gets_the_recorded_reply_or_the_named_difference(
    tmp_path: Path, recording: Recording
) -> None:
    async def main() -> None:
        async with equivalent_node(tmp_path, recording) as http:
            (reply,) = await replay(http.port, recording)
            ours = [row.ours for row in rows_of(recording)]
            assert [differences(recording, reply)] == (ours or [{}]), reply
            assert {"content-type", "content-length"} <= set(reply.headers)

    asyncio.run(main())


@pytest.mark.parametrize("row", DIFFERENCES, ids=lambda row: str(row.title))
def test_a_named_difference_is_one_of_a_recorded_request(row: Difference) -> None:
    assert any(row in rows_of(each) for each in ALL)


ITEMS = [
    each
    for each in ALL
    if each.item
    and not re.search("/slot/|/compute|/monitor/", each.target)
    and not any(row.ours.get("status") for row in rows_of(each))
]


@pytest.mark.parametrize("recording", ITEMS, ids=[each.name for each in ITEMS])
def test_a_recorded_item_is_answered_with_its_id_and_served_from_then_on(
    tmp_path: Path, recording: Recording
) -> None:
    async def main() -> None:
        assert recording.item is not None
        item_id = recording.item["id"]
        process = recording.item["target"] or item_id
        async with equivalent_node(tmp_path, recording) as http:
            first, again = await replay(http.port, recording, recording)
            assert first.json()["id"] == item_id
            assert again.body == first.body
            edges = (await http.get(f"/{process}?process-id={process}")).json()["edges"]
            (node,) = [
                each["node"]
                for each in edges
                if each["node"]["message"] and each["node"]["message"]["id"] == item_id
            ]
            assert node["message"]["tags"] == recording.item["tags"]
            tags = {tag["name"]: tag["value"] for tag in node["assignment"]["tags"]}
            assert int(tags["Timestamp"]) == first.json()["timestamp"]

    asyncio.run(main())


def page_of(target: str) -> bytes:
    """Return the page that a unit gives of the recorded list, by its rules: a naive reading."""
    asked = {name: text for name, text in parse_qsl(urlsplit(target).query) if text != "undefined"}
    after, until = int(asked.get("from", -1)), int(asked.get("to", 1 << 62))
    limit = int(asked.get("limit", 100))
    edges = [each for each in EDGES[1:] if after < int(each["cursor"]) <= until]
    if "from" not in asked:
        edges.insert(0, EDGES[0])
    return orjson.dumps(
        {"page_info": {"has_next_page": len(edges) > limit}, "edges": edges[:limit]}
    )


@pytest.mark.parametrize("recording", PAGES, ids=[each.name for each in PAGES])
def test_a_recorded_query_gets_its_page_of_the_recorded_list(
    tmp_path: Path, recording: Recording
) -> None:
    async def main() -> None:
        async with equivalent_node(tmp_path, recording) as http:
            (reply,) = await replay(http.port, recording)
            assert reply.body == page_of(recording.target)

    asyncio.run(main())


def test_the_range_that_aoconnect_puts_into_the_path_is_read(tmp_path: Path) -> None:
    (recording,) = [each for each in ALL if "/schedule%3Ffrom=0&to=5" in each.target]

    async def main() -> None:
        async with equivalent_node(tmp_path, recording) as http:
            (reply,) = await replay(http.port, recording)
            assert [edge["cursor"] for edge in reply.json()["edges"]] == [0, 1, 2, 3, 4, 5]

    asyncio.run(main())


@pytest.mark.parametrize("client", CLIENTS)
def test_a_kept_connection_gets_what_single_ones_get(tmp_path: Path, client: str) -> None:
    """Also after a refusal, and after a body that the node had no use for."""
    batch = [each for each in recordings(client) if not each.item and "assign=" not in each.target]

    async def main() -> None:
        place_recorded_schedule(tmp_path)
        async with serving(tmp_path, wallet=WALLET) as http:
            for each, kept in zip(batch, await replay(http.port, *batch), strict=True):
                (single,) = await replay(http.port, each)
                assert kept.status == single.status
                assert settled(kept.body.decode()) == settled(single.body.decode())

    asyncio.run(main())


@asynccontextmanager
async def node_with_gateway(path: Path, confirmations: int) -> AsyncIterator[int]:
    """Serve the recorded process beside a gateway that knows every transaction; yield the port."""

    async def status(_: web.BaseRequest) -> web.Response:
        return web.json_response({"number_of_confirmations": confirmations})

    place_recorded_schedule(path)
    node, _ = await open_node(path, wallet=WALLET, policy=Policy(), in_children=False)
    chain = web.ServerRunner(web.Server(status))
    await chain.setup()
    await web.TCPSite(chain, "127.0.0.1", 0).start()
    gateway = ChainGateway(f"http://127.0.0.1:{chain.addresses[0][1]}")
    runner = web.ServerRunner(HttpServer(make_dispatcher(node, gateway)))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
        await gateway.close()
        await chain.cleanup()
        await node.close()


BASE_LAYER = [each for each in ALL if "&base-layer" in each.target]


@pytest.mark.parametrize("recording", BASE_LAYER, ids=[each.name for each in BASE_LAYER])
@pytest.mark.parametrize(("confirmations", "status"), [(20, 200), (19, 400)])
def test_a_recorded_base_layer_assign_is_taken_when_it_is_settled(
    tmp_path: Path, recording: Recording, confirmations: int, status: int
) -> None:
    async def main() -> None:
        async with node_with_gateway(tmp_path, confirmations) as port:
            (reply,) = await replay(port, recording)
            assert reply.status == status
            if status == 400:
                assert reply.json() == {"error": "Not enough confirmations to assign"}
                return
            latest = recording._replace(method="GET", target=f"/{PID}/latest", body=b"")
            (newest,) = await replay(port, latest)
            assignment = newest.json()["assignment"]
            assert assignment["id"] == reply.json()["id"]
            tags = [(tag["name"], tag["value"]) for tag in assignment["tags"]]
            assert [value for name, value in tags if name == "Exclude"] == ["data", "tags"]

    asyncio.run(main())
