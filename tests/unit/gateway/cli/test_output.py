"""How a command ends: its status, its one JSON value, and what it does not have to load."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
import typer
from typer.testing import CliRunner

import seriatim
from seriatim.formats import errors
from seriatim.formats.errors import SchedulerError
from seriatim.formats.signing.scheme import WalletKind
from seriatim.formats.signing.wallet import Wallet
from seriatim.gateway.cli import app
from seriatim.gateway.cli.output import Exit, exit_of, reporting
from seriatim.gateway.cli.wallet import new
from tests.support.strategies import known_wallet

ROOT = Path(__file__).parents[4]
NO_PROCESS = "A" * 43
# What no verb needs for saying what there is.
HEAVY = {"aiohttp", "coincurve", "cronsim", "cryptography", "dateparser"} | {
    "lmdb",
    "pykka",
    "rich.progress",
    "uvloop",
}


@pytest.mark.parametrize(
    "arguments",
    [
        ("nothing",),
        ("send",),
        ("send", NO_PROCESS, "--bogus"),
        ("spawn", "--tag", "no-equals-sign"),
        ("spawn", "--data-file", "no-such-file"),
        ("log", NO_PROCESS, "--from", "-1"),
        ("serve", "--port", "http"),
        ("wallet", "new", "x", "--kind", "paper"),
    ],
)
def test_wrong_usage_is_said_as_json_where_json_was_asked_for(arguments: tuple[str, ...]) -> None:
    said = CliRunner().invoke(app, [*arguments, "--json"])
    assert said.exit_code == Exit.USAGE
    assert orjson.loads(said.stdout)["error"] == "usage"
    plain = CliRunner().invoke(app, arguments)
    assert plain.exit_code == Exit.USAGE
    assert plain.stdout == "", "people read it on stderr"


def test_text_and_file_together_are_wrong_usage(tmp_path: Path) -> None:
    payload = tmp_path / "payload"
    payload.touch()
    arguments = ["spawn", "--text", "a", "--data-file", str(payload), "--json"]
    said = CliRunner().invoke(app, arguments)
    assert said.exit_code == Exit.USAGE
    assert "not both" in orjson.loads(said.stdout)["reason"]


@pytest.mark.parametrize(
    "option", [("--tag", "a=\udcff"), ("--tag", "\udcff=a"), ("--text", "\udcff")]
)
@pytest.mark.parametrize("verb", [("spawn",), ("send", NO_PROCESS)])
def test_text_that_is_no_unicode_is_wrong_usage(
    verb: tuple[str, ...], option: tuple[str, str], tmp_path: Path
) -> None:
    said = CliRunner().invoke(app, [*verb, *option, "--data", str(tmp_path), "--json"])
    assert said.exit_code == Exit.USAGE
    assert option[0] in orjson.loads(said.stdout)["reason"]


def test_a_file_is_read_up_to_what_a_node_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = (ROOT / "tests/conformance/vectors/items/signer-ed25519-type2.bin").read_bytes()
    monkeypatch.setattr("seriatim.gateway.cli.input.BODY_MAX_BYTES", len(item))
    file = tmp_path / "item"
    file.write_bytes(item)
    assert CliRunner().invoke(app, ["item", str(file), "--json"]).exit_code == Exit.OK
    file.write_bytes(item + b"x")
    said = CliRunner().invoke(app, ["item", str(file), "/dev/zero", "--json"])
    assert said.exit_code == Exit.FAILED
    assert [each["error"] for each in orjson.loads(said.stdout)] == ["limit_exceeded"] * 2
    arguments = ["spawn", "--data-file", str(file), "--data", str(tmp_path), "--json"]
    said = CliRunner().invoke(app, arguments)
    assert said.exit_code == Exit.REFUSED
    assert orjson.loads(said.stdout)["error"] == "limit_exceeded"
    assert not (tmp_path / "wallet.json").exists(), "nothing was made for it"


@pytest.mark.slow
@pytest.mark.parametrize("verb", [("item",), ("wallet", "show"), ("verify",)])
def test_a_file_whose_name_is_no_text_is_no_traceback(
    tmp_path: Path, verb: tuple[str, ...]
) -> None:
    file = tmp_path / "\udcff"
    file.write_bytes(b"no item, no wallet, no export")
    command = [sys.executable, "-m", "seriatim", *verb, str(file)]
    for arguments in (command, [*command, "--json"]):
        ran = subprocess.run(arguments, capture_output=True, check=False)
        assert ran.returncode in {Exit.FAILED, Exit.REFUSED}
        assert b"Traceback" not in ran.stderr
        (ran.stdout or ran.stderr).decode()


def test_an_error_is_a_line_on_stderr_or_a_value_on_stdout(tmp_path: Path) -> None:
    arguments = ["verify", NO_PROCESS, "--data", str(tmp_path)]
    plain = CliRunner().invoke(app, arguments)
    assert (plain.exit_code, plain.stdout) == (Exit.STORE, "")
    assert plain.stderr.startswith("store: ")
    assert len(plain.stderr.splitlines()) == 1
    said = CliRunner().invoke(app, [*arguments, "--json"])
    assert (said.exit_code, said.stderr) == (Exit.STORE, "")
    assert set(orjson.loads(said.stdout)) == {"error", "reason"}


def test_a_file_that_cannot_be_used_is_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended, reporting(as_json=True):
        (tmp_path / "no-such-file").read_bytes()
    assert ended.value.exit_code == Exit.STORE
    said = orjson.loads(capsys.readouterr().out)
    assert said["error"] == "file"
    assert "no-such-file: No such file" in said["reason"]


@pytest.mark.parametrize(
    "arguments", [("processes",), ("processes", "--json"), ("item", "x", "--json"), ("export",)]
)
def test_a_full_stdout_is_one_line_on_stderr(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    with seriatim.open_blocking(tmp_path) as node:
        process = node.spawn()
    command = [sys.executable, "-m", "seriatim", *arguments]
    command += [process] if arguments == ("export",) else []
    command += [] if "item" in arguments else ["--data", str(tmp_path)]
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert ran.returncode == Exit.STORE
    assert ran.stderr == b"file: stdout: No space left on device\n"


@pytest.mark.parametrize("port", ["-1", "65536"])
def test_a_port_that_is_none_is_wrong_usage(tmp_path: Path, port: str) -> None:
    arguments = ["serve", "--data", str(tmp_path / "data"), "--port", port, "--json"]
    said = CliRunner().invoke(app, arguments)
    assert said.exit_code == Exit.USAGE
    assert "--port" in orjson.loads(said.stdout)["reason"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    ["", "x", "127.0.0.1:8734", "ftp://x", "http://", "http://x:99999", "http://x/?p", "http://["],
)
@pytest.mark.parametrize("verb", [("spawn",), ("send", NO_PROCESS), ("log", NO_PROCESS)])
def test_a_node_that_is_no_url_is_wrong_usage(verb: tuple[str, ...], url: str) -> None:
    said = CliRunner().invoke(app, [*verb, "--node", url, "--json"])
    assert said.exit_code == Exit.USAGE
    assert "http://" in orjson.loads(said.stdout)["reason"]


@pytest.mark.parametrize(
    ("arguments", "status", "named"),
    [
        (("verify", "none.jsonl"), Exit.STORE, "none.jsonl"),
        (("verify", "folder"), Exit.STORE, "folder"),
        (("wallet", "new", "", "--kind", "ed25519"), Exit.STORE, "."),
        (("wallet", "new", "folder", "--kind", "ed25519"), Exit.STORE, "folder"),
        (("spawn", "--data", "file"), Exit.STORE, "file/node.lock"),
        (("serve", "--data", "file"), Exit.STORE, "file is not a folder"),
        (("send", NO_PROCESS, "--data", "none"), Exit.STORE, "none/log"),
    ],
)
def test_a_path_that_is_wrong_is_named_and_nothing_is_made(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    status: Exit,
    named: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("file").touch()
    said = CliRunner().invoke(app, [*arguments, "--json"])
    assert said.exit_code == status
    assert named in orjson.loads(said.stdout)["reason"]
    assert said.stderr == ""
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder"]


class Screen(io.StringIO):
    """A stderr that somebody looks at."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("kind", WalletKind)
@pytest.mark.parametrize("screen", [Screen(), io.StringIO()], ids=["terminal", "pipe"])
def test_who_waits_for_an_rsa_key_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: WalletKind, screen: io.StringIO
) -> None:
    said_before: list[str] = []

    def generate(kind: WalletKind) -> Wallet:
        said_before.append(screen.getvalue())
        return known_wallet(kind)

    monkeypatch.setattr("seriatim.actors.keyring.generate", generate)
    monkeypatch.setattr(sys, "stderr", screen)
    screen.truncate(screen.seek(0))
    new(tmp_path / "wallet.json", kind)
    is_told = kind is WalletKind.RSA and screen.isatty()
    assert ["takes seconds" in said for said in said_before] == [is_told]


def test_a_reader_who_has_seen_enough_is_not_told() -> None:
    with pytest.raises(BrokenPipeError), reporting(as_json=True):
        raise BrokenPipeError


def every_error() -> list[type[SchedulerError]]:
    found = [value for value in vars(errors).values() if isinstance(value, type)]
    return [kind for kind in found if issubclass(kind, SchedulerError)]


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: str(kind.__name__))
def test_every_error_has_a_status_of_its_own_kind(kind: type[SchedulerError]) -> None:
    status = exit_of(kind.__new__(kind))
    if issubclass(kind, errors.ChainBrokenError | errors.DivergedError):
        assert status is Exit.FAILED
    elif issubclass(kind, errors.StoreError):
        assert status is Exit.STORE
    elif issubclass(kind, errors.NotFoundError):
        assert status is Exit.NOT_FOUND
    elif kind.retryable:
        assert status is Exit.UNAVAILABLE
    else:
        assert status is Exit.REFUSED


def test_a_child_that_cannot_use_the_folder_is_no_reason_to_try_again() -> None:
    for code, status in (("corrupt_record", Exit.STORE), ("slot_conflict", Exit.UNAVAILABLE)):
        error = errors.ChildFailedError("the writer", kind="Any", reason="so", code=code)
        assert exit_of(error) is status


def test_the_document_has_the_statuses_with_their_meanings() -> None:
    section = (ROOT / "docs/cli.md").read_text().partition("## Exit status")[2]
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", section, re.MULTILINE)
    assert [(int(status), meaning) for status, meaning in rows] == [
        (status.value, status.meaning) for status in Exit
    ]


def test_the_document_has_the_codes_of_the_command_lines_own() -> None:
    text = (ROOT / "docs/cli.md").read_text().partition("the command line's own")[2]
    documented = set(re.findall(r"`(\w+)`", text.partition("\n\n")[0]))
    source = "".join(file.read_text() for file in (ROOT / "gateway/cli").rglob("*.py"))
    used = re.findall(r'say_error\("(\w+)"|"error": "(\w+)"', source)
    assert {code for found in used for code in found if code} == documented


def test_the_document_has_every_verb() -> None:
    table = (ROOT / "docs/cli.md").read_text().partition("## Where a verb looks")[0]
    first_cells = re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE)
    documented = set(re.findall(r"`(\w+)", "".join(first_cells)))
    verbs = {
        command.name or command.callback.__name__
        for command in app.registered_commands
        if command.callback
    }
    groups = {group.name for group in app.registered_groups}
    assert groups >= {"cron", "job", "queue", "worker"}
    assert documented == verbs | groups


def test_help_loads_no_database_no_network_and_no_keys() -> None:
    script = (
        "import sys\n"
        "from seriatim.gateway.cli import main\n"
        "sys.argv = ['seriatim', '--help']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "print('\\n', *sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    loaded = set(ran.stdout.splitlines()[-1].split())
    assert "seriatim.gateway.cli" in loaded
    assert not HEAVY & loaded
