"""A recorded conversation with HyperBEAM, request by request and byte for byte, against our node.

Every request of the vectors is sent. What comes back is what HyperBEAM answered, key by key, but
for times and signatures (which are verified); where it is not, `CHANGED` and `ANSWERED` say so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import orjson
import pytest

from seriatim.actors.policy import Policy
from seriatim.formats.httpsig.canonical import canonical
from seriatim.formats.httpsig.commitments import verify
from seriatim.formats.httpsig.placement import HttpMessage, gather
from seriatim.formats.tabm.ans104.items import to_item
from seriatim.formats.tabm.ans104.proof import is_item
from seriatim.formats.tabm.model import COMMITMENTS_KEY, Tabm
from tests.support.http_node import serving
from tests.support.hyperbeam import (
    DATA_ITEM,
    HTTP,
    PROCESS,
    RECORDED,
    REPLAYED,
    body_of,
    original,
    rsa_wallet,
)
from tests.support.hyperbeam_http import (
    Reply,
    assignment_of,
    assignments_of,
    post,
    send_recorded,
)
from tests.support.notation import tabm
from tests.support.running_node import check_log

# What a reply says of the connection and of the moment; a page says its block's time.
_CONNECTION: Final = frozenset(
    {
        "access-control-allow-headers",
        "access-control-allow-methods",
        "access-control-allow-origin",
        "access-control-expose-headers",
        "access-control-max-age",
        "cache-control",
        "content-length",
        "content-type",
        "date",
        "server",
        "signature",
        "signature-input",
        "transfer-encoding",
    }
)

# Keys that differ on purpose; each is looked at in a test of its own below.
_BLOCK: Final = frozenset({"ao-types", "block-hash", "block-height"})
CHANGED: Final[Mapping[str, frozenset[str]]] = {
    "16-get-schedule-aos2-header": frozenset({"body", "seriatim-verifiable"}),
    "17-get-schedule-aos2-header-from1-to2": frozenset({"body", "seriatim-verifiable"}),
    "30-get-slot": _BLOCK,
    "31-get-slot-by-process-path": _BLOCK,
    "32-get-slot-by-process-device-path": _BLOCK,
    "40-get-status": frozenset({"ao-types", "live"}),
    "67-post-dup-b": frozenset({"hash-chain", "slot"}),
}

# Requests that get another status, or another slot, or as an error our own body; with the code.
ANSWERED: Final[Mapping[str, tuple[int, str]]] = {
    "05-post-message-ans104": (200, ""),
    "07-post-ans104-to-process-path": (200, ""),
    "18-get-schedule-accept-json": (200, ""),
    "35-get-slot-unknown-process": (404, "not_found"),
    "42-get-location-none": (404, "not_found"),
    "60-post-tampered-message": (400, "bad_signature"),
    "62-post-unknown-process": (404, "not_found"),
    "63-post-process-other-scheduler": (400, "foreign_scheduler"),
    "64-post-process-without-scheduler": (200, ""),
}

# HyperBEAM refused this one: at the end, it moves none of the slots that are compared.
_LAST: Final = "07-post-ans104-to-process-path"


def recorded(name: str) -> tuple[int, Tabm]:
    """Return the recorded status and message, without the quirk of its late status."""
    response = orjson.loads((HTTP / f"{name}.json").read_bytes())["response"]
    headers = {key: value.encode("latin-1") for key, value in response["headers"]}
    headers.pop("status", None)
    if types := headers.pop("ao-types", b""):
        kept = [each for each in types.split(b", ") if each != b'status="integer"']
        headers |= {"ao-types": b", ".join(kept)} if kept else {}
    body = response["body_b64"].replace("+", "-").replace("/", "_").rstrip("=")
    return response["status"], gather(HttpMessage(headers, tabm({"$b64u": body})))


def said(message: Tabm) -> dict[str, Any]:
    """Return *message* without times of assignments, signatures, and what is the connection's."""
    is_assignment = "slot" in message and "hash-chain" in message
    skipped = _CONNECTION | {COMMITMENTS_KEY} | ({"timestamp"} if is_assignment else set())
    return {
        key: value if isinstance(value, bytes) else said(value)
        for key, value in message.items()
        if key not in skipped
    }


@pytest.fixture(scope="module")
def replies(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Reply]:
    """Hold the whole conversation with a node of ours that takes unsigned messages, too."""

    async def main() -> dict[str, Reply]:
        policy = Policy(accept_unsigned=True)
        folder = tmp_path_factory.mktemp("replay")
        async with serving(folder, wallet=rsa_wallet(), policy=policy) as http:
            found = {}
            for name in sorted(REPLAYED, key=lambda name: (name == _LAST, name)):
                if name.startswith("04"):
                    # The request of slot 2 is not among the vectors, its message is.
                    await post(http, {"body": body_of(RECORDED[2])}, "/~scheduler@1.0/schedule")
                found[name] = await send_recorded(http, name)
            check_log(http.node, PROCESS)
            return found

    return asyncio.run(main())


def test_the_recorded_requests_are_there() -> None:
    assert len(REPLAYED) == 31
    assert set(REPLAYED) >= CHANGED.keys() | ANSWERED.keys()
    assert {file.name.split(".")[0] for file in HTTP.iterdir()} == set(REPLAYED)


@pytest.mark.parametrize("name", REPLAYED)
def test_a_recorded_request_gets_its_recorded_reply_or_the_named_difference(
    replies: Mapping[str, Reply], name: str
) -> None:
    status, theirs = recorded(name)
    ours = replies[name]
    assert ours.headers["access-control-allow-origin"] == "*"
    if name in ANSWERED:
        known_status, code = ANSWERED[name]
        assert (ours.status, ours.headers.get("seriatim-error", "")) == (known_status, code)
        assert (ours.status, code) != (status, ""), "no difference"
        return
    assert ours.status == status
    known, found = said(theirs), said(ours.message)
    differing = {key for key in known.keys() | found.keys() if known.get(key) != found.get(key)}
    assert differing == CHANGED.get(name, set())


def test_every_slot_reads_back_with_its_own_signature(replies: Mapping[str, Reply]) -> None:
    """HyperBEAM's store gives every assignment the signature of the first one."""
    page = assignments_of(replies["10-get-schedule-default"])
    assert sorted(page) == [each["slot"] for each in RECORDED[:5]]
    signatures = set()
    for slot, assignment in page.items():
        assert said(assignment) == said(original(RECORDED[slot]))
        assert list(verify(canonical(assignment))) == [rsa_wallet().address]
        signatures.add(str(assignment[COMMITMENTS_KEY]))
        body = assignment["body"]
        assert not isinstance(body, bytes)
        assert is_item(body) == (slot == DATA_ITEM)
        if is_item(body):
            to_item(body).verify()
        else:
            assert verify(body)
        assert body[COMMITMENTS_KEY] == body_of(RECORDED[slot])[COMMITMENTS_KEY]
    assert len(signatures) == len(page)


@pytest.mark.parametrize(
    "name", [name for name in REPLAYED if name[:2] in {"01", "02", "04", "06"}]
)
def test_the_answer_to_a_post_is_what_was_signed(replies: Mapping[str, Reply], name: str) -> None:
    """HyperBEAM adds a status and its type after signing."""
    reply = replies[name]
    assert list(verify(canonical(assignment_of(reply)))) == [rsa_wallet().address]
    page = assignments_of(replies["10-get-schedule-default"])
    assert canonical(assignment_of(reply)) == canonical(page[int(reply.headers["slot"])])


@pytest.mark.parametrize("name", [name for name in CHANGED if "aos2" in name])
def test_aos2_is_the_recorded_one_byte_for_byte(replies: Mapping[str, Reply], name: str) -> None:
    """But for the ids of assignments, which are hashes of signatures, and for times."""
    _, theirs = recorded(name)
    expected, body = theirs["body"], replies[name].body
    assert isinstance(expected, bytes)
    pairs = zip(orjson.loads(expected)["edges"], orjson.loads(body)["edges"], strict=True)
    for known, ours in pairs:
        assert {**ours["node"]["message"], "Signature": ""} == known["node"]["message"]
        # A data item shows its signature here, and its assignment is one itself, with other tags.
        is_item_too = known["cursor"] == DATA_ITEM
        for own in (_assignment, _message) if is_item_too else (_id, _time):
            assert body.count(own(ours)) == 1
            body = body.replace(own(ours), own(known))
    assert body == expected
    assert replies[name].headers["seriatim-verifiable"] == "no"


def _assignment(edge: dict[str, Any]) -> bytes:
    return orjson.dumps(edge["node"]["assignment"])


def _message(edge: dict[str, Any]) -> bytes:
    return orjson.dumps(edge["node"]["message"])


def _id(edge: dict[str, Any]) -> bytes:
    return str(edge["node"]["assignment"]["Id"]).encode()


def _time(edge: dict[str, Any]) -> bytes:
    tags = edge["node"]["assignment"]["Tags"]
    return orjson.dumps(next(tag for tag in tags if tag["name"] == "Timestamp"))


@pytest.mark.parametrize("name", [name for name in CHANGED if "slot" in name])
def test_height_and_hash_of_the_block_are_in_their_places(
    replies: Mapping[str, Reply], name: str
) -> None:
    """HyperBEAM of May 2025 swaps them."""
    _, theirs = recorded(name)
    assert (theirs["block-hash"], theirs["block-height"]) == (b"0", bytes(32))
    headers = replies[name].headers
    assert (headers["block-hash"], headers["block-height"]) == ("A" * 43, "0")
    assert 'block-height="integer"' in headers["ao-types"]
    assert headers["current"] == "4"


def test_a_page_comes_as_json(replies: Mapping[str, Reply]) -> None:
    """HyperBEAM drops the connection, or answers 500 where one of the messages is an item."""
    reply = replies["18-get-schedule-accept-json"]
    page = orjson.loads(reply.body)
    assert reply.headers["content-type"] == "application/json"
    assert [page["assignments"][str(slot)]["slot"] for slot in range(5)] == list(range(5))
    assert page["continues"] is False


def test_a_bare_data_item_finds_its_process(replies: Mapping[str, Reply]) -> None:
    """HyperBEAM looks for the 32 raw bytes of its target, and knows the process by its text."""
    assert replies["05-post-message-ans104"].headers["slot"] == str(DATA_ITEM)
    assert replies["06-post-message-ans104-nested"].headers["slot"] == str(DATA_ITEM)
    assert replies[_LAST].headers["slot"] == "7"


def test_a_message_that_comes_again_has_the_slot_that_it_has(
    replies: Mapping[str, Reply],
) -> None:
    first, again = replies["66-post-dup-a"], replies["67-post-dup-b"]
    assert first.headers["slot"] == again.headers["slot"] == "6"
    assert (first.headers["signature"], first.body) == (again.headers["signature"], again.body)


def test_errors_say_what_hyperbeam_says_in_a_problem_of_their_own(
    replies: Mapping[str, Reply],
) -> None:
    _, theirs = recorded("42-get-location-none")
    problem = orjson.loads(replies["42-get-location-none"].body)
    assert problem["detail"].encode() == theirs["body"]
    assert problem["status"] == 404
