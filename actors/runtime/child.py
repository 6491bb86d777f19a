"""The child's side of `ChildOffload`: ``python -m seriatim.actors.runtime.child FD PARENT``.

Makes the handler that the first frame names, then answers one call after the other until the node
closes the socket. It decides nothing about its own end: it ignores SIGINT and SIGTERM, because
the node stops its parts in order, and it is killed with the node that started it.

Imports neither pykka nor asyncio: a child is its handler and little else.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any, Final

from seriatim.actors.runtime.frame import FrameReader, Kind, encode_frame
from seriatim.formats.errors import SchedulerError

_READ_BYTES: Final = 1 << 18
_PR_SET_PDEATHSIG: Final = 1

EXIT_ORPHANED: Final = 70
EXIT_NOT_STARTED: Final = 71

Handler = Callable[[Any], Any]


def serve(node: socket.socket) -> int:
    """Talk to *node* until it closes its side; return the exit status.

    What the handler raises is answered as an ``ERROR`` frame, and the child goes on: whether
    it can be trusted any more is for the node to say. KeyboardInterrupt and its like end it.
    """
    reader = FrameReader()
    frame = _receive(node, reader)
    if frame is None:
        return 0
    try:
        handler = _make_handler(frame)
    except Exception as error:  # noqa: BLE001  # whatever it is, the node has to know
        node.sendall(_error_frame(error))
        return EXIT_NOT_STARTED
    node.sendall(encode_frame(Kind.READY, None))
    while (frame := _receive(node, reader)) is not None:
        node.sendall(_answer(handler, frame[1]))
    return 0


def _make_handler(frame: tuple[Kind, Any]) -> Handler:
    kind, payload = frame
    if kind is not Kind.START:
        raise RuntimeError(f"the first frame is {kind.name}")
    target, init, search_path = payload
    sys.path[:] = search_path
    module, _, factory = target.partition(":")
    handler: Handler = getattr(importlib.import_module(module), factory)(init)
    return handler


def _answer(handler: Handler, batch: object) -> bytes:
    try:
        return encode_frame(Kind.RESULT, handler(batch))
    except Exception as error:  # noqa: BLE001  # every call is answered
        return _error_frame(error)


def _error_frame(error: Exception) -> bytes:
    code = error.code if isinstance(error, SchedulerError) else None
    return encode_frame(Kind.ERROR, [type(error).__name__, code, str(error)])


def _receive(node: socket.socket, reader: FrameReader) -> tuple[Kind, Any] | None:
    """Return the next frame, or ``None`` when the node has closed its side or is gone."""
    while (frame := reader.next_frame()) is None:
        try:
            received = node.recv(_READ_BYTES)
        except ConnectionError:
            return None
        if not received:
            return None
        reader.feed(received)
    return frame


def _die_with(parent: int) -> None:
    """Have the kernel kill this child when the thread that started it ends (Linux only).

    Elsewhere, and for a child between two calls, the end of the socket does the same.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # The node ended before the line above took effect.
        sys.exit(EXIT_ORPHANED)


def main(arguments: list[str]) -> int:
    """Run the child; *arguments* are the socket's descriptor and the node's OS process id."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    descriptor, parent = (int(argument) for argument in arguments)
    _die_with(parent)
    with socket.socket(fileno=descriptor) as node:
        node.set_inheritable(False)  # what the handler starts must not keep the link open
        try:
            return serve(node)
        except ConnectionError:
            # The node is gone while it was being answered: nobody is left to tell.
            return EXIT_ORPHANED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
