"""HyperBEAM's recorded requests, byte for byte to a node of ours: the same status and message.

Ids, times and signatures apart. Where we differ, `DIFFERENCES` says how and why.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from http.client import HTTPResponse
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
import pytest

from seriatim.actors.node import Policy
from seriatim.formats.ans104.bundle import decode_bundle
from seriatim.formats.httpsig.canonical import canonical
from seriatim.formats.httpsig.commitments import from_http, to_http, verify
from seriatim.formats.httpsig.placement import (
    SIGNATURE,
    SIGNATURE_INPUT,
    HttpMessage,
    gather,
    place,
)
from seriatim.formats.ids import decode_id, encode_id
from seriatim.formats.schedule.audit import Audit
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.tabm.ans104.items import to_item
from seriatim.formats.tabm.model import COMMITMENTS_KEY, Tabm
from seriatim.formats.wire.cbor_schedule import decode_page
from tests.conformance.test_tabm import tabm
from tests.support.builders import NODE, message_item, spawn_item
from tests.support.http_node import HttpNode, serving
from tests.support.hyperbeam import (
    PROCESS,
    SCHEDULER,
    client_wallet,
    http_message,
    http_spawn,
    rsa_wallet,
)
from tests.support.running_node import check_log
from tests.support.strategies import known_wallet

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
        return from_http(HttpMessage(headers, self.body))


def exchange(port: int, raw: bytes) -> Reply:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(raw)
        response = HTTPResponse(connection)
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, headers, response.read())


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


def assignment_of(reply: Reply) -> Tabm:
    """Return the assignment that a reply is, without what the connection added."""
    added = OWN - {"slot", "timestamp", "hash-chain", "content-type", "body-keys", COMMITMENTS_KEY}
    return {key: value for key, value in reply.message.items() if key not in added}


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


async def place_every_form(http: HttpNode) -> str:
    """Fill a process with messages of every form; return its id."""
    spawn = http_message({"device": b"process@1.0", "type": b"Process"})
    process = (await post(http, spawn, "/schedule")).headers["process"]
    target = decode_id(process)
    bodies = [
        message_item(target, "by RSA", wallet=client_wallet()).raw,
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


def test_a_page_of_every_form_verifies_and_keeps_its_bytes(tmp_path: Path) -> None:
    async def main() -> None:
        policy = Policy(accept_unsigned=True)
        async with serving(tmp_path, wallet=rsa_wallet(), policy=policy) as http:
            process = await place_every_form(http)
            target = f"/{process}/schedule"
            # Many at once for the first time: each slot is signed once all the same.
            first, *others = await asyncio.gather(*(get(http, target) for _ in range(4)))
            assert {reply.body for reply in others} == {first.body}
        async with serving(tmp_path, wallet=rsa_wallet(), policy=policy) as http:
            again = await get(http, target)
            assert again.body == first.body
            single = await get(http, f"{target}/assignments/1")
        found = assignments_of(first)
        assert sorted(found) == list(range(7))
        for slot, assignment in found.items():
            assert list(verify(canonical(assignment))) == [rsa_wallet().address]
            assert assignment["slot"] == str(slot).encode()
        assert canonical(assignment_of(single)) == canonical(found[1])
        bodies = {slot: each.get("body") for slot, each in found.items()}
        # What has no place within another message is named by its id.
        assert [slot for slot, body in bodies.items() if body is None] == [2, 3, 4, 5]
        assert {slot for slot, each in found.items() if "body+link" in each} == {2, 3, 4, 5}
        item = bodies[1]
        assert isinstance(item, Mapping)
        assert bytes(to_item(item).data) == b"by RSA"
        to_item(item).verify()
        assert found[4]["path"] == b"compute"
        assert found[6]["path"] == b'"a", "b"'

    asyncio.run(main())


def test_a_page_is_the_message_that_its_parts_say(tmp_path: Path) -> None:
    """Joined from written parts, it is what placing the whole message gives."""

    async def main() -> None:
        policy = Policy(accept_unsigned=True)
        async with serving(tmp_path, wallet=rsa_wallet(), policy=policy) as http:
            process = await place_every_form(http)
            for bounds, slots in (("", range(7)), ("?from=1&to=2", range(1, 3)), ("?from=9", ())):
                page = await get(http, f"/{process}/schedule{bounds}")
                assert sorted(assignments_of(page)) == list(slots)
                said = {
                    key: value
                    for key, value in page.message.items()
                    if key not in OWN - {"timestamp"}
                }
                placed = place(said)
                assert placed.body == page.body
                for name in ("content-digest", "content-type") if slots else ():
                    assert placed.headers[name].decode() == page.headers[name]

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


def test_a_wallet_that_signs_no_http_messages_leaves_json_and_aos2(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=known_wallet(NODE)) as http:
            item = spawn_item(Variant.HYPERBEAM).raw
            process = (await http.post("/schedule", item)).headers["process"]
            refused = await get(http, f"/{process}/schedule")
            assert (refused.status, orjson.loads(refused.body)["code"]) == (501, "unsupported")
            assert "accept application/json" in orjson.loads(refused.body)["detail"]
            assert (await http.get(f"/{process}/schedule")).status == 200

    asyncio.run(main())


def test_legacy_and_native_processes_have_the_form_that_they_can_have(tmp_path: Path) -> None:
    """A legacy assignment is the data item that it is; a native one is signed by nobody."""

    async def main() -> None:
        policy = Policy(accept_unsigned=True, any_scheduler=True)
        async with serving(tmp_path, wallet=rsa_wallet(), policy=policy) as http:
            for variant in (Variant.LEGACY, Variant.NATIVE):
                item = spawn_item(variant, wallet=client_wallet()).raw
                process = (await http.post("/schedule", item)).headers["process"]
                (assignment,) = assignments_of(await get(http, f"/{process}/schedule")).values()
                body = assignment["body"]
                assert isinstance(body, Mapping)
                to_item(body).verify()
                assert to_item(body).raw == item
                signed = {key: each for key, each in assignment.items() if key != "body"}
                if variant is Variant.LEGACY:
                    to_item(signed).verify()
                    assert to_item(signed).tag(b"Nonce") == b"0"
                else:
                    assert COMMITMENTS_KEY not in signed

    asyncio.run(main())


def test_a_page_in_cbor_is_the_log_and_passes_its_audit(tmp_path: Path) -> None:
    async def main() -> None:
        policy = Policy(accept_unsigned=True)
        async with serving(tmp_path, wallet=rsa_wallet(), policy=policy) as http:
            process = await place_every_form(http)
            target = f"/{process}/schedule"
            reply = await http.get(target, accept="application/cbor")
            assert reply.headers["content-type"] == "application/cbor"
            page = decode_page(reply.body)
            assert (page.process, page.variant) == (decode_id(process), Variant.HYPERBEAM)
            assert not page.continues
            audit = Audit(page.process)
            for slot, record in page.records.items():
                assert record == http.node.stored(page.process, slot).record
                audit.add(slot, record)
            assert audit.slots == 7
            part = decode_page((await http.get(f"{target}?from=2&to=3&accept-codec=cbor@1.0")).body)
            assert list(part.records) == [2, 3]
            none = decode_page((await http.get(f"{target}?from=9", accept="application/cbor")).body)
            assert not none.records
            other = await http.get(f"/{process}/slot", accept="application/cbor")
            assert (other.status, other.json()["code"]) == (501, "unsupported")

    asyncio.run(main())


def test_a_page_of_data_items_is_a_bundle_of_them(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=rsa_wallet()) as http:
            raw = spawn_item(Variant.HYPERBEAM).raw
            process = (await http.post("/schedule", raw)).headers["process"]
            message = message_item(decode_id(process), "one").raw
            placed = await http.post(f"/{process}/schedule", message, accept="application/ans104")
            items = decode_bundle(placed.body)
            assert [bytes(item.raw) for item in items[1:]] == [message]
            page = await http.get(f"/{process}/schedule", accept="application/ans104")
            items = decode_bundle(page.body)
            assert [bytes(items[at].raw) for at in (1, 3)] == [raw, message]
            assert [items[at].tag(b"slot") for at in (0, 2)] == [b"0", b"1"]
            for item in items:
                item.verify()
            mixed = http_message({"data": b"x", "type": b"Message"})
            await post(http, mixed, f"/{process}/schedule")
            reply = await http.get(f"/{process}/schedule", accept="application/ans104")
            assert (reply.status, reply.json()["code"]) == (501, "unsupported")
            assert "slot 2" in reply.json()["detail"]
            other = await http.get(f"/{process}/slot", accept="application/ans104")
            assert other.status == 501

    asyncio.run(main())
