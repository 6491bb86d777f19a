"""The clients' scripts cannot send anything off this machine, whatever a client has built in."""

from __future__ import annotations

import pytest

from tests.support.node_js import NodeJs

pytestmark = pytest.mark.interop

OUTSIDE = ["https://su-router.ao-testnet.xyz/", "https://arweave.net/graphql", "http://10.0.0.1/"]


def test_a_script_reaches_nothing_outside_this_machine(node_js: NodeJs) -> None:
    for tried in node_js.run("escape.mjs", {"urls": OUTSIDE}):
        assert "is not on this machine" in tried["fetched"]["threw"]
        assert "is not on this machine" in tried["connected"]["threw"]


def test_a_script_reaches_this_machine(node_js: NodeJs) -> None:
    (tried,) = node_js.run("escape.mjs", {"urls": ["http://127.0.0.1:9/"]})
    assert "is not on this machine" not in tried["fetched"]["threw"]
    assert "ECONNREFUSED" in tried["connected"]["threw"]
