"""What answers at ``--node`` may be anything: it is shown as it is, or refused in a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner, Result

from seriatim.formats.signing.scheme import WalletKind
from seriatim.gateway import client
from seriatim.gateway.cli import app
from seriatim.gateway.cli.output import Exit
from tests.support.strategies import known_wallet

PROCESS = "A" * 43
Plain = dict[str, Any]


def assignment(slot: int, **other: object) -> Plain:
    plain = {"slot": slot, "timestamp": 1_700_000_000_000, "message": PROCESS}
    return plain | {"hash-chain": PROCESS, "body": {"action": "Ping", "data": "hi"}} | other


@contextmanager
def serving(end: int, assignments: list[Plain]) -> Iterator[str]:
    """Serve *assignments* as a schedule whose last slot is *end*; give the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            bounds = re.search(r"from=(\d+)&to=(\d+)", self.path)
            first, last = map(int, bounds.groups()) if bounds else (0, 0)
            page = [each for each in assignments if first <= int(each.get("slot", first)) <= last]
            plain = {str(place): each for place, each in enumerate(page)}
            body = {"assignments": plain} if bounds else {"current": end}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(orjson.dumps(body))

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def show(end: int, assignments: list[Plain], *options: str) -> Result:
    with serving(end, assignments) as url:
        return CliRunner().invoke(app, ["log", PROCESS, "--node", url, *options])


def test_every_slot_is_shown_however_many_bytes_a_page_may_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assignments = [assignment(slot) for slot in range(10)]
    monkeypatch.setattr(
        client, "CLIENT_REPLY_MAX_BYTES", 2 * len(orjson.dumps(assignments[0])) + 60
    )
    said = show(9, assignments, "--json")
    assert [row["slot"] for row in orjson.loads(said.stdout)] == list(range(10))
    monkeypatch.setattr(client, "CLIENT_REPLY_MAX_BYTES", 60)
    said = show(9, assignments, "--json")
    assert said.exit_code == Exit.REFUSED
    assert orjson.loads(said.stdout)["error"] == "limit_exceeded"


@pytest.mark.parametrize(
    "assignments",
    [
        [],
        [assignment(1)],
        [assignment(0), assignment(2)],
        [assignment(0), assignment(0)],
        [{}],
        [assignment(0, timestamp="now")],
        [assignment(0, message=None)],
        [assignment(0, **{"hash-chain": 7})],
    ],
)
def test_other_slots_and_other_shapes_are_refused(assignments: list[Plain]) -> None:
    said = show(2, assignments, "--json")
    assert said.exit_code == Exit.UNAVAILABLE
    assert orjson.loads(said.stdout)["error"] == "unavailable"


def test_no_word_of_a_node_steers_the_terminal() -> None:
    bell = "\x1b[2J\a\r\n"
    body = {"action": bell, "commitments": {"x": {"committer": bell}}}
    said = show(0, [assignment(0, message=bell, body=body)])
    assert said.exit_code == Exit.OK
    assert said.stdout.endswith("\n")
    assert said.stdout[:-1].isprintable()


@pytest.mark.parametrize(
    "body",
    [
        None,
        "text",
        {"commitments": [1]},
        {"commitments": {"x": 1, "y": {"committer": 2}}},
        {"data+base64url": 7, "data": {"a": 1}, "action": [1]},
    ],
)
def test_a_message_of_any_shape_is_shown(body: object) -> None:
    said = show(0, [assignment(0, body=body, timestamp=2**62)])
    assert said.exit_code == Exit.OK, said.output
    assert "unsigned" in said.stdout


def test_the_size_is_that_of_the_bytes() -> None:
    for size, text in enumerate(["", "_w", "__8", "____"]):
        said = show(0, [assignment(0, body={"data+base64url": text})], "--json")
        assert orjson.loads(said.stdout)[0]["data_size"] == size


def test_what_is_no_process_id_is_not_sent() -> None:
    arguments = ["log", "../status", "--node", "http://127.0.0.1:9", "--json"]
    said = CliRunner().invoke(app, arguments)
    assert said.exit_code == Exit.REFUSED
    assert orjson.loads(said.stdout)["error"] == "bad_id"


def test_spawning_at_something_else_is_refused(tmp_path: Path) -> None:
    wallet = tmp_path / "wallet.json"
    wallet.write_bytes(known_wallet(WalletKind.ED25519).to_json())
    wallet.chmod(0o600)
    with serving(0, []) as url:
        arguments = ["spawn", "--wallet", str(wallet), "--node", url, "--json"]
        said = CliRunner().invoke(app, arguments)
    assert said.exit_code == Exit.UNAVAILABLE
    assert "no scheduler node" in orjson.loads(said.stdout)["reason"]
