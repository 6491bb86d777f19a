"""The child's side, run here: what it does with each kind of conversation."""

from __future__ import annotations

import signal
import socket
import sys
from typing import Any

import pytest

from seriatim.actors.runtime import child
from seriatim.actors.runtime.frame import FrameReader, Kind, encode_frame
from seriatim.formats.errors import MalformedError

TARGETS = "tests.unit.actors.runtime.child_targets"


def converse(*frames: bytes) -> tuple[int, list[tuple[Kind, Any]]]:
    """Send *frames*, close, and return the child's exit status and what it sent."""
    node, ours = socket.socketpair()
    with node, ours:
        node.sendall(b"".join(frames))
        node.shutdown(socket.SHUT_WR)
        status = child.serve(ours)
        ours.shutdown(socket.SHUT_WR)
        reader = FrameReader()
        while received := node.recv(1 << 16):
            reader.feed(received)
    answers = []
    while (frame := reader.next_frame()) is not None:
        answers.append(frame)
    return status, answers


def start_frame(factory: str) -> bytes:
    return encode_frame(Kind.START, [f"{TARGETS}:{factory}", b"init", sys.path])


def test_every_call_is_answered_before_the_child_ends() -> None:
    calls = [encode_frame(Kind.CALL, [number]) for number in range(3)]
    status, answers = converse(start_frame("echo"), *calls)
    assert status == 0
    assert answers == [
        (Kind.READY, None),
        *((Kind.RESULT, [[b"init", number]]) for number in range(3)),
    ]


def test_a_node_that_says_nothing_gets_nothing() -> None:
    assert converse() == (0, [])


def test_a_half_frame_is_the_end_of_the_node() -> None:
    assert converse(start_frame("echo"), encode_frame(Kind.CALL, [1])[:-1])[1] == [
        (Kind.READY, None)
    ]


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (encode_frame(Kind.CALL, [1]), "RuntimeError"),
        (start_frame("nothing_of_this_name"), "AttributeError"),
        (encode_frame(Kind.START, ["no.such.module:f", b"", sys.path]), "ModuleNotFoundError"),
        (encode_frame(Kind.START, 7), "TypeError"),
    ],
)
def test_a_start_that_fails_is_reported(frame: bytes, kind: str) -> None:
    status, answers = converse(frame)
    assert status == child.EXIT_NOT_STARTED
    ((answer, (name, code, _)),) = answers
    assert (answer, name, code) == (Kind.ERROR, kind, None)


def test_an_error_of_the_handler_keeps_its_code() -> None:
    _, answers = converse(start_frame("moody"), encode_frame(Kind.CALL, ["conflict"]))
    assert answers[1] == (
        Kind.ERROR,
        [
            "SlotConflictError",
            "slot_conflict",
            "process p: the next slot is 7, the append gave 5",
        ],
    )


def test_nonsense_from_the_node_ends_the_child() -> None:
    with pytest.raises(MalformedError):
        converse(start_frame("echo"), b"\x00\x00\x00\x01\xff\x00")


def test_a_child_whose_parent_is_gone_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the two lines that would change this very process left out."""
    node, ours = socket.socketpair()
    with node, ours, pytest.raises(SystemExit) as end:
        monkeypatch.setattr(sys, "platform", "other")
        monkeypatch.setattr(signal, "signal", lambda *_: None)
        child.main([str(ours.fileno()), "1"])
    assert end.value.code == child.EXIT_ORPHANED
