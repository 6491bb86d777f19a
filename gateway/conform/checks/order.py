"""Claims about places: which message has which slot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from hypothesis import strategies as st

from seriatim.gateway.conform.check import BOTH, Check
from seriatim.gateway.conform.claim import expect, expect_equal
from seriatim.gateway.conform.faces.face import Face, Sent

_REFUSALS: Final = (400, 409)
"""What a node may say to a message that it has: an ao unit says 400."""


class Reposts(NamedTuple):
    """Send *messages* messages, then those with the numbers *again* once more; 0 is the spawn."""

    messages: int
    again: Sequence[int]


def slots_have_no_gap(face: Face, turns: Sequence[int]) -> None:
    """Send a message to one of two processes at each turn, then read both."""
    processes = [face.spawn().id for _ in range(max(turns, default=0) + 1)]
    for turn in turns:
        face.send(processes[turn])
    for number, process in enumerate(processes):
        slots = [entry.slot for entry in face.entries(process)]
        expect_equal("the slots of a process", slots, list(range(turns.count(number) + 1)))


def messages_keep_their_order(face: Face, count: int) -> None:
    """Send messages one after another, then read them."""
    spawn = face.spawn()
    sent = [spawn.id, *(face.send(spawn.id).id for _ in range(count))]
    entries = face.entries(spawn.id)
    expect_equal("the messages in slot order", [entry.message_id for entry in entries], sent)
    stamps = [entry.timestamp_ms for entry in entries]
    expect(stamps == sorted(stamps), f"timestamps that fall: {stamps}")


def a_repost_takes_no_slot(face: Face, plan: Reposts) -> None:
    """Send some messages again, then read the schedule."""
    spawn = face.spawn()
    sent = [spawn, *(face.send(spawn.id) for _ in range(plan.messages))]
    for number in plan.again:
        post_again(face, sent[number % len(sent)])
    found = [entry.message_id for entry in face.entries(spawn.id)]
    expect_equal("the messages in slot order", found, [each.id for each in sent])


def post_again(face: Face, sent: Sent) -> None:
    """Send again what the node has; it is refused, or told the slot that it was told."""
    reply = face.post(sent.message)
    if reply.status not in _REFUSALS:
        expect_equal("the slot told again", face.accepted(sent.message, reply).slot, sent.slot)


def racing_copies_take_one_slot(face: Face, copies: int) -> None:
    """Send one message several times at once."""
    process = face.spawn().id
    message = face.new_message(process)
    replies = face.talk.send_at_once([face.posting(message)] * copies)
    taken = [reply for reply in replies if reply.status not in _REFUSALS]
    expect(taken, "every copy was refused")
    told = {face.accepted(message, reply).slot for reply in taken}
    expect(len(told) == 1, f"one message was told the slots {told}")
    found = [entry.slot for entry in face.entries(process)]
    expect_equal("the slots of a process with one message", found, [0, 1])


def send_at_once(face: Face, process: str, count: int) -> list[Sent]:
    """Send *count* messages to *process* at once; all have to be taken."""
    messages = [face.new_message(process) for _ in range(count)]
    replies = face.talk.send_at_once([face.posting(message) for message in messages])
    return [face.accepted(each, reply) for each, reply in zip(messages, replies, strict=True)]


def concurrent_messages_all_get_a_slot(face: Face, count: int) -> None:
    """Send several messages at once; each has to be where its own reply says."""
    process = face.spawn().id
    sent = send_at_once(face, process, count)
    entries = face.entries(process)
    expect_equal("the slots", [entry.slot for entry in entries], list(range(count + 1)))
    places = {entry.message_id: entry.slot for entry in entries}
    for each in sent:
        expect(each.id in places, f"message {each.id} was acknowledged, and has no slot")
        if each.slot is not None:
            expect_equal(f"the slot told for {each.id}", each.slot, places[each.id])


CHECKS: Final = (
    Check(
        "slots",
        "The slots of a process are 0, 1, 2, …: no gap, none twice, the spawn has slot 0.",
        "ao unit, nonces of a process; HyperBEAM ~scheduler@1.0, slot",
        BOTH,
        st.lists(st.integers(0, 1), max_size=8),
        slots_have_no_gap,
    ),
    Check(
        "order",
        "Messages that are sent one after another have that order, and timestamps do not fall.",
        "ao unit, lock of a process; HyperBEAM, one server for a process",
        BOTH,
        st.integers(0, 6),
        messages_keep_their_order,
    ),
    Check(
        "repost",
        "A signed message that is sent again takes no second slot.",
        "ao unit, 'Message already exists'; seriatim, docs/guarantees.md",
        BOTH,
        st.builds(Reposts, st.integers(0, 3), st.lists(st.integers(0, 3), min_size=1, max_size=4)),
        a_repost_takes_no_slot,
    ),
    Check(
        "race",
        "Copies of one signed message that come at once take one slot.",
        "ao unit, lock of a process before the look-up; seriatim, docs/guarantees.md",
        BOTH,
        st.integers(2, 6),
        racing_copies_take_one_slot,
    ),
    Check(
        "concurrency",
        "Messages that come at once are all acknowledged, and each has a slot of its own.",
        "ao unit, lock of a process; HyperBEAM, one server for a process",
        BOTH,
        st.integers(2, 10),
        concurrent_messages_all_get_a_slot,
    ),
)
