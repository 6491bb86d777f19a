"""aoconnect, legacy and mainnet mode, against a real node; nothing leaves this machine."""

from __future__ import annotations

from typing import Any

import pytest

from tests.interop.items import MODULE
from tests.support.live_node import LiveNode
from tests.support.node_js import NodeJs

pytestmark = pytest.mark.interop

Said = dict[str, Any]


@pytest.fixture(scope="module")
def legacy(node: LiveNode, node_js: NodeJs, user_jwk: dict[str, str]) -> Said:
    """What the calls of legacy mode gave."""
    return _run("aoconnect_legacy.mjs", node, node_js, user_jwk)


@pytest.fixture(scope="module")
def mainnet(node: LiveNode, node_js: NodeJs, user_jwk: dict[str, str]) -> Said:
    """What the calls of mainnet mode gave."""
    return _run("aoconnect_mainnet.mjs", node, node_js, user_jwk)


def test_legacy_messages_come_back_in_the_order_in_which_they_were_sent(legacy: Said) -> None:
    edges = legacy["allMessages"]["edges"]
    assert [_message_id(edge) for edge in edges[:2]] == [legacy["message"], legacy["bare"]]
    slots = [_tag(edge["node"]["assignment"], "Nonce") for edge in edges]
    assert slots == ["1", "2", "3", "4", "5"]
    assert legacy["allMessages"]["page_info"] == {"has_next_page": False}


def test_a_legacy_page_ends_at_the_limit_and_says_that_there_is_more(legacy: Said) -> None:
    page = legacy["pageOfTwo"]
    assert [_message_id(edge) for edge in page["edges"]] == [legacy["message"], legacy["bare"]]
    assert page["page_info"] == {"has_next_page": True}


def test_a_legacy_message_is_readable_as_soon_as_it_is_answered(legacy: Said) -> None:
    served = legacy["byId"]["message"]
    assert served["id"] == legacy["message"]
    assert served["data"] == "hello"
    assert served["anchor"] == "0" * 31 + "1"
    assert _tag(served, "Action") == "Ping"


def test_a_legacy_message_can_return_its_slot(legacy: Said, node: LiveNode) -> None:
    assert _slot_of(legacy["withSlot"]) == 3
    assert _slot_of(legacy["withSlotAndId"]) == 4
    edge = node.get(f"/{legacy['process']}", process_id=legacy["process"]).json()["edges"][4]
    assert _message_id(edge) == legacy["withSlotAndId"]["id"]


def test_a_legacy_assign_gives_a_known_message_another_slot(legacy: Said, node: LiveNode) -> None:
    served = node.get(f"/{legacy['assigned']}", process_id=legacy["process"]).json()
    assert served["message"] is None
    assert _tag(served["assignment"], "Message") == legacy["message"]
    assert _tag(served["assignment"], "Nonce") == "5"
    assert "Transaction not found" in legacy["assignedUnknown"]["threw"]


def test_the_last_slot_is_the_last_assignment(legacy: Said) -> None:
    assert legacy["lastSlot"] == "5"


def test_a_legacy_message_to_an_unknown_process_is_refused(legacy: Said) -> None:
    assert legacy["toNobody"]["threw"].startswith("4")


def test_mainnet_spawn_and_message_get_dense_slots(mainnet: Said, node: LiveNode) -> None:
    assert mainnet["slot"] == 1
    assert mainnet["both"]["slot"] == 3
    assert node.get(f"/{mainnet['process']}/slot/current").body == b"3"


def test_mainnet_spawn_without_a_scheduler_asks_the_node(mainnet: Said, node: LiveNode) -> None:
    served = node.get(f"/processes/{mainnet['unnamed']}").json()
    assert _tag(served, "Scheduler") == node.address
    assert _tag(served, "Authority") == node.address


def test_mainnet_messages_return_the_ids_that_the_node_serves(
    mainnet: Said, node: LiveNode
) -> None:
    process = mainnet["process"]
    edges = node.get(f"/{process}", process_id=process).json()["edges"]
    assert _message_id(edges[0]) == process
    assert _message_id(edges[2]) == mainnet["messageId"]
    assert _message_id(edges[3]) == mainnet["both"]["id"]


def test_what_aoconnect_signs_as_http_messages_is_verified_and_gets_slots(
    mainnet: Said, node: LiveNode
) -> None:
    spawned = mainnet["httpSpawn"]["returned"]
    assert (spawned["status"], spawned["slot"]) == (200, "0")
    assert node.get(f"/{spawned['process']}/slot/current").body == b"0"
    placed = mainnet["httpMessage"]["returned"]
    assert (placed["status"], placed["slot"]) == (200, "1")
    assert placed["process"] == mainnet["unnamed"]
    # It signs short data as a header, which no placement of the message has.
    assert mainnet["httpData"]["returned"]["status"] == 422
    page = node.get(f"/{placed['process']}/schedule", accept="application/json").json()
    signed_by = page["assignments"]["1"]["body"]["commitments"].values()
    assert {each["commitment-device"] for each in signed_by} == {"httpsig@1.0"}


def test_mainnet_results_are_a_clean_refusal_and_never_an_empty_result(mainnet: Said) -> None:
    for call in ("result", "results", "dryrun"):
        assert "returned" not in mainnet[call], call
    computed = [asked for asked in mainnet["asked"] if "compute" in asked["pathname"]]
    assert len(computed) == 3
    assert {asked["status"] for asked in computed} == {501}
    assert {asked["type"] for asked in computed} == {"application/problem+json"}


def test_mainnet_results_find_the_current_slot_as_bare_text(mainnet: Said) -> None:
    (asked,) = [each for each in mainnet["asked"] if each["pathname"].endswith("/slot/current")]
    assert (asked["status"], asked["body"]) == (200, "3")


def _run(script: str, node: LiveNode, node_js: NodeJs, user_jwk: dict[str, str]) -> Said:
    said: Said = node_js.run(
        script,
        {
            "node": {"url": node.url, "address": node.address},
            "jwk": user_jwk,
            "module": MODULE,
        },
    )
    return said


def _message_id(edge: Said) -> str:
    found: str = edge["node"]["message"]["id"]
    return found


def _tag(of: Said, name: str) -> str:
    values: list[str] = [tag["value"] for tag in of["tags"] if tag["name"] == name]
    assert len(values) == 1, f"{name} stands there {len(values)} times"
    return values[0]


def _slot_of(returned: Any) -> int:
    return int(returned["slot"] if isinstance(returned, dict) else returned)
