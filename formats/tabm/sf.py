"""Structured fields (RFC 8941), as HyperBEAM writes and reads them.

Own code and no library, because its dictionaries are no dictionaries by the RFC: keys hold upper
case, digits in front, ``%``, ``/``, ``?``, ``&``, and strings hold any byte. What the RFC allows is
read as the RFC says, and written as it says. Decimals and dates are refused: nothing here has them.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias, TypeVar

from seriatim.formats.errors import LimitExceededError, MalformedError
from seriatim.formats.limits import SF_INTEGER_MAX, SF_MEMBERS_MAX

T = TypeVar("T")


class Token(str):
    """A bare word."""

    __slots__ = ()


class Binary(bytes):
    """A byte sequence, ``:base64:``; plain ``bytes`` are strings."""


Bare: TypeAlias = bytes | Binary | Token | bool | int


class Item(NamedTuple):
    """A bare value with its parameters."""

    value: Bare
    params: Mapping[str, Bare] = {}  # never changed


class InnerList(NamedTuple):
    """Items in parentheses, with parameters of their own."""

    items: tuple[Item, ...]
    params: Mapping[str, Bare] = {}  # never changed


_KEY: Final = re.compile(rb"[A-Za-z0-9_.*%/?&+-]+")
# A string, a byte sequence, a boolean, an integer, a token: one group for each.
_BARE: Final = re.compile(
    rb'"([^"\\]*(?:\\["\\][^"\\]*)*)"'
    rb"|:([A-Za-z0-9+/=]*):"
    rb"|\?([01])"
    rb"|(-?[0-9]{1,15}(?![0-9.]))"
    rb"|([A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]*)"
)
_ESCAPED: Final = re.compile(rb'\\(["\\])')
_SPACES: Final = re.compile(rb" +")
_COMMA: Final = re.compile(rb"[ \t]*,[ \t]*")


def parse_dictionary(raw: bytes) -> dict[str, Item | InnerList]:
    """Return the dictionary in *raw*; of two members with one key, the last wins.

    Raises:
        MalformedError: not a dictionary; code ``bad_structured_field``.
        LimitExceededError: more than ``SF_MEMBERS_MAX`` members, parameters or items.
    """
    reader = _Reader(raw)
    return dict(reader.members(reader.member))


def parse_list(raw: bytes) -> list[Item | InnerList]:
    """Return the list in *raw*. Raises as `parse_dictionary` does."""
    reader = _Reader(raw)
    return reader.members(reader.item_or_list)


def parse_item(raw: bytes) -> Item:
    """Return the item in *raw*. Raises as `parse_dictionary` does."""
    reader = _Reader(raw)
    item = reader.item()
    reader.end()
    return item


def write_dictionary(members: Mapping[str, Item | InnerList]) -> bytes:
    """Return *members* in their order. A member that is true still says so, unlike the RFC's.

    Raises:
        MalformedError: a key that would not be read as one; code ``bad_structured_field``.
    """
    return b", ".join(_write_key(key) + b"=" + _member(value) for key, value in members.items())


def write_list(members: Iterable[Item | InnerList]) -> bytes:
    """Return *members* as a list."""
    return b", ".join(map(_member, members))


def write_bare(value: Bare) -> bytes:
    """Return one bare value.

    Raises:
        MalformedError: an integer of more than 15 digits; code ``bad_structured_field``.
    """
    if isinstance(value, Binary):
        return b":" + b64encode(value) + b":"
    if isinstance(value, bytes):
        return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    if isinstance(value, Token):
        return value.encode()
    if isinstance(value, bool):
        return b"?1" if value else b"?0"
    if abs(value) > SF_INTEGER_MAX:
        raise _bad(f"integer {value} has more than 15 digits")
    return b"%d" % value


def write_params(params: Mapping[str, Bare]) -> bytes:
    """Return *params* in their order, each after a semicolon."""
    if not params:
        return b""
    return b"".join(b";" + key.encode() + b"=" + write_bare(value) for key, value in params.items())


def write_inner_list(member: InnerList) -> bytes:
    """Return an inner list with its parameters."""
    items = b" ".join([write_bare(item.value) + write_params(item.params) for item in member.items])
    return b"(" + items + b")" + write_params(member.params)


def _write_key(key: str) -> bytes:
    raw = key.encode("utf-8", "surrogatepass")
    if not _KEY.fullmatch(raw):
        raise _bad(f"{key[:64]!r} cannot be a key")
    return raw


def _member(member: Item | InnerList) -> bytes:
    if isinstance(member, InnerList):
        return write_inner_list(member)
    return write_bare(member.value) + write_params(member.params)


class _Reader:
    """A place in a field, moving on."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw.strip(b" ")
        self._at = 0

    def members(self, read: Callable[[], T]) -> list[T]:
        found: list[T] = []
        while self._at < len(self._raw):
            if found and not self._take(_COMMA):
                raise self._fault("a comma")
            found.append(read())
            if len(found) > SF_MEMBERS_MAX:
                raise LimitExceededError("members", given=len(found), maximum=SF_MEMBERS_MAX)
        return found

    def member(self) -> tuple[str, Item | InnerList]:
        key = self._key()
        if self._skip(b"="):
            return key, self.item_or_list()
        return key, Item(value=True, params=self._params())

    def item_or_list(self) -> Item | InnerList:
        return self._inner_list() if self._skip(b"(") else self.item()

    def item(self) -> Item:
        value = self._bare()
        return Item(value, self._params()) if self._raw.startswith(b";", self._at) else Item(value)

    def end(self) -> None:
        if self._at != len(self._raw):
            raise self._fault("the end")

    def _inner_list(self) -> InnerList:
        items: list[Item] = []
        self._spaces()
        is_apart = True
        while not self._skip(b")"):
            if not is_apart:
                raise self._fault("a space or ')'")
            items.append(self.item())
            is_apart = self._spaces()
            if len(items) > SF_MEMBERS_MAX:
                raise LimitExceededError("items", given=len(items), maximum=SF_MEMBERS_MAX)
        return InnerList(tuple(items), self._params())

    def _params(self) -> dict[str, Bare]:
        params: dict[str, Bare] = {}
        while self._skip(b";"):
            self._spaces()
            key = self._key()
            params[key] = self._bare() if self._skip(b"=") else True
            if len(params) > SF_MEMBERS_MAX:
                raise LimitExceededError("params", given=len(params), maximum=SF_MEMBERS_MAX)
        return params

    def _key(self) -> str:
        found = self._take(_KEY)
        if not found:
            raise self._fault("a key")
        return found[0].decode("ascii")

    def _bare(self) -> Bare:
        found = self._take(_BARE)
        if not found or not found.lastindex:
            raise self._fault("a value")
        return _READ[found.lastindex](found[found.lastindex])

    def _take(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        found = pattern.match(self._raw, self._at)
        if found:
            self._at = found.end()
        return found

    def _spaces(self) -> bool:
        """Move over spaces; tell whether there are any."""
        return self._take(_SPACES) is not None

    def _skip(self, text: bytes) -> bool:
        if not self._raw.startswith(text, self._at):
            return False
        self._at += len(text)
        return True

    def _fault(self, expected: str) -> MalformedError:
        return _bad(f"expected {expected} at byte {self._at}")


def _string(text: bytes) -> bytes:
    return _ESCAPED.sub(rb"\1", text) if b"\\" in text else text


def _binary(text: bytes) -> Binary:
    try:
        return Binary(b64decode(text, validate=True))
    except Base64Error as error:
        raise _bad("not base64") from error


def _bad(reason: str) -> MalformedError:
    return MalformedError(f"a structured field is malformed: {reason}", code="bad_structured_field")


# By the number of the group in `_BARE`.
_READ: Final[Mapping[int, Callable[[bytes], Bare]]] = {
    1: _string,
    2: _binary,
    3: b"1".__eq__,
    4: int,
    5: lambda text: Token(text.decode("ascii")),
}
assert len(_READ) == _BARE.groups
