"""Rows that are damaged: no request is wrong, and a copy of the data folder has them whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from seriatim.formats.errors import FormatError, StoreError


@contextmanager
def whole_rows(whose: str) -> Iterator[None]:
    """Decode rows inside: what is wrong with one is an error of the store.

    Args:
        whose: what they are of, such as ``queue mail``; the error begins with it.

    Raises:
        StoreError: a row is damaged.
    """
    try:
        yield
    except (FormatError, ValueError, TypeError, KeyError) as error:
        raise StoreError(f"{whose}: {error}; restore the data folder from a copy") from error
