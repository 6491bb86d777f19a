"""Keeping beats: the last of each worker, some times a second, and no more than fit."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import seriatim
from seriatim.actors.executor.context import current_job
from seriatim.actors.queue import beats as module
from seriatim.actors.queue.beats import LastBeats, machine_boot
from seriatim.actors.runtime.clock import ManualClock
from seriatim.actors.runtime.virtual_clock import VirtualClock
from seriatim.formats.errors import StoreError
from seriatim.formats.jobs.job import Job, Order
from seriatim.formats.jobs.state import JobState
from seriatim.formats.jobs.status import RunningJob
from seriatim.formats.limits import (
    BEATS_KEPT_MS,
    BEATS_WRITE_MS,
    WORKER_BEAT_MS,
    WORKER_NAME_MAX_BYTES,
)
from seriatim.formats.monitor.beat import read_beats
from seriatim.store.beats import BeatStore
from tests.support.statuses import status_of
from tests.support.waiting import until_idle


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(now_ms=1_000_000)


def last_beats(tmp_path: Path, clock: ManualClock) -> LastBeats:
    return LastBeats(BeatStore.open_writer(tmp_path / "beats", boot="b"), clock)


def kept(tmp_path: Path) -> dict[str, int]:
    reader = BeatStore.open_reader(tmp_path / "beats")
    found = {beat.status.worker: beat.status.beat for beat in read_beats(reader.all())}
    reader.close()
    return found


def job_of(worker: str, token: int) -> Job:
    job = Job("j1", "render", {}, Order(1, 0), 0, JobState.LEASED)
    job.worker, job.token = worker, token
    return job


def test_many_beats_are_one_write_and_the_last_of_each_is_kept(
    tmp_path: Path, clock: ManualClock
) -> None:
    beats = last_beats(tmp_path, clock)
    for number in range(1, 4):
        beats.note(status_of("a", number))
    beats.note(status_of("b", 7))
    clock.advance(BEATS_WRITE_MS)
    assert clock.due_ms() is None  # nothing more is to be written
    beats.close()
    assert kept(tmp_path) == {"a": 3, "b": 7}


def test_what_waits_is_known_at_once_and_written_at_the_end(
    tmp_path: Path, clock: ManualClock
) -> None:
    beats = last_beats(tmp_path, clock)
    beats.note(status_of("a", 1, RunningJob("j1", "render", 5, 0.25, "half of a half")))
    found = beats.running(job_of("a", 5))
    assert found is not None
    assert (found.fraction, found.note) == (0.25, "half of a half")
    assert beats.running(job_of("a", 6)) is None, "of another attempt"
    assert beats.running(job_of("nobody", 5)) is None
    beats.close()
    again = last_beats(tmp_path, clock)
    found = again.running(job_of("a", 5))
    assert found is not None
    assert found.fraction == 0.25, "the last known survives a restart"
    again.close()


def test_a_worker_that_has_left_is_forgotten(tmp_path: Path, clock: ManualClock) -> None:
    beats = last_beats(tmp_path, clock)
    beats.note(status_of("a", 1))
    clock.advance(BEATS_WRITE_MS)
    beats.note(status_of("a", 2, has_left=True))
    assert beats.last("a") is None
    beats.close()
    assert kept(tmp_path) == {}


def test_who_was_not_heard_of_for_long_is_forgotten(tmp_path: Path, clock: ManualClock) -> None:
    beats = last_beats(tmp_path, clock)
    beats.note(status_of("old"))
    clock.advance(BEATS_KEPT_MS)
    beats.note(status_of("young"))
    clock.advance(BEATS_WRITE_MS)
    assert beats.last("old") is None
    beats.close()
    assert kept(tmp_path) == {"young": 1}


def test_of_too_many_the_one_heard_longest_ago_makes_room(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WORKERS_MAX", 2)
    beats = last_beats(tmp_path, clock)
    for name in ("a", "b", "a", "c"):
        beats.note(status_of(name))
        clock.advance(BEATS_WRITE_MS)
    beats.close()
    assert kept(tmp_path) == {"a": 1, "c": 1}


def test_what_cannot_be_kept_harms_nobody(
    tmp_path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    beats = last_beats(tmp_path, clock)
    beats.note(status_of("w" * (WORKER_NAME_MAX_BYTES + 1)))
    beats.note(status_of(""))
    beats.store._environment.close()
    beats.note(status_of("a"))
    clock.advance(BEATS_WRITE_MS)
    assert "are not kept" in caplog.text


def test_one_beat_that_cannot_be_written_takes_no_other_along(
    tmp_path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    beats = last_beats(tmp_path, clock)
    beats.note(status_of("good"))
    beats.note(status_of("bad", 1, RunningJob("j1", "render", 5, 0.25, "caf\udce9")))
    clock.advance(BEATS_WRITE_MS)
    assert "a heartbeat of worker bad is not kept" in caplog.text
    beats.close()
    assert kept(tmp_path) == {"good": 1}


def test_who_is_too_old_is_forgotten_though_the_disk_has_failed_meanwhile(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats = last_beats(tmp_path, clock)
    beats.note(status_of("old"))
    clock.advance(BEATS_KEPT_MS)
    with monkeypatch.context() as patched:
        patched.setattr(BeatStore, "change", _fail)
        beats.note(status_of("young"))
        clock.advance(BEATS_WRITE_MS)
    beats.note(status_of("young", 2))
    clock.advance(BEATS_WRITE_MS)
    beats.close()
    assert kept(tmp_path) == {"young": 2}


def _fail(*_: object) -> None:
    raise StoreError("the disk is full")


def test_a_damaged_beat_is_left_out(tmp_path: Path, clock: ManualClock) -> None:
    store = BeatStore.open_writer(tmp_path / "beats", boot="b")
    store.change([("a", b"{")])
    beats = LastBeats(store, clock)
    assert beats.last("a") is None
    beats.close()


def test_the_machine_says_which_run_it_is_in() -> None:
    assert machine_boot() == machine_boot()


def test_a_job_shows_how_far_it_has_come_and_its_worker_leaves_at_the_end(tmp_path: Path) -> None:
    app = seriatim.App()
    begun, go_on = asyncio.Event(), asyncio.Event()

    @app.job
    async def render() -> None:
        current_job().progress(0.5, "half")
        begun.set()
        await go_on.wait()

    async def main() -> None:
        clock = VirtualClock()
        async with app.open(tmp_path, clock=clock) as running:
            handle = await render.submit()
            await begun.wait()
            clock.advance(milliseconds=WORKER_BEAT_MS)
            await until_idle()
            shown = await running.show(handle.id)
            assert shown["progress"] == {"fraction": 0.5, "note": "half"}
            go_on.set()
            await handle

    asyncio.run(main())
    assert kept(tmp_path) == {}
