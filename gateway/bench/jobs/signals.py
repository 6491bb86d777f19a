"""Being told to end: taken note of at once, and acted on where something is waited for.

An exception at any moment could come between the start of an OS process and the line that would
have ended it. So a signal is noted only, and every wait of the run looks (`running.wait_until`).
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_taken: list[int] = []


@contextmanager
def noting_signals() -> Iterator[None]:
    """Note the signals that come during the block, instead of ending at once.

    Raises:
        KeyboardInterrupt, SystemExit: after the block, for a signal on which nothing acted.
    """
    # What is ignored stays so: ``nohup`` means that its SIGHUP ends nothing.
    heard = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, _note) for number in heard}
    try:
        yield
        end_if_told()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _taken.clear()


def end_if_told() -> None:
    """Raise for the first signal that was noted, where one was.

    Raises:
        KeyboardInterrupt: for Ctrl-C.
        SystemExit: for any other, with 128 and its number.
    """
    if _taken:
        if _taken[0] == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + _taken[0])


def _note(number: int, _: object) -> None:
    _taken.append(number)
