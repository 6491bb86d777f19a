"""The pure machine: every row of its table."""

from __future__ import annotations

import pytest

from seriatim.actors.scheduler.machine import Machine, Placed, Waiting
from seriatim.formats.errors import NotFoundError, RefusedError, UnsupportedSchemeError
from seriatim.formats.schedule.assignment import Block
from seriatim.formats.schedule.record import Head
from seriatim.formats.schedule.submission import Submission, submit_reference
from seriatim.formats.schedule.variant import Variant
from tests.support.builders import message, messages, spawn, unsigned
from tests.support.hyperbeam import http_submission
from tests.support.records import make_id

SPAWN = spawn(Variant.LEGACY)
PROCESS = SPAWN.process
HEAD = Head(4, Variant.HYPERBEAM, 900, bytes(32), bytes(32))


def submit(machine: Machine, submission: Submission, now_ms: int = 1_000) -> Placed | Waiting:
    return machine.submit(
        submission, variant_default=Variant.NATIVE, signs_http=True, now_ms=now_ms, block=Block()
    )


def slot_of(outcome: Placed | Waiting) -> int:
    return outcome.draft.slot


def is_idle(machine: Machine) -> bool:
    """Tell whether everything that was assigned is durable."""
    return machine._pending is None


def test_an_empty_process_takes_a_spawn_only_and_stays_empty() -> None:
    machine = Machine(PROCESS, None)
    with pytest.raises(NotFoundError):
        submit(machine, message(PROCESS, "too early"))
    assert (machine.slot_next, machine.variant, is_idle(machine)) == (0, None, True)
    outcome = submit(machine, SPAWN)
    assert isinstance(outcome, Placed)
    assert (outcome.draft.slot, outcome.draft.variant) == (0, Variant.LEGACY)
    assert slot_of(submit(machine, message(PROCESS, "now"))) == 1


def test_a_spawn_without_a_variant_gets_the_default() -> None:
    submission = spawn(None)
    submit(machine := Machine(submission.process, None), submission)
    assert machine.variant is Variant.NATIVE


def test_it_goes_on_after_the_head_of_the_store() -> None:
    outcome = submit(Machine(PROCESS, HEAD), message(PROCESS, "next"), now_ms=10)
    assert isinstance(outcome, Placed)
    draft = outcome.draft
    assert (draft.slot, draft.variant, draft.timestamp_ms) == (5, Variant.HYPERBEAM, 901)


def test_a_signed_message_waits_for_its_first_slot_until_that_is_durable() -> None:
    machine = Machine(PROCESS, HEAD)
    first, second = messages(PROCESS, 2)
    given = [submit(machine, each).draft for each in (first, second)]
    assert [draft.slot for draft in given] == [5, 6]
    assert submit(machine, first) == Waiting(given[0])
    machine.settle(5)
    assert submit(machine, second) == Waiting(given[1])
    idle = [is_idle(machine)]
    for _ in range(2):
        machine.settle(6)
        idle.append(is_idle(machine))
    assert idle == [False, True, True]
    assert machine.slot_next == 7


@pytest.mark.parametrize(
    "submission", [unsigned(PROCESS, "x"), submit_reference(PROCESS, make_id("elsewhere"))]
)
def test_what_is_not_signed_takes_a_slot_every_time(submission: Submission) -> None:
    machine = Machine(PROCESS, HEAD)
    assert [slot_of(submit(machine, submission)) for _ in range(3)] == [5, 6, 7]
    idle = []
    for slot in (6, 7):
        machine.settle(slot)
        idle.append(is_idle(machine))
    assert idle == [False, True]


def test_other_bytes_under_an_id_that_waits_are_refused() -> None:
    machine = Machine(PROCESS, HEAD)
    submission = message(PROCESS, "mine")
    submit(machine, submission)
    with pytest.raises(RefusedError) as caught:
        submit(machine, submission._replace(message=b"not mine"))
    assert caught.value.code == "id_taken"
    assert machine.slot_next == 6


@pytest.mark.parametrize("now_ms", [-1, 0, 899, 900, 901, 5_000])
def test_timestamps_rise_strictly_whatever_the_clock_says(now_ms: int) -> None:
    machine = Machine(PROCESS, HEAD)
    stamps = []
    for each in messages(PROCESS, 3):
        outcome = submit(machine, each, now_ms=now_ms)
        assert isinstance(outcome, Placed)
        stamps.append(outcome.draft.timestamp_ms)
    first = max(now_ms, 901)
    assert stamps == [first, first + 1, first + 2]


@pytest.mark.parametrize(
    ("variant", "signs_http", "is_taken"),
    [
        (Variant.HYPERBEAM, True, True),
        (Variant.HYPERBEAM, False, False),
        (Variant.LEGACY, True, False),
        (Variant.NATIVE, False, True),
    ],
)
def test_an_http_message_is_taken_where_its_assignment_can_be_made(
    variant: Variant, *, signs_http: bool, is_taken: bool
) -> None:
    machine = Machine(PROCESS, HEAD._replace(variant=variant))

    def place(submission: Submission) -> Placed | Waiting:
        return machine.submit(
            submission,
            variant_default=Variant.NATIVE,
            signs_http=signs_http,
            now_ms=1_000,
            block=Block(),
        )

    if is_taken:
        assert slot_of(place(http_submission(PROCESS, b"x"))) == 5
        return
    with pytest.raises(UnsupportedSchemeError):
        place(http_submission(PROCESS, b"x"))
    assert slot_of(place(message(PROCESS, "a data item"))) == 5, "no slot was used up"
