"""A legacy compute unit accepts our pages, and would notice if one were wrong."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.item import sign_item
from seriatim.formats.ids import encode_id
from seriatim.formats.signing.scheme import WalletKind
from tests.interop.items import Tags, message_tags, spawn_tags
from tests.support.compute_unit import FetchPage, Page, ScheduleRefusedError, walk_schedule
from tests.support.live_node import LiveNode
from tests.support.strategies import known_wallet

pytestmark = pytest.mark.interop

MESSAGES = 7

Edges = list[dict[str, Any]]


@pytest.fixture(scope="module")
def process(node: LiveNode) -> str:
    """A legacy process with `MESSAGES` messages."""
    spawn = _post(node, spawn_tags(node.address), target=b"", data=b"compute unit")
    for number in range(MESSAGES):
        _post(node, message_tags(), target=spawn, data=b"%d" % number)
    return encode_id(spawn)


@pytest.mark.parametrize("limit", [1, 2, 3, MESSAGES + 1, 1000])
def test_the_unit_walks_the_whole_schedule_whatever_the_page_size(
    node: LiveNode, process: str, limit: int
) -> None:
    edges = walk_schedule(_pages_of(node, process, limit))
    assert len(edges) == MESSAGES + 1
    assert edges[0]["node"]["message"]["id"] == process


def test_the_unit_reads_process_time_and_latest_as_it_starts(node: LiveNode, process: str) -> None:
    described = node.get(f"/processes/{process}").json()
    assert described["process_id"] == process
    assert {"owner", "tags", "block", "timestamp", "signature", "data", "anchor"} <= set(described)
    time = node.get("/timestamp", process_id=process).json()
    assert int(time["timestamp"]) >= described["timestamp"]
    assert len(time["block_height"]) == 12
    latest = node.get(f"/{process}/latest").json()
    assert {"name": "Nonce", "value": str(MESSAGES)} in latest["assignment"]["tags"]


def _drop(edges: Edges) -> None:
    del edges[3]


def _swap(edges: Edges) -> None:
    edges[2], edges[3] = edges[3], edges[2]


def _repeat(edges: Edges) -> None:
    edges.insert(4, edges[4])


def _change_chain(edges: Edges) -> None:
    for tag in edges[5]["node"]["assignment"]["tags"]:
        if tag["name"] == "Hash-Chain":
            tag["value"] = encode_id(bytes(32))


def _change_assignment_id(edges: Edges) -> None:
    edges[6]["node"]["assignment"]["id"] = encode_id(bytes(32))


@pytest.mark.parametrize("damage", [_drop, _swap, _repeat, _change_chain, _change_assignment_id])
def test_the_unit_refuses_a_damaged_copy(
    node: LiveNode, process: str, damage: Callable[[Edges], None]
) -> None:
    page = deepcopy(_pages_of(node, process, 1000)(None))
    damage(page["edges"])
    with pytest.raises(ScheduleRefusedError):
        walk_schedule(lambda _: page)


def test_the_unit_refuses_a_promise_of_more_with_nothing_given() -> None:
    empty: Page = {"page_info": {"has_next_page": True}, "edges": []}
    with pytest.raises(ScheduleRefusedError, match="starts over"):
        walk_schedule(lambda _: empty)


def _pages_of(node: LiveNode, process: str, limit: int) -> FetchPage:
    def fetch(cursor: str | None) -> Page:
        after = {} if cursor is None else {"from": cursor}
        reply = node.get(f"/{process}", process_id=process, limit=limit, **after)
        assert reply.status == 200, reply.body
        page: Page = reply.json()
        return page

    return fetch


def _post(node: LiveNode, tags: Tags, *, target: bytes, data: bytes) -> bytes:
    item = sign_item(
        known_wallet(WalletKind.ED25519),
        target=target,
        anchor=b"",
        tags=[Tag(tag["name"].encode(), tag["value"].encode()) for tag in tags],
        data=data,
    )
    reply = node.post("/", item.raw)
    assert reply.status == 200, reply.body
    return item.id
