"""What a job prints: read as it comes, so that it never waits, and kept up to a bound."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Final

from seriatim.formats.limits import OUTPUT_READ_MAX_BYTES

Output = Callable[[bytes], object]
"""Takes pieces of what a job prints to stdout and stderr, in the order in which they come."""

_TURN_READS: Final = 16
# What a pipe can hold, and some more: who goes on writing when the job is over is not waited for.
_FINISH_READS: Final = 64


class Capture:
    """The reading end of the pipe that the stdout and stderr of a keeper's jobs are.

    What comes beyond the bound is read, counted and dropped: the memory of who reads stays as it
    is, whatever a job prints.
    """

    def __init__(self) -> None:
        self._reading, self.writing = os.pipe()
        os.set_blocking(self._reading, False)
        self._loop = asyncio.get_running_loop()
        self._output: Output = _nobody
        self._left_bytes = 0
        self._dropped_bytes = 0
        self._is_open = True
        self._loop.add_reader(self._reading, self._read)

    def begin(self, output: Output, output_bytes: int) -> None:
        """Give what comes from now on to *output*, *output_bytes* at most."""
        self._output, self._left_bytes, self._dropped_bytes = output, output_bytes, 0

    def finish(self) -> None:
        """Give what has come by now to the output, say how much was dropped, and forget it."""
        for _ in range(_FINISH_READS):
            if not self._is_open or not self._read_piece():
                break
        if self._dropped_bytes:
            self._output(
                f"\n[seriatim: {self._dropped_bytes} more bytes of output were dropped]\n".encode()
            )
        self.begin(_nobody, 0)

    def let_go(self) -> None:
        """Close the writing end: the keeper has it."""
        os.close(self.writing)
        self.writing = -1

    def close(self) -> None:
        """Read no more; who still writes gets SIGPIPE."""
        if self.writing >= 0:
            self.let_go()
        if self._is_open:
            self._is_open = False
            self._loop.remove_reader(self._reading)
            os.close(self._reading)

    def _read(self) -> None:
        # Some pieces at a time: others have their turn, too.
        for _ in range(_TURN_READS):
            if not self._read_piece():
                return

    def _read_piece(self) -> bool:
        """Read what is there; return whether there may be more."""
        try:
            piece = os.read(self._reading, OUTPUT_READ_MAX_BYTES)
        except BlockingIOError:
            return False
        if not piece:
            self.close()
            return False
        kept = piece[: self._left_bytes]
        self._left_bytes -= len(kept)
        self._dropped_bytes += len(piece) - len(kept)
        if kept:
            self._output(kept)
        return True


def _nobody(_: bytes) -> None:
    """Take what is printed while no job runs: by threads that one has left."""
