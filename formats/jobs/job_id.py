"""Ids of jobs: text that whoever submits a job may choose, or that is made for it.

A made one is a ULID: 48 bits of time and 80 of chance, in 26 characters that sort by the time. So
jobs that were submitted one after another lie side by side on disk.
"""

from __future__ import annotations

import re
from typing import Final

from seriatim.formats.errors import MalformedError
from seriatim.formats.limits import JOB_NAME_MAX_CHARS

ENTROPY_BYTES: Final = 10

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS: Final = [first + second for first in _ALPHABET for second in _ALPHABET]
_MADE: Final = re.compile(f"[0-7][{_ALPHABET}]{{25}}")
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)


def make_job_id(now_ms: int, entropy: bytes) -> str:
    """Return the id of a job that is submitted at *now_ms*.

    Args:
        now_ms: Unix time in milliseconds, below 2⁴⁸.
        entropy: ``ENTROPY_BYTES`` random bytes.

    Source:
        The ULID specification, in lower case.

    >>> make_job_id(1_700_000_000_000, bytes(10))
    '01hf7yat000000000000000000'
    """
    number = (now_ms << 80) | int.from_bytes(entropy)
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])


def is_made_id(job: str) -> bool:
    """Tell whether *job* looks as if it was made here: nobody knows such an id beforehand."""
    return _MADE.fullmatch(job) is not None


def check_name(name: str, what: str) -> str:
    """Return *name*: the id of a job, its type, or the name of a queue or a token.

    Raises:
        MalformedError: it is no text of 1 to ``JOB_NAME_MAX_CHARS`` letters, digits, ``_``, ``.``
            and ``-`` that begins with one of the first three; code ``bad_name``.
    """
    if isinstance(name, str) and len(name) <= JOB_NAME_MAX_CHARS and _NAME.fullmatch(name):
        return name
    found = repr(str(name)[:JOB_NAME_MAX_CHARS])
    if isinstance(name, str) and len(name) > JOB_NAME_MAX_CHARS:
        found = f"{len(name)} characters that begin with {found}"
    raise MalformedError(
        f"{what}: expected 1 to {JOB_NAME_MAX_CHARS} letters, digits, '_', '.' and '-', and none "
        f"of the last two in front, found {found}",
        code="bad_name",
    )
