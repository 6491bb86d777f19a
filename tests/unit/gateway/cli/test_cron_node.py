"""``seriatim cron`` against a real node: every verb, for people and as JSON."""

from __future__ import annotations

import re
import stat
import subprocess
from functools import partial
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from typer.testing import CliRunner

from seriatim.gateway.cli import app
from seriatim.gateway.cli.output import Exit
from seriatim.gateway.cli.reach import TOKEN_VARIABLE
from seriatim.gateway.cli.serve import PORT_DEFAULT
from tests.support import command_line
from tests.support.live_node import COMMAND, LiveNode

run: Final = partial(command_line.run, "cron")
run_json: Final = partial(command_line.run_json, "cron")
YEARLY: Final = ("0 9 1 1 *", "--tz", "Europe/Paris")
LINE: Final = re.compile(r"\w{3} \d{4}-01-01 09:00:00 \+01:00")


def spawn(node: LiveNode) -> str:
    result = CliRunner().invoke(app, ["spawn", "--data", str(node.data), "--json"])
    process: str = orjson.loads(result.output)["process"]
    return process


def test_a_token_lies_in_the_data_folder_of_a_node_that_serves(node: LiveNode) -> None:
    file = node.data / "operator-token"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert node.get("/api/v1/triggers").status == 401
    assert node.post("/~cron@1.0/once?cron-path=/").status == 401


def test_a_watch_is_added_as_json(node: LiveNode, tmp_path: Path) -> None:
    at = ("--data", node.data, "--process", spawn(node))
    watch = {"kind": "file", "path": str(tmp_path), "patterns": ["*.csv"]}
    one = run_json("add", "--watch", orjson.dumps(watch).decode(), *at)
    assert (one["definition"]["watch"], one["next"]) == (watch, None)
    hook = run_json("add", "--watch", '{"kind": "webhook"}', *at)
    assert node.post(hook["hook"]).status == 201
    assert hook["hook"] in run("show", hook["id"], "--data", node.data)[1]
    for each in (one, hook):
        run_json("remove", each["id"], "--data", node.data)
    wrong = run_json("add", "--watch", '{"kind": "fil"}', *at, status=Exit.UNAVAILABLE)
    assert "webhook" in wrong["reason"]
    assert run("add", "--watch", "{", *at)[0] == Exit.USAGE
    assert run("add", *at)[0] == Exit.REFUSED


def test_a_trigger_from_add_to_remove(node: LiveNode) -> None:
    at = ("--data", node.data)
    process = spawn(node)
    what = ("--process", process, "--tag", "action=tick", "--text", "hello", "--name", "a name")
    one = run_json("add", *YEARLY, *what, *at)
    assert one["definition"]["message"] == {"action": "tick", "data": "hello"}
    assert run_json("add", *YEARLY, *what, *at) == one == run_json("show", "a name", *at)
    assert one in run_json("list", *at)["triggers"]
    assert run_json("next", one["id"], *at, "--count", 1) == [one["next"]]
    assert run_json("next", "a name", *at, "--count", 1) == [one["next"]]
    assert run_json("pause", "a name", *at)["state"] == "paused"
    assert run_json("resume", one["id"], *at)["state"] == "live"
    assert run_json("trigger", "a name", *at)["what"] == "fire"
    span = ("--from", "2020-01-01", "--to", "2025-06-01")
    assert run_json("backfill", "a name", *span, *at) == {"fired": 6, "had_fired": 0}
    events = [each["what"] for each in run_json("history", "a name", *at)["history"]]
    assert events == ["define", "pause", "resume", *["fire"] * 7]
    page = run_json("history", "a name", "--after", 2, "--limit", 1, *at)
    assert ([each["number"] for each in page["history"]], page["after"]) == ([3], 3)
    assert run_json("remove", "a name", *at)["state"] == "removed"
    assert run_json("show", "a name", *at, status=Exit.NOT_FOUND)["error"] == "not_found"
    assert run_json("history", one["id"], "--after", 9, *at)["history"][0]["what"] == "remove"


def test_people_read_lines_with_times_in_the_zone(node: LiveNode) -> None:
    at = ("--data", node.data)
    code, output = run("add", *YEARLY, "--path", "/health?x=1", "--name", "yearly", *at)
    assert code == Exit.OK
    trigger, said = output.split("  ", 1)
    assert LINE.fullmatch(said.strip().removeprefix("next "))
    listed = run("list", *at)[1]
    assert listed.startswith("id ")
    row = next(line for line in listed.splitlines() if line.startswith(trigger))
    assert row.endswith("0 9 1 1 * (Europe/Paris)  GET /health?x=1  yearly")
    assert LINE.search(row)
    shown = run("show", "yearly", *at)[1]
    assert re.search(r"^does +GET /health\?x=1$", shown, re.MULTILINE)
    assert LINE.fullmatch(run("next", "yearly", *at, "--count", 1)[1].strip())
    assert re.search(r"  run +for ", run("trigger", "yearly", *at)[1])
    assert run("pause", "yearly", *at)[1] == f"{trigger}  paused\n"
    assert LINE.search(run("resume", "yearly", *at)[1])
    span = ("--from", "2020-01-01", "--to", "2020-06-01")
    assert run("backfill", "yearly", *span, *at)[1] == "1 fired, 0 had fired before\n"
    lines = run("history", "yearly", *at)[1].splitlines()
    assert [line.split()[5] for line in lines][:2] == ["define", "run"]
    assert "there are more: --after 1" in run("history", "yearly", "--limit", 2, *at)[1]
    assert run("remove", "yearly", *at)[1] == f"{trigger}  removed\n"


def test_what_is_posted_is_text_or_bytes_of_a_file(node: LiveNode, tmp_path: Path) -> None:
    at = ("--data", node.data)
    file = tmp_path / "payload"
    for payload, said in {b"text": "dGV4dA", b"\xff\x00": "_wA"}.items():
        file.write_bytes(payload)
        one = run_json("add", *YEARLY, "--path", "/push", "--data-file", file, *at)
        expected = {"when": YEARLY[0], "tz": "Europe/Paris", "path": "/push", "method": "POST"}
        # What the node keeps of a body is bytes.
        assert one["definition"] == expected | {"body+base64url": said}
        run_json("remove", one["id"], *at)


def test_every_option_of_add_is_a_field_of_the_definition(node: LiveNode) -> None:
    options = {
        "name": "every option",
        "tz": "Europe/Paris",
        "start": "2027-01-01",
        "end": "2028-01-01",
        "jitter": "30s",
        "misfire": "all",
        "window": "1 hour",
        "overlap": "queue",
        "gap": "skip",
        "fold": "both",
        "method": "POST",
        "content-type": "text/plain",
        "path": "/",
    }
    arguments = [text for name, value in options.items() for text in (f"--{name}", value)]
    one = run_json("add", "30 2 * * *", *arguments, "--data", node.data)
    assert one["definition"] == {"when": "30 2 * * *", **options}
    run_json("remove", "every option", "--data", node.data)


JOB: Final = ("--job", "backup", "--queue", "nightly")


@pytest.mark.slow
def test_a_command_is_a_job_at_each_of_its_times(node: LiveNode) -> None:
    at = ("--data", node.data)
    options = ("--name", "backup", "--retries", 2, "--timeout", "30s", "--env", "WHO=me", "--json")
    command = ("--", "sh", "-c", "echo $WHO --json")
    code, output = run("add", *YEARLY, *JOB, *options, *at, *command)
    assert code == Exit.OK, output
    one = orjson.loads(output)
    assert one["definition"]["job"] == {
        "queue": "nightly",
        "type": "backup",
        "command": {"argv": ["sh", "-c", "echo $WHO --json"], "env": {"WHO": "me"}, "cwd": ""},
        "limits": {"wall": "30s"},
        "retries": 2,
    }
    assert "job backup in nightly" in run("list", *at)[1]
    run_json("trigger", "backup", *at)
    worker = [*COMMAND, "worker", "--queue", "nightly", "--drain", *map(str, at)]
    subprocess.run(worker, check=True, timeout=60, stdout=subprocess.DEVNULL)
    listed = CliRunner().invoke(app, ["job", "list", "--queue", "nightly", "--json", *map(str, at)])
    (job,) = orjson.loads(listed.output)["jobs"]
    assert (job["state"], job["type"], job["exit_code"]) == ("done", "backup", 0)
    printed = CliRunner().invoke(app, ["job", "logs", job["id"], *map(str, at)])
    assert printed.output == "me --json\n"
    run_json("remove", "backup", *at)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), {"args": {}}),
        (("--args", '{"to": [1, {}]}'), {"args": {"to": [1, {}]}}),
        (("--takes", "gpu=2", "--key", "k"), {"args": {}, "takes": {"gpu": 2}, "key": "k"}),
        (
            ("--unique", "u", "--priority", "7", "--memory", "1GB", "--processes", "3"),
            {
                "args": {},
                "unique": "u",
                "priority": 7,
                "limits": {"memory": "1GB", "processes": 3},
            },
        ),
        (
            (
                "--lease",
                "1m",
                "--silence",
                "9s",
                "--crashes-max",
                "2",
                "--backoff",
                '{"factor": 2.5}',
            ),
            {
                "args": {},
                "lease_ms": 60_000,
                "silence_ms": 9_000,
                "crashes_max": 2,
                "backoff": {"factor": 2.5},
            },
        ),
    ],
)
def test_a_function_is_a_job_at_each_of_its_times(
    node: LiveNode, options: tuple[str, ...], said: dict[str, Any]
) -> None:
    one = run_json("add", *YEARLY, *JOB, *options, "--data", node.data)
    assert one["definition"]["job"] == {"queue": "nightly", "type": "backup", **said}
    run_json("remove", one["id"], "--data", node.data)


def test_a_command_is_a_job_for_each_event(node: LiveNode, tmp_path: Path) -> None:
    """Where there is a watch, the first word is no recurrence."""
    watch = orjson.dumps({"kind": "file", "path": str(tmp_path)}).decode()
    code, output = run(
        "add", "--watch", watch, *JOB, "--json", "--data", node.data, "--", "ls", "-l"
    )
    assert code == Exit.OK, output
    definition = orjson.loads(output)["definition"]
    assert definition["job"]["command"]["argv"] == ["ls", "-l"]
    assert "when" not in definition
    run_json("remove", orjson.loads(output)["id"], "--data", node.data)


def test_another_node_is_told_no_token_that_is_not_for_it(
    node: LiveNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = ("--node", node.url, "--data", node.data)
    assert run_json("list", *there, status=Exit.REFUSED)["error"] == "no_token"
    token = (node.data / "operator-token").read_text()
    file = tmp_path / "token"
    file.write_text(token)
    file.chmod(0o600)
    assert "triggers" in run_json("list", *there, "--token-file", file)
    monkeypatch.setenv(TOKEN_VARIABLE, token)
    assert "triggers" in run_json("list", *there)
    monkeypatch.setenv(TOKEN_VARIABLE, "A" * 43)
    refused = run_json("list", *there, status=Exit.REFUSED)
    assert refused["error"] == "unauthorized"
    assert f"the token of ${TOKEN_VARIABLE}" in refused["reason"]
    monkeypatch.setenv(TOKEN_VARIABLE, "short\r\nx: y")
    assert run_json("list", *there, status=Exit.STORE)["error"] == "store"


def test_no_node_is_unavailable(tmp_path: Path) -> None:
    assert run_json("list", "--data", tmp_path, status=Exit.UNAVAILABLE)["error"] == "unavailable"
    assert run_json(
        "next", "A" * 43, "--node", f"http://127.0.0.1:{PORT_DEFAULT}9", status=Exit.USAGE
    )


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (("add", "60 * * * *", "--path", "/"), Exit.REFUSED, "bad_cron"),
        (("add", "@daily"), Exit.REFUSED, "bad_trigger"),
        (("add", "@daily", "--path", "/", "--process", "A" * 43), Exit.REFUSED, "bad_trigger"),
        (("add", "@daily", "--process", "A" * 43), Exit.NOT_FOUND, "not_found"),
        (("add", "@daily", "--path", "//evil"), Exit.REFUSED, "bad_trigger"),
        (("add", "@daily", "--path", "/", "--misfire", "never"), Exit.REFUSED, "bad_trigger"),
        (("add", "@daily", "--path", "/", "--tag", "a=b"), Exit.USAGE, "usage"),
        (("add", "@daily", "--process", "A" * 43, "--tag", "ab"), Exit.USAGE, "usage"),
        (("add", "@daily", "--path", "/", "--gap", "never"), Exit.USAGE, "usage"),
        (("trigger", "nobody"), Exit.NOT_FOUND, "not_found"),
        (("remove", "-" + "A" * 42), Exit.NOT_FOUND, "not_found"),
        (("next", "nobody"), Exit.NOT_FOUND, "not_found"),
        (("next", "A" * 43, "--tz", "Europe/Paris"), Exit.USAGE, "usage"),
        (("history", "..", "--limit", "501"), Exit.USAGE, "usage"),
        (("show", "../next"), Exit.NOT_FOUND, "not_found"),
        (("backfill", "nobody", "--from", "x"), Exit.USAGE, "usage"),
        (("add", "@hourly", "ls"), Exit.USAGE, "usage"),
        (("add", "@hourly", "--path", "/", "--retries", "1"), Exit.USAGE, "usage"),
        (("add", "@hourly", "--path", "/", "--retries", "0"), Exit.USAGE, "usage"),
        (("add", "@hourly", "--path", "/", "--cwd", ""), Exit.USAGE, "usage"),
        (("add", "@hourly", "--job", "t", "--retries", str(2**64)), Exit.REFUSED, "bad_job"),
        (("add", "--watch", "[]"), Exit.USAGE, "usage"),
        (("add", "@hourly", "--job", "t", "--args", "{"), Exit.USAGE, "usage"),
        (("add", "@hourly", "ls", "--job", "t", "--args", "{}"), Exit.USAGE, "usage"),
        (("add", "@hourly", "--job", "t", "--env", "A=b"), Exit.USAGE, "usage"),
        (("add", "@hourly", "--job", ".."), Exit.REFUSED, "bad_name"),
        (("add", "@hourly", "--job", "t", "--path", "/"), Exit.REFUSED, "bad_trigger"),
        (("add", "@hourly", "--job", "t", "--tag", "a=b"), Exit.REFUSED, "bad_trigger"),
        (("add", "@hourly", "--job", "t", "--args", '{"a": null}'), Exit.REFUSED, "bad_json"),
        (("add", "@hourly", "--job", "t", "--memory", "much"), Exit.REFUSED, "bad_limits"),
    ],
)
def test_what_is_wrong_has_its_code_and_its_status(
    node: LiveNode, arguments: tuple[str, ...], status: Exit, code: str
) -> None:
    assert run_json(*arguments, "--data", node.data, status=status)["error"] == code
