"""Preferences of a request (RFC 7240): of all that there are, how long it would wait."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

# Possessive throughout: spaces and names can be read in one way only, so that no line takes long.
_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_WORD: Final = rf'(?:{_NAME}|"(?:[^"\\]|\\.)*+")'
_PAIR: Final = rf"{_NAME}(?:[ \t]*+=[ \t]*+{_WORD})?"
# Matched from the left, one after another: whatever is malformed ends it.
_PREFERENCE: Final = re.compile(
    rf"[ \t,]*+(?P<name>{_NAME})(?:[ \t]*+=[ \t]*+(?P<value>{_WORD}))?"
    rf"(?:[ \t]*+;[ \t]*+(?:{_PAIR})?)*+[ \t]*+(?:,|$)"
)
_SECONDS: Final = re.compile(r'[0-9]{1,9}|"[0-9]{1,9}"')


def preferred_wait_s(lines: Iterable[str]) -> int | None:
    """Return the seconds of the preference ``wait`` (RFC 7240 §4.3), or ``None`` for no such wish.

    The first ``wait`` counts. One that is malformed is none, and so is everything behind a
    malformed preference of the same line.

    Args:
        lines: the values of the request's ``Prefer`` headers, in order.
    """
    for line in lines:
        place = 0
        while (preference := _PREFERENCE.match(line, place)) is not None:
            if preference["name"].lower() == "wait":
                return _seconds(preference["value"] or "")
            place = preference.end()
    return None


def _seconds(value: str) -> int | None:
    return int(value.strip('"')) if _SECONDS.fullmatch(value) else None
