"""Whether a child is importing the module of a function: its program is not to run once more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from seriatim.formats.errors import RefusedError

# Of the whole OS process: what a module opens may live on a thread of its own.
_IS_IMPORTING: Final = threading.Event()


@contextmanager
def importing() -> Iterator[None]:
    """Have `refuse_while_importing` refuse while the block runs."""
    _IS_IMPORTING.set()
    try:
        yield
    finally:
        _IS_IMPORTING.clear()


def refuse_while_importing() -> None:
    """Return, but where a child is importing its module, which is the program itself.

    Raises:
        RefusedError: it is: what the program opens would be opened, and its jobs submitted, once
            more in each of its children; code ``imported``.
    """
    if _IS_IMPORTING.is_set():
        raise RefusedError(
            "a child has imported this module for a function in it, and the module itself opens "
            'the app or a node: keep that behind if __name__ == "__main__":',
            code="imported",
        )
