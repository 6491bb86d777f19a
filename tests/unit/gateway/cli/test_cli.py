"""The command line, through its own parser and in real folders."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import orjson
import pytest

import seriatim
from seriatim.formats.ids import encode_id
from seriatim.formats.signing.scheme import WalletKind
from seriatim.gateway.cli.output import Exit
from tests.support.command_line import invoke, run_json
from tests.support.strategies import known_wallet

ROOT = Path(__file__).parents[4]
ITEMS = ROOT / "tests/conformance/vectors/items"


@pytest.fixture
def wallet(tmp_path: Path) -> Path:
    path = tmp_path / "wallet.json"
    path.write_bytes(known_wallet(WalletKind.ED25519).to_json())
    path.chmod(0o600)
    return path


@pytest.fixture
def data(tmp_path: Path, wallet: Path) -> Path:
    """A data folder whose node has a quick wallet."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "wallet.json").write_bytes(wallet.read_bytes())
    (folder / "wallet.json").chmod(0o600)
    return folder


@pytest.fixture(params=["ao.TN.1", "ao.N.1", "seriatim.1"])
def process(request: pytest.FixtureRequest, data: Path) -> str:
    receipt = run_json("spawn", "--variant", request.param, "--data", data, "--tag", "Name=x")
    assert receipt["variant"] == request.param
    assert receipt["slot"] == 0
    return str(receipt["process"])


def test_a_first_session(data: Path, process: str, tmp_path: Path) -> None:
    for number in range(3):
        receipt = run_json("send", process, "--text", "hi", "--tag", f"N={number}", "--data", data)
        assert receipt["slot"] == number + 1
    rows = run_json("log", process, "--data", data)
    assert [row["slot"] for row in rows] == [0, 1, 2, 3]
    assert rows[1]["data_size"] == 2
    assert [
        row["slot"] for row in run_json("log", process, "--from", 1, "--to", 2, "--data", data)
    ] == [1, 2]
    report = run_json("verify", process, "--data", data)
    assert report["ok"]
    assert report["slots"] == 4
    exported = tmp_path / "log.jsonl"
    assert run_json("export", process, "--out", exported, "--data", data)["slots"] == 4
    assert run_json("verify", exported) == report
    listed = run_json("processes", "--data", data)
    variant = report["variant"]
    known = {"process": process, "slots": 4, "variant": variant}
    assert listed == [{**known, "followed": None, "queue": None}]


def test_people_get_lines(data: Path, process: str) -> None:
    assert "slot 1" in invoke("send", process, "--text", "hi", "--data", data).stdout
    lines = invoke("log", process, "--data", data).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["0", "1"]
    assert invoke("verify", process, "--data", data).stdout.startswith(f"good  {process}")
    assert process in invoke("processes", "--data", data).stdout


def test_a_changed_export_names_its_slot(data: Path, process: str, tmp_path: Path) -> None:
    run_json("send", process, "--text", "hi", "--data", data)
    exported = tmp_path / "log.jsonl"
    run_json("export", process, "--out", exported, "--data", data)
    header, spawn, message = exported.read_bytes().splitlines(keepends=True)
    at = message.index(b'"message":"') + 60
    swap = b"A" if message[at : at + 1] != b"A" else b"B"
    exported.write_bytes(header + spawn + message[:at] + swap + message[at + 1 :])
    broken = run_json("verify", exported, status=Exit.FAILED)
    assert broken["ok"] is False
    assert (broken["error"], broken["slot"]) == ("chain_broken", 1)


def test_a_shortened_export_is_noticed(data: Path, process: str, tmp_path: Path) -> None:
    run_json("send", process, "--text", "hi", "--data", data)
    exported = tmp_path / "log.jsonl"
    run_json("export", process, "--out", exported, "--data", data)
    exported.write_bytes(b"".join(exported.read_bytes().splitlines(keepends=True)[:-1]))
    broken = run_json("verify", exported, status=Exit.FAILED)
    assert (broken["slot"], broken["given"]) == (1, "the end")


def test_an_export_goes_to_stdout(data: Path, process: str) -> None:
    lines = invoke("export", process, "--data", data).stdout.splitlines()
    assert orjson.loads(lines[0])["slots"] == len(lines) - 1 == 1


@pytest.mark.parametrize("kind", ["ed25519", "secp256k1"])
def test_a_wallet_is_made_for_its_owner_only(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "new.json"
    made = run_json("wallet", "new", path, "--kind", kind)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert run_json("wallet", "show", path) == made
    assert "d" not in made["public"], "the private part stays in the file"
    assert len(made["address"]) == 43


def test_a_wallet_is_never_written_over(wallet: Path) -> None:
    before = wallet.read_bytes()
    assert run_json("wallet", "new", wallet, status=Exit.STORE)["error"] == "store"
    assert wallet.read_bytes() == before


def test_a_folders_own_wallet_that_others_can_read_is_refused(data: Path) -> None:
    (data / "wallet.json").chmod(0o644)
    refused = run_json("spawn", "--data", data, status=Exit.STORE)
    assert "chmod 600" in refused["reason"]


def test_a_named_wallet_that_others_can_read_gets_a_warning(
    wallet: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wallet.chmod(0o644)
    assert run_json("wallet", "show", wallet)["signature_type"] == 2
    assert "chmod 600" in caplog.text


def test_items_are_listed_one_by_one() -> None:
    good = ITEMS / "signer-ed25519-type2.bin"
    bad = ITEMS / "truncated-2.bin"
    gone = ITEMS / "no-such-item.bin"
    results = run_json("item", good, bad, gone, status=Exit.FAILED)
    expected = orjson.loads(good.with_suffix(".json").read_bytes())
    assert results[0] == {
        "file": str(good),
        "ok": True,
        "id": expected["id"],
        "signature_type": 2,
        "owner_address": expected["ownerAddressSha256"],
        "target": expected["target"],
        "anchor": expected["anchorBase64url"],
        "tags": expected["tags"],
        "data_size": expected["dataLength"],
    }
    assert [(each["ok"], each["error"]) for each in results[1:]] == [
        (False, "truncated"),
        (False, "unreadable"),
    ]


def test_a_well_formed_item_with_a_bad_signature_says_what_it_is() -> None:
    (result,) = run_json("item", ITEMS / "invalid-ed25519-signature.bin", status=Exit.FAILED)
    assert result["error"] == "bad_signature"
    assert result["signature_type"] == 2


def test_good_items_end_with_0() -> None:
    assert invoke("item", ITEMS / "signer-ed25519-type2.bin").stdout.startswith("good")


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (("verify", "A" * 43), Exit.NOT_FOUND, "not_found"),
        (("verify", "no such thing"), Exit.STORE, "file"),
        (("log", "A" * 43), Exit.NOT_FOUND, "not_found"),
        (("send", "A" * 43, "--text", "hi"), Exit.NOT_FOUND, "not_found"),
        (("spawn", "--variant", "ao.X.9"), Exit.REFUSED, "unknown_variant"),
        (("send", "A" * 43, "--node", "http://127.0.0.1:9"), Exit.UNAVAILABLE, "unavailable"),
    ],
)
def test_errors_have_a_code_and_a_status(
    data: Path, process: str, arguments: tuple[str, ...], status: Exit, code: str
) -> None:
    assert run_json(*arguments, "--data", data, status=status)["error"] == code


def test_a_folder_without_a_store_says_so(tmp_path: Path) -> None:
    refused = run_json("processes", "--data", tmp_path, status=Exit.STORE)
    assert "start a node on it first" in refused["reason"]


@pytest.mark.parametrize(
    "arguments", [("spawn", "--tag", "no-equals-sign"), ("send", "A" * 43, "--bogus"), ("nothing",)]
)
def test_wrong_usage_ends_with_2(arguments: tuple[str, ...]) -> None:
    assert invoke(*arguments).exit_code == Exit.USAGE


def test_the_version_is_the_packages() -> None:
    assert invoke("--version").stdout.strip() == seriatim.__version__


def test_the_documented_exit_statuses_are_the_ones_in_use() -> None:
    table = (ROOT / "docs/cli.md").read_text().partition("## Exit status")[2]
    assert {int(row) for row in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)} == set(Exit)


def test_spawning_from_a_file_keeps_its_bytes(data: Path, tmp_path: Path) -> None:
    payload = tmp_path / "payload"
    payload.write_bytes(bytes(range(256)))
    process = run_json("spawn", "--data-file", payload, "--data", data)["process"]
    (row,) = run_json("log", process, "--data", data)
    assert row["data_size"] == 256
    assert row["owner"] == encode_id(known_wallet(WalletKind.ED25519).address)


@pytest.mark.parametrize(
    ("what", "status", "said"),
    [
        ("no-such-file", Exit.STORE, "No such file"),
        (".", Exit.STORE, "directory"),
        ("A" * 43, Exit.NOT_FOUND, "not in this folder"),
    ],
)
def test_what_cannot_be_verified_is_named_as_what_it_is(
    data: Path, process: str, what: str, status: Exit, said: str
) -> None:
    assert process
    result = invoke("verify", what, "--data", data)
    assert (result.exit_code, said in result.output) == (status, True), result.output


@pytest.mark.parametrize("port", [-1, 65_536, 99_999])
def test_a_port_beyond_all_ports_is_usage(port: int) -> None:
    assert invoke("serve", "--port", port).exit_code == Exit.USAGE


@pytest.mark.parametrize(
    "allowed", ["--allow-origin=http://a.example", "--allow-network=10.0.0.0/8"]
)
def test_who_allows_places_to_a_node_that_goes_nowhere_is_told(
    allowed: str, tmp_path: Path
) -> None:
    result = invoke("serve", allowed, "--data", tmp_path, "--wallet", tmp_path / "none.json")
    assert result.exit_code == Exit.USAGE
    assert "--follow-redirects" in re.sub(r"\x1b\[[0-9;]*m", "", result.output)
