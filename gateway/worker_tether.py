"""What leads from a worker to whoever has begun it: there it says how its beginning went.

::

    a node ──────── socket ─────────► stdin of its worker
           ◄─── one line: {}, it runs; or {"error": code, "reason": sentence}, it cannot begin
           ───► nothing but the end: the node is gone, or wants it to be
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from seriatim.formats.errors import SchedulerError
from seriatim.formats.jobs.raw_json import dump_json
from seriatim.formats.limits import REASON_MAX_CHARS


class WorkerTether:
    """The worker's end."""

    def __init__(self, end: socket.socket) -> None:
        """Speak by *end*."""
        self._end = end

    @classmethod
    def of_stdin(cls) -> Self:
        """Take stdin, which is such an end: no module that a worker loads finds it there then."""
        end = socket.socket(fileno=os.dup(sys.stdin.fileno()))
        with Path(os.devnull).open("rb") as nothing:
            os.dup2(nothing.fileno(), sys.stdin.fileno())
        return cls(end)

    def hear_end(self, *events: asyncio.Event) -> None:
        """Set *events* when nobody is at the other end any more."""
        loop, number = asyncio.get_running_loop(), self._end.fileno()

        def hear() -> None:
            loop.remove_reader(number)  # once: an end can be read for ever
            for event in events:
                event.set()

        loop.add_reader(number, hear)

    def say_begun(self) -> None:
        """Say that it runs."""
        self._say({})

    @contextmanager
    def saying_errors(self) -> Iterator[None]:
        """Say why it cannot begin, where the block raises that."""
        try:
            yield
        except SchedulerError as error:
            reason = str(error)[:REASON_MAX_CHARS].encode(errors="replace").decode()
            self._say({"error": error.code, "reason": reason})
            raise

    def _say(self, word: Mapping[str, str]) -> None:
        with suppress(OSError):  # nobody is there: its end says that
            self._end.sendall(dump_json(word) + b"\n")
