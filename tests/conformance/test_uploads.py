"""Uploads over HTTP: what a bundler gets, and what a client hears who waits for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pytest

from seriatim.actors.policy import Policy
from seriatim.formats.ans104.item import DataItem
from seriatim.formats.errors import UnavailableError
from seriatim.formats.httpsig.commitments import verify
from seriatim.formats.httpsig.placement import HttpMessage
from seriatim.formats.httpsig.received import receive
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import UPLOAD_PAUSE_MAX_MS
from seriatim.formats.schedule.mode import SchedulingMode
from seriatim.formats.schedule.upload import Part
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.wire.stored import StoredAssignment
from seriatim.gateway.bundler import open_bundler
from tests.support.builders import make_draft, message_item, seal_log, spawn, spawn_item
from tests.support.http_node import serving
from tests.support.hyperbeam import http_spawn, rsa_wallet
from tests.support.running_node import WALLET
from tests.support.stub_bundler import StubBundler, stub_bundler

REMOTE = Policy(mode=SchedulingMode.REMOTE)


def sent_items(bundler: StubBundler) -> list[DataItem]:
    """Return the data items that were acknowledged, their signatures verified."""
    items = [DataItem.decode(body) for body in bundler.acknowledged]
    for item in items:
        item.verify()
    return items


def test_an_answer_waits_for_the_message_and_its_assignment(tmp_path: Path) -> None:
    async def main(bundler: StubBundler) -> None:
        async with (
            open_bundler(bundler.url + "/", None) as carrier,
            serving(tmp_path / "data", wallet=WALLET, policy=REMOTE, carrier=carrier) as client,
        ):
            spawn = spawn_item(Variant.HYPERBEAM)
            item = message_item(spawn.id, "up and away")
            for raw in (spawn.raw, item.raw):
                sent = await client.post("/schedule", raw, accept="application/json")
                assert (sent.status, sent.headers["scheduling-mode"]) == (
                    200,
                    "remote_confirmation",
                )
                ids = [encode_id(each.id) for each in sent_items(bundler)[-2:]]
                assert ids == [sent.json()["id"], sent.json()["assignment-id"]]
            assert {each.path for each in bundler.uploads} == {"/tx"}
            again = await client.post("/schedule", item.raw, accept="application/json")
            assert again.headers["scheduling-mode"] == "remote_confirmation"
            assert len(bundler.uploads) == 4, "and nothing was sent again"

    with stub_bundler() as bundler:
        asyncio.run(main(bundler))


def test_what_the_bundler_refuses_has_its_slot_and_is_said_not_to_be_uploaded(
    tmp_path: Path,
) -> None:
    async def main(bundler: StubBundler) -> None:
        bundler.answer = lambda _path, _body: 400
        async with (
            open_bundler(bundler.url, None) as carrier,
            serving(tmp_path / "data", wallet=WALLET, policy=REMOTE, carrier=carrier) as client,
        ):
            spawn = spawn_item(Variant.HYPERBEAM)
            sent = await client.post("/schedule", spawn.raw)
            assert (sent.status, sent.headers["seriatim-error"]) == (503, "not_uploaded")
            assert "has slot 0" in orjson.loads(sent.body)["detail"]
            assert (await client.get(f"/{encode_id(spawn.id)}/slot/current")).body == b"0"
            metrics = (await client.get("/metrics")).body.decode()
            assert "seriatim_outbox_assignments 1.0" in metrics
            assert "seriatim_outbox_aside_assignments 1.0" in metrics

    with stub_bundler() as bundler:
        asyncio.run(main(bundler))


@pytest.mark.parametrize("has_bundler", [True, False])
def test_an_http_message_goes_within_its_assignment_to_the_bundler_of_those(
    tmp_path: Path, *, has_bundler: bool
) -> None:
    async def main(bundler: StubBundler) -> None:
        url = bundler.url if has_bundler else None
        async with (
            open_bundler(bundler.url + "/items", url) as carrier,
            serving(
                tmp_path / "data", wallet=rsa_wallet(), policy=REMOTE, carrier=carrier
            ) as client,
        ):
            submission = http_spawn()
            receipt = await client.node.place(submission, variant_default=Variant.HYPERBEAM)
            if not has_bundler:
                assert receipt.mode is SchedulingMode.LOCAL, "nothing of it is uploaded"
                assert bundler.uploads == []
                return
            assert receipt.mode is SchedulingMode.REMOTE
            (upload,) = bundler.uploads
            assert upload.path == "/tx"
            headers = {
                name.lower(): value.encode("latin-1") for name, value in upload.headers.items()
            }
            assignment = receive(HttpMessage(headers, upload.body)).tabm["body"]
            assert isinstance(assignment, dict)
            verify(assignment)
            message = assignment["body"]
            assert isinstance(message, dict)
            verify(message)
            assert assignment["process"] == encode_id(submission.process).encode()

    with stub_bundler() as bundler:
        asyncio.run(main(bundler))


@pytest.mark.parametrize(
    ("status", "retry_after", "wait_ms"),
    [(200, "", None), (429, "7", 7_000), (503, "9999999", UPLOAD_PAUSE_MAX_MS), (500, "soon", 0)],
)
def test_what_a_bundler_says_is_in_its_status_however_long_its_reply(
    status: int, retry_after: str, wait_ms: int | None
) -> None:
    async def main(bundler: StubBundler) -> None:
        bundler.answer = lambda _path, _body: status
        bundler.reply = b"<p>" * 1_000_000
        bundler.headers = {"retry-after": retry_after} if retry_after else {}
        draft = make_draft(spawn(Variant.HYPERBEAM), 0, Variant.HYPERBEAM)
        (record,) = seal_log([draft])
        stored = StoredAssignment(draft.process, 0, record)
        async with open_bundler(bundler.url, None) as carrier:
            assert carrier is not None
            if wait_ms is None:
                await carrier.carry(stored, Part.MESSAGE)
                return
            with pytest.raises(UnavailableError) as caught:
                await carrier.carry(stored, Part.MESSAGE)
            assert caught.value.retry_after_ms == wait_ms
            assert len(str(caught.value)) < 1_000

    with stub_bundler() as bundler:
        asyncio.run(main(bundler))


def test_a_bundler_does_not_lead_the_node_elsewhere(tmp_path: Path) -> None:
    """It is the operator's to name, and what it redirects to is a stranger's again."""

    async def main(bundler: StubBundler, other: StubBundler) -> None:
        bundler.answer = lambda _path, _body: 307
        bundler.headers = {"location": f"{other.url}/tx"}
        async with (
            open_bundler(bundler.url, None) as carrier,
            serving(tmp_path / "data", wallet=WALLET, policy=REMOTE, carrier=carrier) as client,
        ):
            sent = await client.post("/schedule", spawn_item(Variant.HYPERBEAM).raw)
            assert sent.headers["seriatim-error"] == "not_uploaded"
            assert other.uploads == []

    with stub_bundler() as bundler, stub_bundler() as other:
        asyncio.run(main(bundler, other))
