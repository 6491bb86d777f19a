"""``seriatim cron next``, and what `docs/cron.md` shows of it."""

from __future__ import annotations

import re
import shlex
from functools import partial
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from seriatim.formats.limits import CRON_NEXT_MAX
from seriatim.gateway.cli import app
from seriatim.gateway.cli.output import Exit
from tests.support import command_line

DOCUMENT = (Path(__file__).parents[4] / "docs/cron.md").read_text()
ROWS = re.findall(r"^\| `([^`]+)` \| .* \| (\d{4}-\S+) \|$", DOCUMENT, re.MULTILINE)
SHOWN = [
    (each[0], each[1])
    for block in re.findall(r"```console\n(.*?)```", DOCUMENT, re.DOTALL)
    for each in re.findall(r"\$ seriatim (.*)\n((?:[^$].*\n)+)", block)
]
BEFORE_DST = ("--tz", "Europe/Paris", "--from", "2026-03-27T12:00:00+01:00")
run = partial(command_line.run, "cron", "next")
run_json = partial(command_line.run_json, "cron", "next")


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[each[0] for each in SHOWN])
def test_what_the_document_shows_is_what_is_printed(command: str, output: str) -> None:
    verb, sub, *arguments = shlex.split(command)
    assert (verb, sub) == ("cron", "next")
    assert run(*arguments)[1] == output


@pytest.mark.parametrize(("text", "following"), ROWS, ids=[each[0] for each in ROWS])
def test_the_tables_of_the_document_are_true(text: str, following: str) -> None:
    seen = ("--tz", "Europe/Paris", "--from", "2026-11-20 16:30", "--count", 1)
    assert run_json(text, *seen) == [following]


def test_the_document_has_examples() -> None:
    assert len(SHOWN) >= 7
    assert len(ROWS) >= 30


def test_times_are_json_with_offsets() -> None:
    assert run_json("0 9 * * mon-fri", *BEFORE_DST, "--count", 2) == [
        "2026-03-30T09:00:00+02:00",
        "2026-03-31T09:00:00+02:00",
    ]


def test_policies_are_taken() -> None:
    fold = ("30 2 25 10 *", "--tz", "Europe/Paris", "--from", "2026-10-24", "--count", 1)
    assert run_json(*fold) == run_json(*fold, "--fold", "first") == ["2026-10-25T02:30:00+02:00"]
    assert run_json(*fold, "--fold", "second") == ["2026-10-25T02:30:00+01:00"]
    gap = ("30 2 * 3 *", *BEFORE_DST, "--count", 2)
    assert run_json(*gap, "--gap", "skip")[1] == "2026-03-30T02:30:00+02:00"
    assert run_json(*gap, "--gap", "after")[1] == "2026-03-29T03:00:00+02:00"


def test_milliseconds_are_shown_where_there_are_any() -> None:
    assert run_json("250ms", "--from", "2026-01-01", "--count", 1) == [
        "2026-01-01T00:00:00.250000+00:00"
    ]
    assert "00:00:00.250000 +00:00" in run("250ms", "--from", "2026-01-01", "--count", 1)[1]


def test_times_that_end_are_fewer_than_asked_for() -> None:
    assert run_json("in 5 minutes", "--from", "2026-01-01") == ["2026-01-01T00:05:00+00:00"]


def test_without_a_beginning_it_is_now() -> None:
    first, second = run_json("every 5 minutes", "--count", 2)
    assert second > first


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("60 * * * *",), "bad_cron"),
        (("every 0 minutes",), "bad_interval"),
        (("foo",), "bad_time"),
        (("yesterday",), "past_time"),
        (("@daily", "--tz", "Mars/Olympus"), "unknown_zone"),
        (("@daily", "--from", "soon"), "bad_time"),
        (("5 minutes", "--gap", "skip"), "no_policy"),
        (("x" * 129,), "limit_exceeded"),
    ],
)
def test_bad_input_is_refused_with_its_code(arguments: tuple[str, ...], code: str) -> None:
    assert run_json(*arguments, status=Exit.REFUSED)["error"] == code


@pytest.mark.parametrize(
    "arguments",
    [
        ("@daily", "--count", "0"),
        ("@daily", "--count", str(CRON_NEXT_MAX + 1)),
        ("@daily", "--gap", "never"),
        (),
    ],
)
def test_wrong_usage_is_wrong_usage(arguments: tuple[str, ...]) -> None:
    code, output = run(*arguments, "--json")
    assert (code, orjson.loads(output)["error"]) == (Exit.USAGE, "usage")


def test_cron_alone_says_what_there_is() -> None:
    result = CliRunner().invoke(app, ["cron"])
    assert "next" in result.output
