"""A node whose event loop was held: it heard nothing then, and thinks no worker lost for that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from seriatim.actors.queue.commands import Cancel, Remove, Report
from seriatim.actors.queue.machine import QueueMachine
from seriatim.formats.limits import JOB_ARGS_MAX_BYTES, JOB_LEASE_DEFAULT_MS, NODE_LATE_MS
from tests.support.queue_life import QUEUE, QueueLife
from tests.support.simulated_disk import Fate
from tests.support.stepped_queue import SteppedQueue
from tests.support.waiting import until, until_idle

pytestmark = pytest.mark.asyncio

Hold = Callable[[int], None]
LONG_MS = 10 * JOB_LEASE_DEFAULT_MS
SLOW_MS = 1_000


@pytest.fixture
def hold(monkeypatch: pytest.MonkeyPatch) -> Callable[[QueueLife], Hold]:
    """Have time pass for a life while no timer runs: its loop is held."""

    def held(life: QueueLife) -> Hold:
        real, past_ms = life.clock.monotonic_ms, 0

        def hold_for(held_ms: int) -> None:
            nonlocal past_ms
            past_ms += held_ms

        monkeypatch.setattr(life.clock, "monotonic_ms", lambda: real() + past_ms)
        return hold_for

    return held


async def passed(life: QueueLife, passed_ms: int) -> None:
    """Let time pass as it should, timer by timer."""
    end_ms = life.clock._clock.monotonic_ms() + passed_ms
    while (due_ms := life.clock.due_ms()) is not None and due_ms <= end_ms:
        life.clock.advance(milliseconds=due_ms - life.clock._clock.monotonic_ms())
        await until_idle()
    life.clock.advance(milliseconds=end_ms - life.clock._clock.monotonic_ms())
    await until_idle()


async def leased(hold: Callable[[QueueLife], Hold]) -> tuple[QueueLife, Hold]:
    """Return a life in which a worker has a job, and what holds its loop."""
    life = QueueLife()
    hold_for = hold(life)
    await life.submit({"id": "one"})
    await life.claim()
    return life, hold_for


async def test_no_worker_is_lost_while_its_node_is_deaf_and_it_is_heard_of_right_after(
    hold: Callable[[QueueLife], Hold],
) -> None:
    life = QueueLife()
    hold_for = hold(life)
    await life.submit({"id": "one"})
    [grant] = (await life.claim()).grants
    await until_idle()
    hold_for(LONG_MS)
    # By half of the lease, it looks: by then it has renewed itself, had it been heard.
    await passed(life, JOB_LEASE_DEFAULT_MS // 2)
    assert life.states() == {"leased": 1}
    await life.queues.report(QUEUE, Report("w", held=[(grant.id, grant.token)]))
    await passed(life, JOB_LEASE_DEFAULT_MS - 1)
    assert life.states() == {"leased": 1}
    await passed(life, 2)
    assert life.states() == {"pending": 1}, "it is lost where it is silent afterwards"


async def test_a_worker_that_is_gone_is_lost_though_its_node_was_deaf(
    hold: Callable[[QueueLife], Hold],
) -> None:
    life, hold_for = await leased(hold)
    await until_idle()
    hold_for(LONG_MS)
    await passed(life, JOB_LEASE_DEFAULT_MS + NODE_LATE_MS - 1)
    assert life.states() == {"leased": 1}
    await passed(life, 1)
    assert life.states() == {"pending": 1}


async def test_a_node_that_is_held_while_it_writes_is_as_deaf(
    hold: Callable[[QueueLife], Hold],
) -> None:
    life = QueueLife()
    hold_for = hold(life)
    await life.submit({"id": "one"})
    life.fates.append(Fate.SLOW)
    claiming = life.claim()
    await until(lambda: life.writer.slow == 1)
    hold_for(LONG_MS)
    life.writer.catch_up(1)
    await claiming
    await passed(life, JOB_LEASE_DEFAULT_MS - 1)
    assert life.states() == {"leased": 1}
    await passed(life, NODE_LATE_MS + 1)
    assert life.states() == {"pending": 1}


async def test_a_moment_is_no_excuse(hold: Callable[[QueueLife], Hold]) -> None:
    life, hold_for = await leased(hold)
    await until_idle()
    hold_for(NODE_LATE_MS)
    await passed(life, JOB_LEASE_DEFAULT_MS - NODE_LATE_MS)
    assert life.states() == {"pending": 1}


async def test_a_slow_disk_keeps_no_lease_of_a_worker_that_is_gone() -> None:
    """Who is heard while a slot is written is not unheard."""
    life = QueueLife()
    await life.submit({"id": "one"})
    await life.claim()
    await until_idle()
    for number in range(JOB_LEASE_DEFAULT_MS // SLOW_MS + 2):
        life.fates.append(Fate.SLOW)
        submitting = life.submit({"id": f"j{number}"})
        await until(lambda: life.writer.slow == 1)
        await passed(life, SLOW_MS)
        life.writer.catch_up(1)
        await submitting
    assert "leased" not in life.states()


async def test_a_queue_that_has_never_read_all_keeps_no_lease_of_a_worker_that_is_gone() -> None:
    full = [{"args": "x" * (JOB_ARGS_MAX_BYTES - 2)}] * 8  # more than a slot takes
    life = QueueLife()
    await life.submit({"id": "one", "lease_ms": 2 * SLOW_MS})
    await life.claim()
    await until_idle()
    life.fates.append(Fate.SLOW)
    submitting = [life.submit(*full) for _ in range(3)]
    for _ in range(6):
        await until(lambda: life.writer.slow == 1)
        await passed(life, SLOW_MS)
        submitting.append(life.submit(*full))
        await until_idle()
        life.fates.append(Fate.SLOW)
        life.writer.catch_up(1)
    await until(lambda: life.writer.slow == 1)
    assert not all(each.done() for each in submitting)
    assert "leased" not in life.states()
    life.writer.catch_up(1)
    await asyncio.wait(submitting)


@pytest.mark.parametrize(("unread_ms", "state"), [(0, "leased"), (1, "pending")])
async def test_a_word_that_is_unread_keeps_a_lease_that_held_when_it_came(
    unread_ms: int, state: str
) -> None:
    queue = SteppedQueue()
    queue.submit({"id": "one"})
    queue.lease()
    end_ms = queue.monotonic_ms + JOB_LEASE_DEFAULT_MS
    queue.pass_ms(2 * JOB_LEASE_DEFAULT_MS)
    queue.machine.begin(queue.wall_ms, queue.monotonic_ms)
    queue.machine.finish(end_ms + unread_ms)
    assert queue.job("one").state == state


async def test_a_look_that_comes_during_a_write_hides_no_standstill(
    hold: Callable[[QueueLife], Hold],
) -> None:
    life, hold_for = await leased(hold)
    await passed(life, JOB_LEASE_DEFAULT_MS // 2 - 10)
    life.fates.append(Fate.SLOW)
    submitting = life.submit({"id": "two"})
    await until(lambda: life.writer.slow == 1)
    await passed(life, 20)
    hold_for(LONG_MS)
    life.writer.catch_up(1)
    await submitting
    await until_idle()
    assert life.states() == {"leased": 1, "pending": 1}


async def test_a_queue_at_rest_is_not_deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks at nothing for hours, because there is nothing."""
    missed: list[int] = []
    monkeypatch.setattr(QueueMachine, "miss", lambda _, missed_ms: missed.append(missed_ms))
    life = QueueLife()
    await life.submit({"id": "one"})
    await life.queues.ask(QUEUE, Cancel("one", "enough"))
    await life.queues.ask(QUEUE, Remove("one"))
    await until_idle()
    life.clock.advance(milliseconds=LONG_MS)
    await life.submit({"id": "two"})
    assert missed == []
