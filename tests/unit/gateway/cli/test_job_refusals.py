"""``seriatim job``, ``queue`` and ``worker`` where something is wrong: a code, and a status."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

import orjson
import pytest

from seriatim.gateway.cli.output import Exit
from tests.support.command_line import run, run_json
from tests.support.live_node import LiveNode, live_node

# What Python makes of a byte among the arguments that is no UTF-8.
NO_TEXT: Final = os.fsdecode(b"\xff")


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (("job", "add", "t"), Exit.USAGE, "usage"),
        (("job", "add", "t", "--args", "{"), Exit.USAGE, "usage"),
        (("job", "add", "t", "--env", "x", "--args", "{}"), Exit.USAGE, "usage"),
        (("job", "add", "t", "--takes", "gpu=x", "--args", "{}"), Exit.USAGE, "usage"),
        (("job", "add", "t", "--takes", f"gpu={'1' * 5_000}", "--args", "{}"), Exit.USAGE, "usage"),
        (("job", "add", "t", "--args", "{}", "--delay", "soon"), Exit.REFUSED, "bad_time"),
        (("job", "add", "t", "--args", "{}", "--memory", "much"), Exit.REFUSED, "bad_limits"),
        (("job", "add", "..", "--args", "{}"), Exit.REFUSED, "bad_name"),
        (("queue", "timeline", "q", "--since", "0s"), Exit.REFUSED, "bad_interval"),
        (("queue", "timeline", "q", "--since", "bla"), Exit.REFUSED, "bad_time"),
        (("job", "add", "t", "--args", "{}", "--takes", "gpu=1"), Exit.REFUSED, "no_such_token"),
        (("job", "add", "t", "--args", "{}", "--queue", "a/b"), Exit.REFUSED, "bad_name"),
        (("job", "add", "t", "--args", "[1]"), Exit.USAGE, "usage"),
        (("job", "add", "t", "--args", '{"a": NaN}'), Exit.USAGE, "usage"),
        (("job", "add", "t", "--args", f'{{"a": {2**63}}}'), Exit.USAGE, "usage"),
        (("job", "add", "t", "--args", f'{{"a": "{NO_TEXT}"}}'), Exit.USAGE, "usage"),
        (("job", "add", "t", "--args", "{}", "--id", ""), Exit.REFUSED, "bad_name"),
        (("job", "add", "t", "--args", "{}", "--retries", str(2**64)), Exit.REFUSED, "bad_job"),
        (("job", "add", "t", "--args", "{}", "--priority", str(2**64)), Exit.REFUSED, "bad_job"),
        (
            ("job", "add", "t", "--args", "{}", "--processes", str(2**64)),
            Exit.REFUSED,
            "bad_limits",
        ),
        (("job", "add", "t", "--args", "{}", "--takes", f"gpu={2**64}"), Exit.REFUSED, "bad_job"),
        (("job", "add", "t", "--", NO_TEXT), Exit.REFUSED, "bad_command"),
        (("job", "add", "t", "--env", f"A={NO_TEXT}", "--", "x"), Exit.REFUSED, "bad_command"),
        (("job", "add", "t", "--args", "{}", "--unique", ""), Exit.REFUSED, "bad_job"),
        (("job", "add", "t", "--args", "{}", "--crashes-max", "0"), Exit.REFUSED, "bad_job"),
        (("job", "add", "t", "--args", "{}", "--at", "tomorrow"), Exit.REFUSED, "bad_time"),
        (("job", "add", "t", "--args", "{}", "--backoff", "2"), Exit.USAGE, "usage"),
        (("job", "add", "t", "--args", "{}", "--backoff", '{"a": 1}'), Exit.REFUSED, "bad_job"),
        (("job", "add", "t", "--args", "{}", "--env", "A=b"), Exit.USAGE, "usage"),
        (("job", "show", "no-such-job"), Exit.NOT_FOUND, "not_found"),
        (("job", "show", "../x"), Exit.REFUSED, "bad_name"),
        (("job", "show", "ü"), Exit.REFUSED, "bad_name"),
        (("job", "show", ""), Exit.REFUSED, "bad_name"),
        (("job", "show", "known", "--queue", ""), Exit.REFUSED, "bad_name"),
        (("job", "logs", ""), Exit.REFUSED, "bad_name"),
        (("job", "list", "--queue", ""), Exit.REFUSED, "bad_name"),
        (("job", "cancel", "known", "--queue", ""), Exit.REFUSED, "bad_name"),
        (("queue", "show", ""), Exit.REFUSED, "bad_name"),
        (("worker", ""), Exit.REFUSED, "bad_module"),
        (("job", "show", NO_TEXT), Exit.REFUSED, "bad_value"),
        (("job", "logs", "no-such-job"), Exit.NOT_FOUND, "not_found"),
        (("job", "cancel", "no-such-job"), Exit.NOT_FOUND, "not_found"),
        (("job", "list", "--state", "lost"), Exit.REFUSED, "bad_query"),
        (("job", "list", "--type", NO_TEXT), Exit.REFUSED, "bad_value"),
        (("job", "list", "--limit", "0"), Exit.USAGE, "usage"),
        (("queue", "show", "no-such-queue"), Exit.NOT_FOUND, "not_found"),
        (("queue", "set", "x", "{"), Exit.USAGE, "usage"),
        (("queue", "set", "x", "[]"), Exit.USAGE, "usage"),
        (("queue", "set", "x", f'{{"jobs_max": {2**64}}}'), Exit.USAGE, "usage"),
        (("queue", "purge", "default", "--state", NO_TEXT), Exit.REFUSED, "bad_value"),
        (("queue", "set", "x", '{"a": 1}'), Exit.REFUSED, "bad_settings"),
        (("queue", "purge", "no-such-queue"), Exit.NOT_FOUND, "not_found"),
        (("queue", "pause", "no-such-queue"), Exit.NOT_FOUND, "not_found"),
        (("queue", "resume", "no-such-queue"), Exit.NOT_FOUND, "not_found"),
        (("job", "add", "t", "--id", "known", "--args", '{"a": 1}'), Exit.REFUSED, "conflict"),
        (("worker", "no.such.module"), Exit.REFUSED, "bad_module"),
        (("worker", "run", "json"), Exit.REFUSED, "bad_module"),
        (("worker", "tests.support.sample_app", "--queue", "q"), Exit.REFUSED, "nothing_to_run"),
        (("worker", "--no-commands"), Exit.REFUSED, "nothing_to_run"),
        (("worker", "--concurrency", "-1"), Exit.USAGE, "usage"),
        (("worker", "--category", "cpu|gpu"), Exit.REFUSED, "bad_name"),
        (("worker", "drain", "nobody"), Exit.NOT_FOUND, "not_found"),
        (("worker", "drain", "no name"), Exit.REFUSED, "bad_name"),
        (("worker", "drain"), Exit.USAGE, "usage"),
    ],
)
def test_what_is_wrong_has_its_code_and_its_status(
    node: LiveNode, arguments: tuple[str, ...], status: Exit, code: str
) -> None:
    run("queue", "set", "default", "{}", "--data", node.data)
    run("job", "add", "t", "--id", "known", "--args", "{}", "--data", node.data)
    behind = arguments.index("--") if "--" in arguments else len(arguments)
    at = ("--data", node.data, "--json")
    ended, output = run(*arguments[:behind], *at, *arguments[behind:])
    assert (ended, orjson.loads(output)["error"]) == (status, code)


@pytest.mark.parametrize(
    ("said", "begins"),
    [
        (("--timeout", "x"), "bad_limits: --timeout (limits.wall): expected a time"),
        (("--lease", "1ms"), "bad_job: --lease (lease_ms): expected a whole number of 100"),
        (("--memory", "much"), "bad_limits: --memory: expected a size"),
        (("--crashes-max", 0), "bad_job: --crashes-max: expected"),
        (("--takes", "gpu=0"), "bad_job: --takes.gpu: expected"),
        (("--silence", "long"), "bad_time: --silence: expected"),
    ],
)
@pytest.mark.parametrize("verb", [("job", "add", "t"), ("cron", "add", "daily", "--job", "t")])
def test_what_is_refused_is_called_as_it_was_given(
    verb: tuple[str, ...], said: tuple[object, ...], begins: str
) -> None:
    """The key of a job is another name than the option's: nobody has said that one."""
    status, output = run(*verb, *said, "--args", "{}")
    assert (status, output[: len(begins)]) == (Exit.REFUSED, begins)


@pytest.mark.parametrize("since", ["bla", "0s"])
def test_a_span_that_is_none_names_its_option(since: str) -> None:
    status, output = run("queue", "timeline", "q", "--since", since)
    assert status == Exit.REFUSED
    assert "--since: expected" in output


def test_no_node_is_unavailable(tmp_path: Path) -> None:
    for arguments in (
        ("job", "list"),
        ("queue", "list"),
        ("worker", "list"),
        ("worker", "drain", "w"),
    ):
        said = run_json(*arguments, "--data", tmp_path, status=Exit.UNAVAILABLE)
        assert said["error"] == "unavailable"


def test_without_a_token_no_node_is_unavailable_all_the_same() -> None:
    """To be asked for a token of nobody's would lead nowhere."""
    for arguments in (("job", "list"), ("top", "--once")):
        said = run_json(*arguments, "--node", "http://127.0.0.1:1", status=Exit.UNAVAILABLE)
        assert said["error"] == "unavailable"


def test_a_worker_without_a_token_waits_for_no_node() -> None:
    """It would be refused once the node is there."""
    said = run_json("worker", "--node", "http://127.0.0.1:1", status=Exit.REFUSED)
    assert said["error"] == "no_token"


def test_without_a_token_a_node_asks_for_it(node: LiveNode) -> None:
    for arguments in (("job", "list"), ("worker", "--drain"), ("top", "--once")):
        said = run_json(*arguments, "--node", node.url, status=Exit.REFUSED)
        assert said["error"] == "no_token"


@pytest.mark.slow
def test_an_error_names_the_id_with_which_the_same_again_is_the_same_job(
    tmp_path: Path,
) -> None:
    with live_node(tmp_path / "data") as node:
        at = ("--data", node.data)
        run_json("flag", "set", "stop", *at)
        said = run_json("job", "add", "t", "--args", "{}", *at, status=Exit.UNAVAILABLE)
        assert said["error"] == "stopping"
        given = re.search(r"--id (\w+)", said["reason"])
        assert given is not None
        run_json("flag", "clear", "stop", *at)
        again = ("job", "add", "t", "--args", "{}", "--id", given[1], *at)
        assert [run_json(*again)["repeated"] for _ in range(2)] == [False, True]
