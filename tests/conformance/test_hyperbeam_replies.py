"""A schedule in every form: each verifies by its own rule, and keeps its bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import orjson

from seriatim.actors.policy import Policy
from seriatim.formats.ans104.bundle import decode_bundle
from seriatim.formats.codecs.cbor import load_map
from seriatim.formats.httpsig.canonical import canonical
from seriatim.formats.httpsig.commitments import verify
from seriatim.formats.httpsig.placement import (
    place,
)
from seriatim.formats.ids import decode_id
from seriatim.formats.schedule.audit import Audit
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.tabm.ans104.items import to_item
from seriatim.formats.tabm.model import COMMITMENTS_KEY
from seriatim.formats.wire.cbor_page import CborPageReader
from tests.support.builders import NODE, message_item, spawn_item
from tests.support.http_node import serving
from tests.support.hyperbeam import (
    client_wallet,
    http_message,
    rsa_wallet,
)
from tests.support.hyperbeam_http import (
    OWN,
    assignment_of,
    assignments_of,
    get,
    place_every_form,
    placeable,
    post,
)
from tests.support.strategies import known_wallet


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
    """A legacy assignment is signed once more; a native one is signed by nobody."""

    async def main() -> None:
        policy = Policy(accept_unsigned=True, any_scheduler=True)
        async with serving(tmp_path, wallet=rsa_wallet(), policy=policy) as http:
            for variant in (Variant.LEGACY, Variant.NATIVE):
                item = placeable(partial(spawn_item, variant, wallet=client_wallet())).raw
                process = (await http.post("/schedule", item)).headers["process"]
                (assignment,) = assignments_of(await get(http, f"/{process}/schedule")).values()
                body = assignment["body"]
                assert isinstance(body, Mapping)
                to_item(body).verify()
                assert to_item(body).raw == item
                assert assignment["variant"] == variant.tag.encode()
                if variant is Variant.LEGACY:
                    assert list(verify(canonical(assignment))) == [rsa_wallet().address]
                else:
                    assert COMMITMENTS_KEY not in assignment

    asyncio.run(main())


def test_a_page_in_cbor_is_the_log_and_passes_its_audit(tmp_path: Path) -> None:
    async def main() -> None:
        policy = Policy(accept_unsigned=True)
        async with serving(tmp_path, wallet=rsa_wallet(), policy=policy) as http:
            process = await place_every_form(http)
            target = f"/{process}/schedule"
            reply = await http.get(target, accept="application/cbor")
            assert reply.headers["content-type"] == "application/cbor"
            page = load_map(reply.body)
            assert (page["process"], page["variant"]) == (decode_id(process), "ao.N.1")
            assert page["continues"] is False
            reader, audit = CborPageReader(), Audit(decode_id(process))
            for entry in reader.entries(reply.body):
                record = reader.record(decode_id(process), entry)
                assert record == http.node.stored(decode_id(process), entry.slot).record
                audit.add(entry.slot, record)
            assert audit.slots == 7
            part = await http.get(f"{target}?from=2&to=3&accept-codec=cbor@1.0")
            assert [entry.slot for entry in reader.entries(part.body)] == [2, 3]
            none = await http.get(f"{target}?from=9", accept="application/cbor")
            assert not reader.entries(none.body)
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


def test_names_that_clients_choose_are_never_names_of_headers(tmp_path: Path) -> None:
    """A stored message could set cookies, or say another length than the reply has."""

    async def main() -> None:
        policy = Policy(accept_unsigned=True)
        async with serving(tmp_path, wallet=rsa_wallet(), policy=policy) as http:
            own = {"content-length": "5", "set-cookie": "a=b", "x y": "z", "line": "a\r\nb: c"}
            spawn = orjson.dumps({"type": "Process", **own})
            reply = await http.post("/schedule", spawn, content_type="application/json")
            process = reply.json()["process"]
            for target in ("checkpoint", "schedule/assignments/0/body"):
                plain = await http.get(f"/{process}/{target}")
                assert plain.json().items() >= own.items()
                assert "set-cookie" not in plain.headers
                asked = await get(http, f"/{process}/{target}")
                assert asked.status in (200, 501)
                assert "set-cookie" not in asked.headers
            raw = await http.post(
                f"/{process}/schedule", b'{"raw+base64url":"_w"}', content_type="application/json"
            )
            assert raw.status == 200
            said = await http.get(f"/{process}/schedule/assignments/1/body")
            assert said.json() == {"raw+base64url": "_w"}
            single = await http.get(f"/{process}/schedule/assignments/1/body/raw")
            assert single.body == b"\xff"
            for name, value in own.items():
                found = await get(http, f"/{process}/checkpoint/{name.replace(' ', '%20')}")
                assert (found.status, found.body.decode()) == (200, value)

    asyncio.run(main())
