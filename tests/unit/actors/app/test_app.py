"""Functions as jobs, from where they are declared to where their results are."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Any

import pytest

import seriatim
from seriatim.actors.app import rehearsal as rehearsal_room
from seriatim.actors.executor.context import JobContext
from seriatim.formats.errors import (
    DeadlineExceededError,
    JobError,
    MalformedError,
    NotFoundError,
    RefusedError,
    SchedulerError,
    StoppingError,
    TakenError,
)
from seriatim.formats.jobs.spec import read_asked
from seriatim.formats.jobs.state import JobState
from seriatim.testing import VirtualClock, rehearse
from tests.support.sample_app import (
    BEATS,
    Picture,
    add,
    apart,
    apart_fails,
    app,
    area,
    beating,
    endless,
    fail,
    grow,
    later,
    odd,
    total,
    who,
)
from tests.support.waiting import until_idle

pytestmark = pytest.mark.asyncio


async def test_a_job_stays_a_function() -> None:
    assert add(1, 2) == 3
    assert await later("x") == "x"
    assert getattr(add, "__name__") == "add"  # noqa: B009  # of the function below


async def test_a_result_comes_back_with_its_type(tmp_path: Path) -> None:
    async with app.open(tmp_path):
        assert await (await add.submit(1, second=2)) == 3
        assert await (await later.submit("é\0")) == "é\0"
        assert await (await area.submit(Picture("x", 2), 3)) == Picture("x", 6)
        assert await (await total.submit(1, 2, three=3)) == 6
        assert await (await fail.options(retries=0).submit("key")).state() in set(JobState)


async def test_handles_among_the_arguments_make_a_job_wait(tmp_path: Path) -> None:
    async with app.open(tmp_path) as running:
        first = await add.submit(1)
        second = await add.submit(first.output, first.output)
        third = await total.submit(second.output, x=first.output)
        assert await third == 3
        picture = await area.submit(Picture("x", 2), third.output)
        assert await picture == Picture("x", 6)
        assert (await picture.show())["spec"]["inputs"] == [third.id]
        await running.drain()


async def test_a_batch_is_submitted_in_any_order_all_or_none(tmp_path: Path) -> None:
    async with app.open(tmp_path):
        first = add.prepare(20)
        second = add.prepare(first.output, 1)
        handles = await app.submit(second, first)
        assert [await handle for handle in handles] == [21, 20]
        one = add.options(after=["two"], id="one").prepare(1)
        two = add.options(after=["one"], id="two").prepare(1)
        with pytest.raises(SchedulerError, match=r"one → two → one|two → one → two"):
            await app.submit(one, two)
        with pytest.raises(RefusedError, match="several queues"):
            await app.submit(first, apart.prepare("x", Picture("x", 1)))
        assert await app.submit() == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("x",), "first: Expected `int`, got `str`"),
        ((), "missing a required argument: 'first'"),
        ((1, 2, 3), "too many positional arguments"),
        ((1, object()), "second: "),
        ((2**70,), "first: "),
    ],
)
async def test_what_a_function_does_not_take_is_refused_at_once(
    tmp_path: Path, arguments: tuple[Any, ...], reason: str
) -> None:
    async with app.open(tmp_path, work=False):
        with pytest.raises(MalformedError) as raised:
            await add.submit(*arguments)
        assert raised.value.code == "bad_args"
        assert reason in str(raised.value)


async def test_a_function_that_raises_is_tried_again_and_then_fails(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with rehearse(app, tmp_path, clock=clock) as rehearsal:
        handle = await fail.submit("value")
        await rehearsal.settle()
        assert await handle.state() is JobState.SCHEDULED
        await rehearsal.pass_time(seconds=1)
        assert (await handle.show())["attempts"] == 2
        await rehearsal.drain()
        shown = await handle.show()
        assert shown["attempts"] == 3
        with pytest.raises(JobError, match="ValueError: value") as raised:
            await handle
        assert raised.value.error_type == "ValueError"
        assert "sample_app.py" in raised.value.traceback


@pytest.mark.parametrize("how", ["key", "exit"])
async def test_an_error_that_is_final_is_not_tried_again(tmp_path: Path, how: str) -> None:
    async with rehearse(app, tmp_path) as rehearsal:
        handle = await fail.submit(how)
        await rehearsal.drain()
        shown = await handle.show()
        assert (shown["state"], shown["attempts"]) == ("failed", 1)


async def test_a_result_that_is_none_fails_its_job_for_good(tmp_path: Path) -> None:
    async with rehearse(app, tmp_path) as rehearsal:
        handle = await odd.submit()
        await rehearsal.drain()
        with pytest.raises(JobError, match="object") as raised:
            await handle
        assert raised.value.code == "bad_result"


async def test_a_job_knows_itself(tmp_path: Path) -> None:
    async with app.open(tmp_path):
        handle = await who.submit()
        shown = await handle
        assert (shown["id"], shown["queue"], shown["attempt"]) == (handle.id, "default", 1)
        assert shown["slot"] > 0
        with pytest.raises(RefusedError, match="no job"):
            seriatim.current_job()


async def test_jobs_may_submit_jobs(tmp_path: Path) -> None:
    async with app.open(tmp_path) as running:
        await grow.submit(5)
        await running.drain()
        page = running.queues.reader.page("default", states=[JobState.DONE], kind="grow", limit=99)
        assert len(page.jobs) == 6


async def test_a_job_that_runs_is_cancelled(tmp_path: Path) -> None:
    async with app.open(tmp_path):
        handle = await endless.submit()
        with pytest.raises(DeadlineExceededError, match="within 50 ms; it goes on"):
            await handle.result(0.05)
        await handle.cancel("enough")
        with pytest.raises(JobError, match="enough") as raised:
            await handle
        assert raised.value.state == "cancelled"


async def test_a_job_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    async with rehearse(app, tmp_path) as rehearsal:
        handle = await endless.options(timeout="1 minute").submit()
        await rehearsal.pass_time(seconds=59)
        assert await handle.state() is JobState.LEASED
        await rehearsal.pass_time(seconds=1)
        with pytest.raises(JobError, match="60000 ms") as raised:
            await handle
        assert raised.value.code == "timeout"


async def test_a_job_that_is_silent_for_too_long_is_stopped(tmp_path: Path) -> None:
    async with rehearse(app, tmp_path) as rehearsal:
        handle = await beating.options(silence="10 seconds").submit(3)
        for passed in range(1, 4):
            await rehearsal.pass_time(seconds=9)
            assert await handle.state() is JobState.LEASED, passed
            BEATS.set()
            await rehearsal.settle()
        await rehearsal.pass_time(seconds=10)
        with pytest.raises(JobError, match="10000 ms") as raised:
            await handle
        assert raised.value.code == "silent"


async def test_a_function_runs_in_a_child_with_its_types_and_what_it_prints(tmp_path: Path) -> None:
    async with app.open(tmp_path / "data"):
        file = tmp_path / "out"
        handle = await apart.submit(str(file), Picture("p", 1))
        assert await handle == Picture("p", 2)
        assert file.read_text() == "p"
        assert await handle.logs() == "from a child\n"
        failing = await apart_fails.submit()
        with pytest.raises(JobError, match="in a child") as raised:
            await failing
        assert raised.value.error_type == "ValueError"
        assert (await failing.show())["attempts"] == 1


async def test_an_app_is_open_once(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="not open"):
        await add.submit(1)
    async with app.open(tmp_path):
        with pytest.raises(RefusedError, match="already"):
            async with app.open(tmp_path / "other"):
                raise AssertionError
    own = seriatim.App()

    @own.job
    def one() -> None: ...

    with pytest.raises(MalformedError, match="already"):
        own.job(type="one")(one)
    with pytest.raises(MalformedError, match="no option 'retrys'"):
        own.job(retrys=3)(one)  # type: ignore[call-overload]  # that is the point
    with pytest.raises(MalformedError, match="retries"):
        own.job(type="two", retries=-1)(one)


async def test_jobs_outlive_their_program(tmp_path: Path) -> None:
    async with app.open(tmp_path, work=False):
        handle = await add.options(id="kept").submit(40, 2)
        assert not handle.repeated
    async with app.open(tmp_path):
        again = await add.options(id="kept").submit(40, 2)
        assert again.repeated
        assert await again == await add.handle("kept") == 42


async def test_what_is_due_later_waits(tmp_path: Path) -> None:
    async with rehearse(app, tmp_path) as rehearsal:
        handle = await add.options(delay="1 hour").submit(1)
        await rehearsal.pass_time(minutes=59)
        assert await handle.state() is JobState.SCHEDULED
        rehearsal.assert_enqueued(add, times=1, first=1)
        with pytest.raises(AssertionError, match="found 0"):
            rehearsal.assert_enqueued(add, first=2)
        await rehearsal.pass_time(minutes=1)
        assert await handle == 1


async def test_a_worker_that_vanishes_loses_its_job_to_another(tmp_path: Path) -> None:
    async with rehearse(app, tmp_path) as rehearsal:
        handle = await endless.submit()
        await rehearsal.settle()
        first = await handle.show()
        await rehearsal.kill_worker()
        await rehearsal.pass_time(seconds=29)
        assert (await handle.show())["token"] == first["token"]
        await rehearsal.pass_time(seconds=1)
        shown = await handle.show()
        assert (shown["state"], shown["attempts"]) == ("leased", 2)
        assert shown["token"] > first["token"]
        assert shown["failures"][0]["code"] == "lost"
        await handle.cancel()


async def test_inline_a_job_has_run_when_it_is_submitted() -> None:
    with app.inline() as jobs:
        handle = await add.submit(1, 2)
        more = await add.submit(handle.output, 4)
        assert await more == 7
        failing = await fail.submit("value")
        with pytest.raises(JobError, match="value"):
            await failing
        assert [each.type for each in jobs.submitted] == ["add", "add", "fail"]


async def test_a_batch_may_not_wait_for_a_job_that_is_another_one(tmp_path: Path) -> None:
    async with app.open(tmp_path, work=False):
        kept = await add.options(unique="k").submit(1)
        again = await add.options(unique="k").submit(2)
        assert (again.id, again.repeated) == (kept.id, True)
        first = add.options(unique="k").prepare(3)
        with pytest.raises(TakenError, match=kept.id):
            await app.submit(first, add.prepare(first.output))
        one, two = add.options(unique="new").prepare(1), add.options(unique="new").prepare(2)
        with pytest.raises(TakenError, match=one.id):
            await app.submit(one, two, add.prepare(two.output))
        handles = await app.submit(one, two, add.prepare(one.output))
        assert handles[1].id == one.id


async def test_a_rehearsal_says_what_cannot_end_and_what_is_not_there(tmp_path: Path) -> None:
    async with rehearse(app, tmp_path) as rehearsal:
        began_ms = rehearsal.clock.monotonic_ms()
        child = await add.options(after=["nobody"]).submit(1)
        await add.options(after=[child], delay="1 hour").submit(2)
        with pytest.raises(AssertionError, match="nobody"):
            await rehearsal.drain()
        assert rehearsal.clock.monotonic_ms() == began_ms
        with pytest.raises(NotFoundError, match="default, heavy"):
            await rehearsal.kill_worker("nosuch")
        await child.cancel()
        await rehearsal.drain()


async def test_progress_is_a_number() -> None:
    context = JobContext({}, lambda _: None)
    for wrong in ("x", None, -1, 1.5, float("nan")):
        with pytest.raises(MalformedError) as raised:
            context.progress(wrong)  # type: ignore[arg-type]  # that is the point
        assert raised.value.code == "bad_progress"


async def test_a_job_may_wait_for_one_that_is_in_no_list(tmp_path: Path) -> None:
    async with app.open(tmp_path, work=False):
        first = await add.options(delay="1 hour").submit(1)
        for after in (first, first.id):
            child = await add.options(after=after).submit(2)
            assert (await child.show())["waits_for"] == [first.id]


async def test_what_a_job_waits_for_is_a_handle_or_an_id() -> None:
    with pytest.raises(MalformedError, match="after: expected handles, or ids, found 3") as raised:
        add.options(after=[3])  # type: ignore[list-item]  # that is the point
    assert raised.value.code == "bad_job"


async def test_a_rehearsal_sees_all_that_waits_however_much_that_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for others is looked at before what waits for a time."""
    monkeypatch.setattr(rehearsal_room, "PAGE_MAX", 2)
    app = seriatim.App()

    @app.job
    def step() -> None: ...

    async with rehearse(app, tmp_path) as rehearsal:
        first = await step.options(delay=5).submit()
        for _ in range(3):
            await step.options(after=[first]).submit()
        rehearsal.assert_enqueued(step, times=4)
        await rehearsal.drain()
        assert rehearsal.live() == []


@pytest.mark.parametrize("seconds", [None, 60])
async def test_who_waits_when_the_app_is_closed_hears_of_that(
    tmp_path: Path, seconds: float | None
) -> None:
    """And not that the time is over, nor that a file is closed."""
    async with app.open(tmp_path, work=False) as running:
        job = await add.submit(1)
        waiting = asyncio.ensure_future(job.result(seconds))
        draining = asyncio.ensure_future(running.drain())
        await until_idle()
    for each in (waiting, draining):
        with pytest.raises(StoppingError, match="the app was closed meanwhile"):
            await each


UNIQUES: list[tuple[Any, bool]] = [
    (True, True),
    (False, False),
    ("key", True),
    ({"window_ms": 3_600_000}, True),
    ({"key": "k", "states": ["done"]}, False),
]


@pytest.mark.parametrize(("unique", "is_same"), UNIQUES)
async def test_what_is_unique_is_so_for_who_submits_it_by_its_type(
    tmp_path: Path, unique: Any, *, is_same: bool
) -> None:
    own = seriatim.App()

    @own.job(unique=unique, retries=2, id="one", after=["nobody"])
    def job(number: int) -> None: ...

    async with own.open(tmp_path, work=False) as running:
        mine = await job.options(id="mine", after=[]).submit(1)
        asked = read_asked({"type": "job", "id": "theirs", "args": {"number": 1}})
        [theirs] = await own.access.submit("default", [asked])
        assert (theirs.id == mine.id) is is_same
        assert (await running.show(theirs.id))["spec"]["retries"] == 2
        assert (await running.show(theirs.id))["state"] == "pending"


async def test_what_is_not_prepared_is_not_submitted(tmp_path: Path) -> None:
    """A coroutine among it is closed: that nobody has awaited it would be no news."""
    async with app.open(tmp_path, work=False) as running:
        for slip in (add.submit(1), 5, add):
            for submit in (app.submit, running.submit):
                wrong: Any = [add.prepare(2), slip]
                with pytest.raises(MalformedError, match=r"f\.prepare\(…\)") as raised:
                    await submit(*wrong)
                assert raised.value.code == "bad_job"
        assert running.queues.reader.now("default").states == {}


@pytest.mark.parametrize("seconds", ["x", "5 minutes", math.nan, -math.inf, [1], 1e308, 10**309])
async def test_a_timeout_is_a_number(tmp_path: Path, seconds: Any) -> None:
    async with app.open(tmp_path, work=False) as running:
        handle = await add.submit(1)
        for waits in (handle.result(seconds), running.drain(seconds)):
            with pytest.raises(MalformedError, match="timeout: expected seconds") as raised:
                await waits
            assert raised.value.code == "bad_value"


async def test_settings_are_said_by_name(tmp_path: Path) -> None:
    async with app.open(tmp_path, work=False) as running:
        settings: Any = {"kept_ms": 5}
        with pytest.raises(MalformedError, match=r"set\('default', kept_ms=5_000\)") as raised:
            await running.set(settings)
        assert raised.value.code == "bad_settings"


async def test_what_is_asked_of_a_closed_app_is_answered_so(tmp_path: Path) -> None:
    """As of one that is connected, and as blocking code has it: no file is named."""
    async with app.open(tmp_path, work=False) as running:
        handle = await add.submit(1)
    asked: list[Any] = [handle.state, handle.show, handle.logs, handle.cancel, handle.retry]
    asked += [handle.result, lambda: handle.result(1), running.drain, running.set]
    for each in asked:
        with pytest.raises(StoppingError, match="is closed; open it again"):
            await each()


async def test_the_worker_of_the_only_queue_needs_no_name_to_be_killed(tmp_path: Path) -> None:
    own = seriatim.App()

    @own.job(queue="mail")
    async def send() -> None: ...

    async with rehearse(own, tmp_path) as rehearsal:
        (first,) = rehearsal.running.workers
        await rehearsal.kill_worker()
        (second,) = rehearsal.running.workers
        assert (first.queue, second.queue) == ("mail", "mail")
        assert first is not second
