"""What another node replied, read with care: its fields may be absent or of another kind."""

from __future__ import annotations

from typing import TypeVar

from seriatim.formats.errors import UnavailableError

T = TypeVar("T")


def field(plain: object, name: str, kind: type[T]) -> T:
    """Return the member *name* of the JSON object *plain*, which is exactly a *kind*.

    Raises:
        UnavailableError: *plain* is no object, or has no such member of that kind.
    """
    value = plain.get(name) if isinstance(plain, dict) else None
    if type(value) is not kind:
        raise UnavailableError(f"a reply without {name}: what answers is no scheduler node")
    return value
