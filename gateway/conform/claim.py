"""Words for claims: what holds, what does not, and what a reply has to have."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from seriatim.formats.codecs.json import parse_json
from seriatim.formats.errors import FormatError
from seriatim.gateway.conform.talk.exchange import Reply, excerpt

T = TypeVar("T")

_SHOWN_CHARS: Final = 200
_DIGITS_MAX: Final = 19
_JSON_NAMES: Final[dict[type, str]] = {
    dict: "object",
    list: "array",
    str: "string",
    int: "integer",
    bool: "boolean",
}


class ClaimBrokenError(Exception):
    """What a node did is not what a check claims; the text says what was found instead."""


class CheckSkippedError(Exception):
    """The claim means nothing at this node; the text says why."""


def expect(holds: object, found: str) -> None:
    """Return when the claim *holds*.

    Raises:
        ClaimBrokenError: it does not; *found* says what was found, and what should have been.
    """
    if not holds:
        raise ClaimBrokenError(found)


def expect_equal(what: str, found: object, expected: object) -> None:
    """Return when *found* equals *expected*; else say both.

    Raises:
        ClaimBrokenError: they differ.
    """
    expect(found == expected, f"{what}: found {_show(found)}, expected {_show(expected)}")


def expect_status(reply: Reply, status: int) -> None:
    """Return when *reply* has exactly *status*.

    Raises:
        ClaimBrokenError: it has another.
    """
    expect_equal(f"the status (the reply says {_show(excerpt(reply.body))})", reply.status, status)


def read_json(reply: Reply, kind: type[T], *, status: int = 200) -> T:
    """Return the JSON value of *reply*, which has *status* and holds a *kind*.

    Raises:
        ClaimBrokenError: another status, no JSON, or JSON of another kind.
    """
    expect_status(reply, status)
    try:
        plain = parse_json(reply.body)
    except FormatError as error:
        raise ClaimBrokenError(f"the reply is no JSON: {error}") from error
    return _typed("the reply", plain, kind)


def member(plain: Any, name: str, kind: type[T]) -> T:
    """Return the member *name* of the JSON object *plain*, which is exactly a *kind*.

    Raises:
        ClaimBrokenError: there is none, or it is another kind.
    """
    if not isinstance(plain, dict) or name not in plain:
        raise ClaimBrokenError(f"a member {name!r} is missing in {_show(plain)}")
    return _typed(name, plain[name], kind)


def read_integer(what: str, text: str | None) -> int:
    """Return the decimal number *text*, 0 or more, of at most 19 digits.

    Raises:
        ClaimBrokenError: it is absent, or no such number.
    """
    if text is None or not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX):
        raise ClaimBrokenError(f"{what}: found {_show(text)}, expected a decimal number")
    return int(text)


def _typed(what: str, value: object, kind: type[T]) -> T:
    if type(value) is not kind:
        raise ClaimBrokenError(f"{what}: found {_show(value)}, expected a JSON {_JSON_NAMES[kind]}")
    return value


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
