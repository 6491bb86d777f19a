"""A child that runs functions: ``python -m seriatim.actors.executor.child FD``.

It runs one after the other. The worker's side is `warm_child.py`, and `frame.py` says what passes
between them. Its stdout and stderr are pipes to the worker, down to the descriptors, so that what C
code prints, and programs that a function starts, comes there, too. The link to the worker is on
another one, which nothing inherits that a function starts.

It is the subreaper of what its functions start: whatever they have left behind is its own child,
and can be told from nothing being left.
"""

from __future__ import annotations

import ctypes
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from io import TextIOWrapper
from typing import Any, Final

import orjson

from seriatim.actors.executor.asking import Asker
from seriatim.actors.executor.context import JobContext
from seriatim.actors.executor.function_call import StopSignal, call_function
from seriatim.actors.runtime.frame import FrameReader, Kind, encode_frame
from seriatim.formats.errors import LimitExceededError
from seriatim.formats.limits import JOB_SAID_MAX_BYTES

_READ_BYTES: Final = 1 << 18
_PR_SET_CHILD_SUBREAPER: Final = 36


class _Link:
    """The socket to the worker; threads of a function may speak at once."""

    def __init__(self, worker: socket.socket) -> None:
        self._worker = worker
        self._reader = FrameReader()
        self._lock = threading.Lock()

    def receive(self) -> tuple[Kind, Any] | None:
        """Return the next frame, or ``None`` when the worker has no more."""
        while (frame := self._reader.next_frame()) is None:
            received = self._worker.recv(_READ_BYTES)
            if not received:
                return None
            self._reader.feed(received)
        return frame

    def receive_answer(self) -> list[Any] | None:
        """Return the next answer, or ``None`` when the worker is gone; nothing else comes now."""
        frame = self.receive()
        return None if frame is None else frame[1]

    def send(self, kind: Kind, payload: object) -> None:
        with self._lock:
            self._worker.sendall(encode_frame(kind, payload))

    def say(self, said: Mapping[str, Any]) -> None:
        """See `JobContext.say`."""
        raw = orjson.dumps(dict(said))
        if len(raw) > JOB_SAID_MAX_BYTES:
            raise LimitExceededError(
                "bytes of what a job says", given=len(raw), maximum=JOB_SAID_MAX_BYTES
            )
        self.send(Kind.SAID, raw)


def serve(link: _Link, stop_signal: StopSignal) -> None:
    """Run what the worker sends, until it sends no more."""
    asker = Asker(lambda asked: link.send(Kind.ASKED, asked), link.receive_answer)
    while (frame := link.receive()) is not None:
        kind, payload = frame
        if kind is Kind.ANSWERED:
            continue  # whoever has asked waits no more
        if kind is Kind.START:
            sys.path[:] = payload
            link.send(Kind.READY, None)
            continue
        name, arguments, limits, told = payload
        context = JobContext(orjson.loads(told), link.say, asker.ask)
        answer = call_function(name, arguments, limits, context, stop_signal)
        _flush()
        link.send(Kind.RESULT, answer)


def _flush() -> None:
    """Have everything that was printed be in the pipe, what C code has printed included."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # a function may have put anything in their place
            stream.flush()
    ctypes.CDLL(None).fflush(None)


def main(descriptor: int) -> None:
    """Run the child; *descriptor* is its socket to the worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stop_signal = StopSignal()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # a pipe's is 8 KiB
    with socket.socket(fileno=descriptor) as worker:
        worker.set_inheritable(False)
        with suppress(ConnectionError):  # the worker is gone: nobody is left to tell
            serve(_Link(worker), stop_signal)


if __name__ == "__main__":
    main(int(sys.argv[1]))
