"""What another node replied, read with care: its fields may be absent or of another kind."""

from __future__ import annotations

import re
from typing import Any, Final, TypeVar

from seriatim.formats.codecs.json import parse_json
from seriatim.formats.errors import (
    FormatError,
    NoNodeError,
    NotFoundError,
    RefusedError,
    SchedulerError,
    TakenError,
    UnavailableError,
)
from seriatim.formats.limits import REASON_MAX_CHARS

T = TypeVar("T")

# What may stand in a header of ours.
_CODE: Final = re.compile("[a-z0-9_]{1,64}")

_BAD: Final = 400
_NOT_FOUND: Final = 404
_RETRYABLE: Final = (409, 429)
_BROKEN: Final = 500


def field(plain: object, name: str, kind: type[T]) -> T:
    """Return the member *name* of the JSON object *plain*, which is exactly a *kind*.

    Raises:
        NoNodeError: *plain* is no object, or has no such member of that kind.
    """
    value = plain.get(name) if isinstance(plain, dict) else None
    if type(value) is not kind:
        raise NoNodeError(f"a reply without {name}: what answers is no scheduler node")
    return value


def read_reply(url: str, status: int, raw: bytes) -> dict[str, Any]:
    """Return the JSON object with which the node at *url* answered.

    Raises:
        UnavailableError: a status that says: not now.
        NoNodeError: no JSON object.
        NotFoundError, TakenError, RefusedError: as the status and the code say, with the node's own
            sentence.
    """
    plain = _object(raw)
    if plain is None:
        # What stands before a node may say so, too, that the node is away.
        kind = NoNodeError if status < _BROKEN else UnavailableError
        raise kind(f"{url} answers {status} and no JSON: it is no scheduler node")
    if status >= _BAD:
        raise error_of(status, plain)
    return plain


def check_status(url: str, status: int, raw: bytes) -> None:
    """Return when *status* says that the request was answered; *raw* says why where it was not.

    Raises:
        UnavailableError, NotFoundError, RefusedError: as for `read_reply`.
    """
    if status >= _BAD:
        read_reply(url, status, raw)


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        plain = parse_json(raw)
    except FormatError:
        return None
    return plain if isinstance(plain, dict) else None


def error_of(status: int, plain: dict[str, Any]) -> SchedulerError:
    """Return the node's problem body, or an ao unit's, as the error that it stands for."""
    detail = str(plain.get("detail") or plain.get("error") or plain)[:REASON_MAX_CHARS]
    said = plain.get("code")
    code = said if isinstance(said, str) and _CODE.fullmatch(said) else ""
    if status == _NOT_FOUND:
        return NotFoundError(detail)
    if code == TakenError.code:
        return TakenError(detail)
    if status in _RETRYABLE or status >= _BROKEN:
        return UnavailableError(detail, code=code)
    return RefusedError(detail, code=code or RefusedError.code)
