"""Frames: cut anywhere, put together again; nonsense is refused."""

from __future__ import annotations

import struct

import pytest

from seriatim.actors.runtime import frame
from seriatim.actors.runtime.frame import FrameReader, Kind, encode_frame
from seriatim.formats.errors import LimitExceededError, MalformedError
from seriatim.formats.limits import FRAME_MAX_BYTES


def test_an_unknown_kind_is_refused() -> None:
    reader = FrameReader()
    reader.feed(struct.pack(">IB", 1, 99) + b"\x01")
    with pytest.raises(MalformedError) as refusal:
        reader.next_frame()
    assert refusal.value.code == "bad_frame"


@pytest.mark.parametrize("body", [b"", b"\xff", b"\x63ab"])
def test_a_payload_that_is_not_cbor_is_refused(body: bytes) -> None:
    reader = FrameReader()
    reader.feed(struct.pack(">IB", len(body), Kind.CALL) + body)
    with pytest.raises(MalformedError):
        reader.next_frame()


def test_a_length_over_the_limit_is_refused_before_its_bytes_come() -> None:
    reader = FrameReader()
    reader.feed(struct.pack(">IB", FRAME_MAX_BYTES + 1, Kind.CALL))
    with pytest.raises(LimitExceededError):
        reader.next_frame()


def test_the_limit_is_inclusive_on_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "FRAME_MAX_BYTES", 12)
    whole = encode_frame(Kind.CALL, bytes(11))
    reader = FrameReader()
    reader.feed(whole)
    assert reader.next_frame() == (Kind.CALL, bytes(11))
    with pytest.raises(LimitExceededError) as refusal:
        encode_frame(Kind.CALL, bytes(12))
    assert refusal.value.given == 13
