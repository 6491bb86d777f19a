"""A month of triggers, kills and clocks that jump: each nominal time once, and by its policy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings

from seriatim.actors.own_log import OwnLog
from seriatim.actors.triggers import firing
from seriatim.actors.triggers.firing import Firing
from seriatim.actors.triggers.rows import Where, change_rows
from seriatim.formats.schedule.submission import Submission
from seriatim.formats.triggers.definition import Definition, Misfire, Timing
from seriatim.formats.triggers.due import Miss, next_step
from seriatim.formats.triggers.progress import Progress
from seriatim.formats.wire.receipt import Receipt
from tests.support import drawn_triggers, trigger_month
from tests.support.drawn_triggers import ZONES
from tests.support.simulated_disk import Fate
from tests.support.trigger_month import BrokenMonthError, Month

SEED = 5
LIVES = 100 if settings.get_current_profile_name() == "nightly" else 10
FATES = {"fire", "coalesced", "too_old", "late"}


def check(month: Month) -> None:
    month.run()
    assert month.lives > 5
    assert month.ran
    assert month.steps.keys() >= FATES, "the seed draws too little"


@pytest.mark.slow
def test_each_nominal_time_of_a_month_is_decided_once_and_by_its_policy() -> None:
    check(Month(SEED, 300, ZONES[:1]))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, LIVES + 1))
def test_whatever_befalls_a_node_in_a_month(seed: int) -> None:
    Month(seed, 200, ZONES[:1]).run()


@pytest.mark.slow
@pytest.mark.long
def test_a_month_of_10_000_triggers() -> None:
    month = Month(1, 10_000, ZONES[:3])
    check(month)
    assert sum(month.steps.values()) > 50_000


Break = Callable[[pytest.MonkeyPatch], None]


def rows_come_later(monkeypatch: pytest.MonkeyPatch) -> None:
    async def place(own: OwnLog, submission: Submission) -> Receipt:
        receipt = await own._place(submission._replace(rows=()))
        await own.keep(submission.rows)
        return receipt

    monkeypatch.setattr(OwnLog, "place", place)


def fires_have_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    async def place(own: OwnLog, submission: Submission) -> Receipt:
        return await own._place(submission._replace(dedupe_key=b""))

    monkeypatch.setattr(OwnLog, "place", place)


def doubt_lets_others_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    # It takes somebody who writes while a slow commit is awaited no more.
    monkeypatch.setitem(trigger_month.FATES, Fate.SLOW, 60)

    async def place(own: OwnLog, submission: Submission) -> Receipt:
        return await own._place(submission)

    monkeypatch.setattr(OwnLog, "place", place)


def misses_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    async def miss(
        table: Firing, line: Any, missed: Miss, before: Progress, after: Progress
    ) -> None:
        await table._book.keep(change_rows(line.trigger, after, before, Where(bytes(32), b"")))

    monkeypatch.setattr(Firing, "_miss", miss)


def a_policy_is_taken_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    def step(timing: Timing, *rest: Any) -> Any:
        is_once = timing.misfire is Misfire.ONCE
        return next_step(timing._replace(misfire=Misfire.ALL) if is_once else timing, *rest)

    monkeypatch.setattr(firing, "next_step", step)


def a_job_is_taken_for_what_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    # It takes a submission that goes on when the next time of its trigger is due.
    monkeypatch.setattr(drawn_triggers, "JOBS_OFTEN", 1)

    async def makes_way(table: Firing, line: Any) -> bool:
        return True

    monkeypatch.setattr(Firing, "_makes_way", makes_way)
    monkeypatch.setattr(Definition, "may_overlap", True)


def intervals_wait_for_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firing, "is_elapsed", lambda timing, cursor_ms: False)


def instants_wait_for_no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firing, "is_elapsed", lambda timing, cursor_ms: True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        rows_come_later,
        fires_have_no_key,
        doubt_lets_others_go_first,
        misses_are_dropped,
        a_policy_is_taken_for_another,
        a_job_is_taken_for_what_lasts,
        intervals_wait_for_the_clock,
        instants_wait_for_no_clock,
    ],
)
def test_a_planted_fault_is_seen(monkeypatch: pytest.MonkeyPatch, fault: Break) -> None:
    fault(monkeypatch)
    with pytest.raises(BrokenMonthError):
        for seed in range(1, 6):
            Month(seed, 100, ZONES[:1]).run()
