"""A command: a program and its arguments, as the system is given them. No shell reads any of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from seriatim.formats.errors import LimitExceededError, MalformedError
from seriatim.formats.limits import COMMAND_MAX_BYTES, COMMAND_PART_MAX_BYTES

_KEYS: Final = ("argv", "env", "cwd")


class Command(NamedTuple):
    """What is run.

    Attributes:
        argv: the program, and its arguments: at least one, the first not empty. A program without a
            slash is looked for in the ``PATH`` of its environment.
        env: what its environment has besides what every job inherits; a name here goes before.
        cwd: the folder that it starts in; empty for the one of its worker.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = {}
    cwd: str = ""

    def to_plain(self) -> dict[str, Any]:
        """Return it as JSON has it; what is empty is left out."""
        plain = {"argv": list(self.argv), "env": dict(self.env), "cwd": self.cwd}
        return {key: value for key, value in plain.items() if value}


def read_command(said: Mapping[str, Any], key: str = "command") -> Command:
    """Return the command that *said* is.

    Args:
        said: ``argv``, a list of texts; ``env``, a map of texts; ``cwd``, a text.
        key: what *said* is called where it comes from; errors begin with it.

    Raises:
        MalformedError: a key is unknown; a value is not what it has to be, or no system can take
            it: it is empty, has a NUL or is not Unicode; code ``bad_command``.
        LimitExceededError: a text is over ``COMMAND_PART_MAX_BYTES``, or all of them are over
            ``COMMAND_MAX_BYTES``.

    >>> read_command({"argv": ["echo", "$HOME; ls"]}).argv
    ('echo', '$HOME; ls')
    """
    if not isinstance(said, Mapping):
        raise _bad(key, "a map", said)
    for name in said:
        if name not in _KEYS:
            raise _bad(key, f"some of {', '.join(_KEYS)}", name)
    argv = said.get("argv")
    if not isinstance(argv, list | tuple) or not argv or not argv[0]:
        raise _bad(f"{key}.argv", "a list of texts: a program, and its arguments", argv)
    env = said.get("env", {})
    if not isinstance(env, Mapping):
        raise _bad(f"{key}.env", "a map of texts", env)
    command = Command(
        tuple(_text(f"{key}.argv", each) for each in argv),
        {_name(f"{key}.env", name): _text(f"{key}.env", value) for name, value in env.items()},
        _text(f"{key}.cwd", said.get("cwd", "")),
    )
    # The system puts a NUL behind each.
    parts = (*command.argv, *command.env, *command.env.values(), command.cwd)
    size_bytes = sum(len(part.encode()) + 1 for part in parts)
    if size_bytes > COMMAND_MAX_BYTES:
        raise LimitExceededError("bytes of a command", given=size_bytes, maximum=COMMAND_MAX_BYTES)
    return command


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _bad(key, "a text", value)
    if "\0" in value:
        raise _bad(key, "a text without NUL", value)
    try:
        size_bytes = len(value.encode())
    except UnicodeEncodeError as error:
        raise _bad(key, "Unicode", ascii(value)) from error
    if size_bytes > COMMAND_PART_MAX_BYTES:
        raise LimitExceededError(
            f"bytes of a text in {key}", given=size_bytes, maximum=COMMAND_PART_MAX_BYTES
        )
    return value


def _name(key: str, name: Any) -> str:
    if not _text(key, name) or "=" in name:
        raise _bad(key, "names that are not empty, and have no '='", name)
    return str(name)


def _bad(key: str, expected: str, found: object) -> MalformedError:
    return MalformedError(
        f"{key}: expected {expected}, found {str(found)[:64]!r}", code="bad_command"
    )
