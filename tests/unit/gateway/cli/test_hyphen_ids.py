"""One process id in 64 starts with a hyphen. It is an id wherever one is expected."""

from __future__ import annotations

from functools import cache
from itertools import count
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

import seriatim
from seriatim.formats.ids import encode_id
from seriatim.formats.message import Message
from seriatim.formats.schedule.submission import submit_unsigned
from seriatim.formats.schedule.variant import Variant
from seriatim.gateway.cli import app
from seriatim.gateway.cli.output import Exit

IDS = ["-" + "A" * 42, "--" + "A" * 41, "-data" + "A" * 38, "--json" + "A" * 37]


@cache
def number() -> int:
    """Return the number whose spawn has an id that starts with a hyphen."""
    own = {"type": "Process", "variant": Variant.NATIVE.tag}
    return next(
        number
        for number in count()
        if encode_id(submit_unsigned(Message({"number": number, **own})).message_id)[0] == "-"
    )


@pytest.fixture
def known(tmp_path: Path) -> tuple[Path, str]:
    """A data folder, and the id of the process in it, which starts with a hyphen."""
    data = tmp_path / "data"
    with seriatim.open_blocking(data) as node:
        process = node.spawn({"number": number()})
    assert process.startswith("-")
    return data, process


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    return result.exit_code, result.stdout


@pytest.mark.parametrize("process", IDS)
@pytest.mark.parametrize("verb", ["log", "verify", "export"])
def test_it_is_looked_up_and_not_taken_for_an_option(
    known: tuple[Path, str], verb: str, process: str
) -> None:
    data, _ = known
    for order in ((process, "--data", data, "--json"), ("--json", "--data", data, process)):
        status, said = run(verb, *order)
        assert status == Exit.NOT_FOUND
        assert process in orjson.loads(said)["reason"]


def test_it_is_found(known: tuple[Path, str]) -> None:
    data, process = known
    for arguments in ((process, "--data", data), ("--data", data, "--", process)):
        status, said = run("verify", "--json", *arguments)
        assert status == Exit.OK
        assert orjson.loads(said)["process"] == process


def test_an_options_value_stays_its_value(known: tuple[Path, str]) -> None:
    data, process = known
    elsewhere = data.parent / IDS[0]
    data.rename(elsewhere)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(data.parent)
        status, said = run("verify", "--data", IDS[0], process, "--json")
    assert (status, orjson.loads(said)["process"]) == (Exit.OK, process)


def test_another_unknown_option_is_wrong_usage() -> None:
    assert run("verify", "-x", "--json")[0] == Exit.USAGE
    assert run("verify", "--" + "a" * 42, "--json")[0] == Exit.USAGE, "44 characters"
