"""Whether a child is loading the module of a function: its program is not to run once more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from seriatim.formats.errors import RefusedError

# Of the whole OS process: what a module opens may live on a thread of its own.
_IS_LOADING: Final = threading.Event()


@contextmanager
def loading() -> Iterator[None]:
    """Have `refuse_while_loading` refuse while the block runs."""
    _IS_LOADING.set()
    try:
        yield
    finally:
        _IS_LOADING.clear()


def refuse_while_loading() -> None:
    """Return, but where a child is loading its module, which is the program itself.

    Raises:
        RefusedError: it is: what the program opens would be opened, and its jobs submitted, once
            more in each of its children; code ``imported``.
    """
    if _IS_LOADING.is_set():
        raise RefusedError(
            "a child has imported this module for a function in it, and the module itself opens "
            'the app or a node: keep that behind if __name__ == "__main__":',
            code="imported",
        )
