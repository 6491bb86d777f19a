"""Codecs: bytes to `Message` and back, two verbs, one file each.

A codec is found by its device name or by a content type; the registry is a value that the node
composes, so another package's codec needs no change here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from seriatim.formats.errors import UnsupportedError
from seriatim.formats.message import Message


@runtime_checkable
class Codec(Protocol):
    """One wire form of messages."""

    device: str
    """``name@version``."""
    content_type: str

    def encode(self, message: Message) -> bytes:
        """Return the bytes of *message*; the same message always gives the same bytes."""

    def decode(self, raw: bytes) -> Message:
        """Return the message in *raw*.

        Raises:
            FormatError: *raw* is not in this codec's form, or passes a bound.
        """


class CodecRegistry:
    """Codecs by device name and by content type."""

    def __init__(self, codecs: Iterable[Codec]) -> None:
        self._by_name: dict[str, Codec] = {}
        for codec in codecs:
            self._by_name[codec.device] = codec
            self._by_name[codec.content_type] = codec

    def get(self, name: str) -> Codec:
        """Return the codec with device or content type *name* (parameters are ignored).

        Raises:
            UnsupportedError: no such codec.
        """
        codec = self._by_name.get(name.partition(";")[0].strip().lower())
        if codec is None:
            known = ", ".join(sorted(self._by_name))
            raise UnsupportedError(f"no codec for {name[:64]!r}; known are {known}")
        return codec
