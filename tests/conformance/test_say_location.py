"""``seriatim location``: signed by the node's wallet, heard by the node, then by its peers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from seriatim.formats.errors import UnsupportedSchemeError
from seriatim.formats.httpsig.commitments import verify
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import LOCATION_TTL_DEFAULT_MS
from seriatim.formats.schedule.location import read_location, sign_location
from seriatim.formats.signing.wallet import Wallet
from seriatim.gateway.cli import app
from seriatim.gateway.cli.output import Exit
from tests.support.builders import CLIENT, spawn_item
from tests.support.hyperbeam import client_wallet, rsa_wallet
from tests.support.live_node import LiveNode, live_node
from tests.support.strategies import known_wallet

pytestmark = pytest.mark.slow

ADDRESS = encode_id(rsa_wallet().address)


def folder(path: Path, wallet: Wallet) -> Path:
    path.mkdir()
    file = path / "wallet.json"
    file.write_bytes(wallet.to_json())
    file.chmod(0o600)
    return path


def say(*arguments: object, status: int = 0) -> Any:
    result = CliRunner().invoke(app, ["location", *map(str, arguments), "--json"])
    assert result.exit_code == status, result.output
    return orjson.loads(result.stdout)


def url_at(node: LiveNode) -> bytes:
    return node.get("/~scheduler@1.0/location/body/url", address=ADDRESS).body


def test_a_node_says_where_it_is_and_its_peers_send_spawns_there(tmp_path: Path) -> None:
    own = folder(tmp_path / "own", rsa_wallet())
    with (
        live_node(own) as node,
        live_node(folder(tmp_path / "peer", client_wallet())) as peer,
    ):
        raw = spawn_item(None, tags={"Scheduler": ADDRESS}).raw
        assert peer.post("/schedule", raw).status == 400
        told = ["--data", own, "--notify", peer.url, "--notify", "http://127.0.0.1:1"]
        first = say("--url", "http://old.example", *told, status=Exit.UNAVAILABLE)
        assert (first["address"], first["nonce"]) == (ADDRESS, 0)
        assert first["time-to-live"] == LOCATION_TTL_DEFAULT_MS
        assert first["told"][0] == {"url": peer.url, "ok": True}
        away = first["told"][1]
        assert (away["ok"], away["error"]) == (False, "unavailable")
        second = say("--url", node.url, "--data", own, "--notify", peer.url)
        assert second["nonce"] == 1
        assert url_at(node) == url_at(peer) == node.url.encode()
        assert peer.post("/schedule", raw).headers["location"] == f"{node.url}/schedule"


def test_a_nonce_goes_on_behind_a_record_that_counts_no_more(tmp_path: Path) -> None:
    own = folder(tmp_path / "own", rsa_wallet())
    with live_node(own) as node:
        while say("--url", node.url, "--data", own, "--ttl", 1)["nonce"] < 2:
            assert url_at(node)
    with live_node(own):
        lines = CliRunner().invoke(app, ["location", "--url", "http://x", "--data", str(own)])
        assert lines.stdout.strip() == f"{ADDRESS} is at http://x  nonce 3"


def test_what_the_node_would_not_keep_nobody_is_told(tmp_path: Path) -> None:
    own = folder(tmp_path / "own", rsa_wallet())
    peer = ("--notify", "http://127.0.0.1:1")
    nothing = say("--url", "http://x", "--data", own, *peer, status=Exit.UNAVAILABLE)
    assert "start it with seriatim serve" in nothing["reason"]
    other = tmp_path / "other.json"
    other.write_bytes(client_wallet().to_json())
    other.chmod(0o600)
    with live_node(own):
        refused = say(
            "--url", "http://x", "--data", own, "--wallet", other, *peer, status=Exit.REFUSED
        )
        assert refused["error"] == "another_wallet"
        long = say("--url", "http://" + "x" * 300, "--data", own, *peer, status=Exit.USAGE)
        assert long["error"] == "usage"


@pytest.mark.parametrize("flags", [["--url", "ftp://x"], ["--url", "http://x", "--notify", "x"]])
def test_what_is_no_url_is_wrong_usage(flags: list[str]) -> None:
    assert say(*flags, status=Exit.USAGE)["error"] == "usage"


def test_a_record_is_read_back_as_it_was_signed() -> None:
    signed = sign_location("http://x", nonce=7, ttl_ms=5, wallet=rsa_wallet())
    assert list(verify(signed)) == [rsa_wallet().address]
    read = read_location(signed)
    assert (read.address, read.url, read.nonce, read.ttl_ms) == (
        rsa_wallet().address,
        "http://x",
        7,
        5,
    )
    with pytest.raises(UnsupportedSchemeError, match="only an RSA wallet"):
        sign_location("http://x", nonce=0, ttl_ms=1, wallet=known_wallet(CLIENT))
