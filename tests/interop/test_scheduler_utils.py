"""ao-scheduler-utils finds the node, with and without a hint."""

from __future__ import annotations

from typing import Any

import pytest

from tests.interop.items import sign_items, spawn_tags
from tests.support.live_node import LiveNode
from tests.support.node_js import NodeJs

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def said(node: LiveNode, node_js: NodeJs, user_keys: dict[str, object]) -> dict[str, Any]:
    """What the library says about the node and a process of it."""
    (spawn,) = sign_items(
        node_js,
        user_keys,
        [{"kind": "ethereum", "tags": spawn_tags(node.address), "data": "scheduler-utils"}],
    )
    assert node.post("/", spawn.raw).status == 200
    answers: dict[str, Any] = node_js.run(
        "scheduler_utils.mjs",
        {"node": {"url": node.url, "address": node.address}, "process": spawn.id},
    )
    return answers


def test_the_node_is_a_valid_scheduler_and_a_stranger_is_not(said: dict[str, Any]) -> None:
    assert said["valid"] is True
    assert "threw" in said["invalid"]


def test_a_process_is_located_at_the_node(said: dict[str, Any], node: LiveNode) -> None:
    expected = {"url": node.url, "address": node.address}
    assert said["located"] == expected
    assert said["withHint"] == expected


def test_following_redirects_ends_at_the_node_itself(said: dict[str, Any], node: LiveNode) -> None:
    assert said["followed"] == {"url": node.url, "address": node.address}


def test_the_raw_location_is_the_nodes_url(said: dict[str, Any], node: LiveNode) -> None:
    assert said["raw"] == {"url": node.url}
