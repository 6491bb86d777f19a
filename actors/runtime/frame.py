"""Frames between a node and its child: 4 bytes of length, 1 byte of kind, a CBOR payload.

Shared by both sides (`child_offload.py` in the node, `child.py` in the child; and both sides of
the executor's children, which alone have the last three kinds), so it imports none of them.

===========  ==============  ================================================================
kind         direction       payload
===========  ==============  ================================================================
``START``    node → child    ``[target, init, search path]``, once, before everything else
``READY``    child → node    ``null``: the handler is made
``CALL``     node → child    the encoded batch
``RESULT``   child → node    the encoded results of the oldest open call
``ERROR``    child → node    ``[class name, code or null, sentence]`` instead of either answer
``SAID``     child → node    what a job says while it runs: JSON
``ASKED``    child → node    ``[number, verb, map]``: what a job asks while it runs
``ANSWERED`` node → child    ``[number, error or null, answer]``, in whatever order
===========  ==============  ================================================================
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Any, Final

import cbor2

from seriatim.formats.errors import LimitExceededError, MalformedError
from seriatim.formats.limits import FRAME_MAX_BYTES

_HEAD: Final = struct.Struct(">IB")


class Kind(IntEnum):
    """What a frame says."""

    START = 1
    READY = 2
    CALL = 3
    RESULT = 4
    ERROR = 5
    SAID = 6
    ASKED = 7
    ANSWERED = 8


def encode_frame(kind: Kind, payload: object) -> bytes:
    """Return the frame for *payload*, anything that CBOR can say.

    Raises:
        LimitExceededError: the payload passes `FRAME_MAX_BYTES`.
        TypeError: CBOR has no form for the payload.
    """
    try:
        body = cbor2.dumps(payload)
    except cbor2.CBORError as error:
        raise TypeError(f"cannot be said in CBOR: {error}") from error
    if len(body) > FRAME_MAX_BYTES:
        raise LimitExceededError("frame", given=len(body), maximum=FRAME_MAX_BYTES)
    return _HEAD.pack(len(body), kind) + body


class FrameReader:
    """Cuts a stream of bytes into frames."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, received: bytes | bytearray | memoryview) -> None:
        """Add what was *received*."""
        self._buffer += received

    def next_frame(self) -> tuple[Kind, Any] | None:
        """Return the next whole frame, or ``None`` until more is fed.

        Raises:
            LimitExceededError: a frame claims more than `FRAME_MAX_BYTES`.
            MalformedError: the kind is unknown, or the payload is not CBOR.
        """
        buffer = self._buffer
        if len(buffer) < _HEAD.size:
            return None
        length, kind = _HEAD.unpack_from(buffer)
        if length > FRAME_MAX_BYTES:
            raise LimitExceededError("frame", given=length, maximum=FRAME_MAX_BYTES)
        end = _HEAD.size + length
        if len(buffer) < end:
            return None
        with memoryview(buffer) as view:
            body = bytes(view[_HEAD.size : end])
        del buffer[:end]
        try:
            return Kind(kind), cbor2.loads(body)
        except (cbor2.CBORError, ValueError) as error:
            raise MalformedError(f"not a frame: {error}", code="bad_frame") from error
