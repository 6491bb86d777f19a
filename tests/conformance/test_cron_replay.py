"""A recorded conversation with HyperBEAM about tasks, request by request, against our node."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import pytest

from seriatim.formats.httpsig.placement import HttpMessage, gather
from seriatim.formats.ids import decode_id
from seriatim.formats.tabm.model import Tabm
from seriatim.gateway.http.operator import Operator
from tests.support.builders import NODE
from tests.support.http_node import serving
from tests.support.hyperbeam import VECTORS
from tests.support.hyperbeam_http import Reply, exchange, recorded_reply
from tests.support.strategies import known_wallet

CONVERSATION: Final = VECTORS / "cron-multipass"
RECORDED: Final = sorted(
    file.name.removesuffix(".request.raw") for file in CONVERSATION.glob("*.request.raw")
)
# HyperBEAM answers 500 and a trace; its source means these sentences.
MEANT: Final = {
    "05-every-bad-unit": b"Invalid time unit: fortnights",
    "06-every-zero": b"Invalid interval value.",
    "07-every-not-a-number": b"Invalid interval value.",
}
TASKS: Final = ("08-once", "09-every", "10-every-again", "11-every-plural-and-case")
STOPPED: Final = {"14-stop": "09-every", "15-stop-again": "09-every", "16-stop-other": TASKS[-1]}


@pytest.fixture(scope="module")
def replies(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Reply]:
    """Hold the whole conversation with a node of ours where everybody may define tasks."""

    async def main() -> dict[str, Reply]:
        found: dict[str, Reply] = {}
        folder = tmp_path_factory.mktemp("cron")
        async with serving(
            folder, wallet=known_wallet(NODE), operator=Operator(public_cron=True)
        ) as http:
            for name in RECORDED:
                raw = (CONVERSATION / f"{name}.request.raw").read_bytes()
                if name in STOPPED:
                    theirs = recorded_reply(
                        (CONVERSATION / f"{STOPPED[name]}.response.raw").read_bytes()
                    )
                    raw = raw.replace(theirs.body, found[STOPPED[name]].body)
                found[name] = await asyncio.to_thread(exchange, http.port, raw)
        return found

    return asyncio.run(main())


def said(reply: Reply) -> Tabm:
    """Return the reply as a message, without what is of the connection or the signature."""
    kept = {"ao-result", "body-keys", "content-type", "1", "2", "3", "4", "5", "6"}
    headers = {name: each.encode() for name, each in reply.headers.items() if name in kept}
    message = gather(HttpMessage(headers, reply.body))
    return {
        name: each for name, each in message.items() if name not in ("body-keys", "content-type")
    }


def test_the_recorded_conversation_is_there() -> None:
    assert len(RECORDED) == 17


@pytest.mark.parametrize("name", [name for name in RECORDED if name[:2] != "23"])
def test_a_recorded_request_gets_its_recorded_reply(
    replies: Mapping[str, Reply], name: str
) -> None:
    theirs = recorded_reply((CONVERSATION / f"{name}.response.raw").read_bytes())
    ours = replies[name]
    if name in MEANT:
        assert (theirs.status, ours.status, ours.body) == (500, 400, MEANT[name])
        assert ours.headers["ao-result"] == "body"
        return
    assert ours.status == theirs.status
    if name in TASKS:
        assert len(decode_id(ours.body.decode())) == len(decode_id(theirs.body.decode()))
        return
    expected = said(theirs)
    if name in {"14-stop", "16-stop-other"}:
        body = expected["body"]
        assert not isinstance(body, bytes)
        expected = {"body": {**body, "task_id": replies[STOPPED[name]].body}}
    assert said(ours) == expected


def test_the_same_request_twice_is_one_task(replies: Mapping[str, Reply]) -> None:
    once, every, again, other = (replies[name].body for name in TASKS)
    assert every == again
    assert len({once, every, other}) == 3


def test_multipass_shows_its_keys_but_for_those_of_the_connection(
    replies: Mapping[str, Reply],
) -> None:
    name = "23-multipass-keys"
    theirs = recorded_reply((CONVERSATION / f"{name}.response.raw").read_bytes())
    ours = replies[name]
    assert (ours.status, theirs.status) == (200, 200)
    known = {each.decode() for each in said(theirs).values() if isinstance(each, bytes)}
    found = [each.decode() for each in said(ours).values() if isinstance(each, bytes)]
    assert found == ["device", "method", "pass", "passes"]
    assert known - set(found) == {"connection", "host"}
