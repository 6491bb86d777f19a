"""A human phrase as a row of words, each with its place; and the times of day among them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time
from typing import Final, NamedTuple, NoReturn

from seriatim.formats.errors import LimitExceededError, MalformedError
from seriatim.formats.limits import RECURRENCE_MAX_CHARS

_WORD: Final = re.compile(r"[a-z]+|[0-9]+|[^\sa-z0-9]")
_TIMES: Final = "times like 'every 5 minutes', 'weekdays at 18:30' or 'tomorrow at 9am'"
DURATIONS: Final = "durations like '30s', '5 minutes' or '1h30m'"


class Word(NamedTuple):
    """Letters, digits, or one other character; *offset* counts characters from 0."""

    text: str
    offset: int


@dataclass(slots=True)
class Words:
    """A phrase that is being read, from left to right; *like* says what it should be like."""

    words: tuple[Word, ...]
    end: int
    like: str
    place: int = 0

    @classmethod
    def of(cls, text: str, like: str = _TIMES) -> Words:
        """Return the words of *text*, in lower case."""
        found = tuple(Word(each[0], each.start()) for each in _WORD.finditer(text.lower()))
        return cls(found, len(text), like)

    @property
    def next(self) -> str:
        """The word that is read next; empty at the end."""
        return self.words[self.place].text if self.place < len(self.words) else ""

    @property
    def second(self) -> str:
        """The word behind the next one; empty where there is none."""
        return self.words[self.place + 1].text if self.place + 1 < len(self.words) else ""

    @property
    def offset(self) -> int:
        """Where the next word begins."""
        return self.words[self.place].offset if self.place < len(self.words) else self.end

    def take(self, *texts: str) -> bool:
        """Go past the next word if it is one of *texts*."""
        taken = self.next in texts
        self.place += taken
        return taken

    def take_number(self) -> int | None:
        """Go past a number, and return it."""
        if not self.next.isdecimal():
            return None
        self.place += 1
        return int(self.words[self.place - 1].text)

    def fail(self, expected: str) -> NoReturn:
        """Refuse the phrase where the next word stands."""
        found = repr(self.next) if self.next else "the end"
        raise MalformedError(
            f"expected {expected}, found {found}; write {self.like}",
            code="bad_time",
            offset=self.offset,
        )

    def expect_end(self) -> None:
        """Refuse whatever is left."""
        if self.next:
            self.fail("nothing more")


def check_text(text: str) -> None:
    """Refuse what is too long, or has characters that no time is written with.

    Raises:
        LimitExceededError: over ``RECURRENCE_MAX_CHARS``.
        MalformedError: a character is no printable ASCII, space or tab (``bad_time``).
    """
    if len(text) > RECURRENCE_MAX_CHARS:
        raise LimitExceededError(
            "characters of a recurrence", given=len(text), maximum=RECURRENCE_MAX_CHARS
        )
    for offset, char in enumerate(text):
        if char != "\t" and not " " <= char <= "~":
            raise MalformedError(
                f"expected ASCII letters, digits and signs, found {char!a}; write it with those",
                code="bad_time",
                offset=offset,
            )


def read_time(words: Words, *, bare: bool) -> time | None:
    """Read ``9am``, ``18:30``, ``9:30:15 pm``, ``noon`` or ``midnight``; ``None`` if none is next.

    Args:
        words: what is read; unchanged where ``None`` is returned.
        bare: whether an hour alone is a time, as it is after ``at``.

    Raises:
        MalformedError: it is written like a time, and no clock shows it (``bad_time``).
    """
    if words.take("noon"):
        return time(12)
    if words.take("midnight"):
        return time(0)
    start = words.place
    hour = words.take_number()
    if hour is None:
        return None
    minute = _sixtieth(words)
    second = 0 if minute is None else _sixtieth(words)
    half = words.next if words.next in ("am", "pm") else ""
    words.take("am", "pm")
    if minute is None and not half and not bare:
        words.place = start
        return None
    if half and not 1 <= hour <= 12:  # noqa: PLR2004  # hours of half a day
        words.place = start
        words.fail(f"an hour from 1 to 12 before {half}")
    if hour > 23:  # noqa: PLR2004  # hours of a day
        words.place = start
        words.fail("an hour from 0 to 23")
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    return time(hour, minute or 0, second or 0)


def _sixtieth(words: Words) -> int | None:
    """Read ``:59``."""
    if not words.take(":"):
        return None
    text = words.next
    if len(text) != 2 or not text.isdecimal() or text > "59":  # noqa: PLR2004  # two digits
        words.fail("two digits from 00 to 59")
    words.place += 1
    return int(text)
