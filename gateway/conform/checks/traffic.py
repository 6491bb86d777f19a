"""A claim about everything at once: whatever comes in whatever order, a process is a list."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from hypothesis import strategies as st

from seriatim.gateway.conform.check import BOTH, Check
from seriatim.gateway.conform.checks.order import post_again, send_at_once
from seriatim.gateway.conform.claim import expect_equal
from seriatim.gateway.conform.faces.face import Face, Sent

_PROCESSES: Final = 2
_BURST_MAX: Final = 4


class Action(StrEnum):
    """One thing that a client does."""

    READ = "read"
    SEND = "send"
    AGAIN = "again"
    BURST = "burst"


class Turn(NamedTuple):
    """An *action* on one of the processes; *number* says which message, or how many."""

    action: Action
    process: int
    number: int


def traffic_makes_lists(face: Face, turns: Sequence[Turn]) -> None:
    """Do everything in turn, with a list beside each process that says what is in it."""
    processes = 1 + max((turn.process for turn in turns), default=0)
    lists = [[face.spawn()] for _ in range(processes)]
    for turn in turns:
        _act(face, lists[turn.process], turn)
    for sent in lists:
        _compare(face, sent)


def _act(face: Face, sent: list[Sent], turn: Turn) -> None:
    process = sent[0].id
    if turn.action is Action.READ:
        _compare(face, sent)
    elif turn.action is Action.SEND:
        sent.append(face.send(process))
    elif turn.action is Action.AGAIN:
        post_again(face, sent[turn.number % len(sent)])
    else:
        sent += _burst(face, process, len(sent), 2 + turn.number % (_BURST_MAX - 1))


def _burst(face: Face, process: str, first: int, count: int) -> list[Sent]:
    """Send *count* messages at once; return them in the order that they have from *first* on."""
    by_id = {each.id: each for each in send_at_once(face, process, count)}
    found = [entry.message_id for entry in face.entries(process)[first:]]
    expect_equal("the messages that came at once", set(found), set(by_id))
    return [by_id[message_id] for message_id in found]


def _compare(face: Face, sent: Sequence[Sent]) -> None:
    found = [(entry.slot, entry.message_id) for entry in face.entries(sent[0].id)]
    expect_equal("slots and messages", found, [(at, each.id) for at, each in enumerate(sent)])


CHECKS: Final = (
    Check(
        "traffic",
        "Whatever comes, in whatever order, every process reads as the list of its messages.",
        "seriatim, docs/guarantees.md; what compute units take for granted",
        BOTH,
        st.lists(
            st.builds(
                Turn,
                st.sampled_from(Action),
                st.integers(0, _PROCESSES - 1),
                st.integers(0, _BURST_MAX),
            ),
            max_size=8,
        ),
        traffic_makes_lists,
    ),
)
