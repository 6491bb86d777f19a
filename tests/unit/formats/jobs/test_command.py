"""Commands: what may come in, and that it stays as it is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.formats.errors import LimitExceededError, MalformedError
from seriatim.formats.jobs.command import Command, read_command
from seriatim.formats.limits import COMMAND_PART_MAX_BYTES

TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"))
COMMANDS = st.builds(
    Command,
    argv=st.tuples(TEXT.filter(bool), TEXT, TEXT),
    env=st.dictionaries(TEXT.filter(lambda name: bool(name) and "=" not in name), TEXT),
    cwd=TEXT,
)


@given(COMMANDS)
def test_a_command_comes_back_from_json_character_by_character(command: Command) -> None:
    assert read_command(command.to_plain()) == command


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("rm -rf /", "command: expected a map"),
        ({}, "command.argv: expected a list"),
        ({"argv": "rm -rf /"}, "command.argv: expected a list"),
        ({"argv": []}, "command.argv: expected a list"),
        ({"argv": [""]}, "command.argv: expected a list"),
        ({"argv": ["a", 1]}, "command.argv: expected a text"),
        ({"argv": [1]}, "command.argv: expected a text"),
        ({"argv": ["a", "b\0c"]}, "command.argv: expected a text without NUL"),
        ({"argv": ["a", "\ud800"]}, "command.argv: expected Unicode"),
        ({"argv": ["a"], "shell": True}, "command: expected some of"),
        ({"argv": ["a"], "env": ["A=b"]}, "command.env: expected a map"),
        ({"argv": ["a"], "env": {"A=b": ""}}, "command.env: expected names"),
        ({"argv": ["a"], "env": {"": ""}}, "command.env: expected names"),
        ({"argv": ["a"], "env": {"A": "\0"}}, "command.env: expected a text without NUL"),
        ({"argv": ["a"], "cwd": None}, "command.cwd: expected a text"),
        ({"argv": ["a"], "cwd": "\0"}, "command.cwd: expected a text without NUL"),
    ],
)
def test_an_error_names_the_key(said: Any, named: str) -> None:
    with pytest.raises(MalformedError) as raised:
        read_command(said)
    assert raised.value.code == "bad_command"
    assert str(raised.value).startswith(named)


def test_what_the_system_would_not_take_is_refused_before() -> None:
    text = "x" * COMMAND_PART_MAX_BYTES
    assert read_command({"argv": [text]}).argv == (text,)
    with pytest.raises(LimitExceededError, match="text in command"):
        read_command({"argv": [text + "x"]})
    with pytest.raises(LimitExceededError, match="of a command"):
        read_command({"argv": [text, text, "xx"]})
