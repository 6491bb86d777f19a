"""A queue and its model side by side: each slot is made by both, and they have to agree."""

from __future__ import annotations

from collections import Counter
from itertools import count
from typing import Any

import orjson

from seriatim.actors.queue import commands as c
from seriatim.actors.queue.waiting import Waiter
from seriatim.formats.errors import SchedulerError
from seriatim.formats.jobs.job import decode_row
from seriatim.formats.jobs.rows import Path
from seriatim.formats.jobs.spec import Asked
from seriatim.formats.limits import QUEUE_WANTED_PAUSE_MS
from tests.support.queue_model import QueueModel
from tests.support.queue_model_job import ENDED, LIVE, ModelJob
from tests.support.queue_model_state import Now
from tests.support.stepped_queue import QUEUE, Fate, SteppedQueue

BATCHES_IN_VAIN_MAX = 64
ROUNDS = 8


class QueueRun:
    """One life of a queue beside its model.

    Attributes:
        queue: the product's.
        model: what it has to do.
        held: what each worker knows to have.
        old: every lease that there ever was.
        asked: everything that was ever submitted, or refused.
    """

    def __init__(self, seen: Counter[str]) -> None:
        self.queue = SteppedQueue()
        self.model = QueueModel()
        self.model.seen = seen
        self.held: dict[str, dict[str, int]] = {}
        self.old: list[c.Held] = []
        self.asked: list[Asked] = []
        self._waiters: dict[int, Waiter] = {}
        self._numbers = count()
        self._ahead_ms: int | None = None

    # What happens.

    def turn(self, *commands: c.Command, fate: Fate = Fate.WRITTEN) -> None:
        """Make a slot of *commands* on both sides, and compare."""
        queue = self.queue
        before, events_before = self.model.copy(), len(queue.slots)
        machine = queue.machine
        numbers = [next(self._numbers) for _ in commands]
        answers = queue.batch(*commands, fate=fate)
        self.model.chance = queue.chance
        now = self._now()
        self._ahead_ms = now.at_ms - now.monotonic_ms
        assert machine.fold.at_ms == now.at_ms, "the time of a queue goes on"
        self.model.begin(machine.fold.slot, now)
        for command, answer, number in zip(commands, answers, numbers, strict=True):
            if isinstance(answer, Waiter):
                self._waiters[number] = answer
            expected = self.model.do(command, number)
            self._check_answer(answer, expected)
        for event in machine.events:
            if event["event"] == "forgotten" and "index" in event:
                self._forget(event["jobs"])
        self.model.finish()
        self._check_answered(is_heard=fate is Fate.WRITTEN)
        if machine.events:
            ended = {job.id for job in queue.ended}
            assert ended <= {job.id for job in self.model.in_state(*ENDED)} | self._forgotten(
                machine
            )
        if fate is Fate.FAILED:
            self.model.seen["a slot has failed"] += bool(machine.events)
            self.model = before
            self._drop()
        elif fate is Fate.DOUBTFUL:
            self.model.seen["a slot is in doubt"] += bool(machine.events)
            self._drop()
        assert len(queue.slots) - events_before == bool(machine.events and fate is not Fate.FAILED)
        self._check_rows()

    def restart(self) -> None:
        """End the node, and begin another one."""
        self.queue.restart()
        self._ahead_ms = None
        self._drop()
        self.model.end_node()
        self.model.seen["a restart"] += 1

    def withdraw(self) -> None:
        """Have the claim that has waited longest wait no longer."""
        if self.model.waiters:
            number, _ = self.model.waiters.pop(0)
            self.queue.machine.waiting.withdraw(self._waiters.pop(number))
            self.model.seen["a claim has waited long enough"] += 1

    def settle(self) -> None:
        """Make batches for as long as there is something to do at once; it ends."""
        for _ in range(BATCHES_IN_VAIN_MAX):
            if self.check_wake() != 0:
                return
            before = self._progress()
            self.turn()
            assert self._progress() != before or self.check_wake() != 0, "a hot loop"
        raise AssertionError("it never comes to rest")

    def _progress(self) -> tuple[object, ...]:
        """Return what changes while there is something to do."""
        retention = self.queue.machine.retention
        looked = retention.after, retention.is_at_end, retention.again_ms
        return len(self.queue.slots), *looked

    def finish(self) -> None:
        """Check what has to hold at the end: the log says it all, and nothing is kept for ever."""
        self.turn(c.Change({"kept_ms": 10}))
        for _ in range(ROUNDS):
            self.queue.pass_ms(2 * QUEUE_WANTED_PAUSE_MS)
            self.turn()
            self.settle()
        for job in self.model.in_state(*ENDED):
            is_old = job.ended_ms + 10 + QUEUE_WANTED_PAUSE_MS < self.model.now_ms
            assert not is_old or self.model.is_wanted(job.id), f"{job.id} is kept for ever"
        rows = self.queue.rows()
        rows = {path: row for path, row in rows.items() if path[2] != "output"}
        assert self.queue.replayed() == rows, "the rows are what the log says"
        assert list(self.queue.replayed()) == list(self.queue.replayed())

    # Comparing.

    def check_wake(self) -> int | None:
        """Return when the queue wants to be looked at: in time for whatever the time brings."""
        queue, model = self.queue, self.model
        wake_ms = queue.machine.wake_ms(queue.wall_ms, queue.monotonic_ms)
        if model.is_new:  # it has not begun
            return None
        now = self._now()
        latest = [
            job.due_ms - (now.wall_ms if job.waits_for_instant else now.at_ms)
            for job in model.in_state("scheduled")
        ]
        latest += [
            job.deadline_ms - queue.wall_ms
            for job in model.in_state(*LIVE)
            if job.deadline_ms is not None and not job.cancelling
        ]
        latest += [
            model.lease_ends[job.id] - queue.monotonic_ms for job in model.in_state("leased")
        ]
        for job in model.in_state("pending"):
            bucket = model.bucket(job.type)
            is_wanted = any(each.room and model.wants(each, job) for _, each in model.waiters)
            if bucket is not None and is_wanted and model.has_room_but_for_rate(job):
                model.seen["a rate wakes"] += 1
                latest.append(bucket.free_ms() - now.at_ms)
        if latest:
            assert wake_ms is not None, "it sleeps for ever"
            assert wake_ms <= max(min(latest), 0), "it sleeps too long"
        return wake_ms

    def _now(self) -> Now:
        """Return what time it is: by the wall clock, or as much later as has passed since."""
        queue = self.queue
        at_ms = max(queue.wall_ms, self.model.now_ms)
        if self._ahead_ms is not None:
            at_ms = max(at_ms, queue.monotonic_ms + self._ahead_ms)
        return Now(at_ms, queue.wall_ms, queue.monotonic_ms)

    def _check_answer(self, answer: Any, expected: Any) -> None:
        if isinstance(expected, frozenset):
            assert isinstance(answer, SchedulerError), f"expected one of {set(expected)}"
            assert answer.code in expected
        elif isinstance(answer, c.Reported):
            assert (set(answer.refused), set(answer.lost), set(answer.stops)) == expected
        elif isinstance(answer, c.Purged):
            assert answer.left == expected
        elif not isinstance(answer, Waiter):
            assert answer == expected, (answer, expected)

    def _check_answered(self, *, is_heard: bool) -> None:
        """Compare the answers to claims; workers that hear of them have what was granted."""
        expected = self.model.answered
        for number, granted, stops in expected:
            answer = self._waiters.pop(number).answer
            assert answer is not None, "a job that could be granted is not"
            found = [(each.id, each.token, each.attempt, each.inputs) for each in answer.grants]
            assert found == granted
            assert set(answer.stops) == stops
            for job_id, token, _, _ in granted:
                self.old.append((job_id, token))
                if is_heard:
                    worker = self.model.jobs[job_id].worker
                    self.held.setdefault(worker, {})[job_id] = token
        assert all(each.answer is None for each in self._waiters.values()), "it was not to be given"
        if is_heard:
            assert len(self.queue.machine.waiting.take_answered()) == len(expected)

    def _forget(self, jobs: list[str]) -> None:
        model = self.model
        for job_id in jobs:
            job = model.jobs[job_id]
            assert job.ended_ms + model.kept_ms <= model.now_ms, "it is kept as long as was said"
            assert not model.is_wanted(job_id), "somebody wants its result"
            model.forget(job_id)
            model.seen["forgotten"] += 1

    def _forgotten(self, machine: Any) -> set[str]:
        return {
            job
            for event in machine.events
            if event["event"] == "forgotten"
            for job in event["jobs"]
        }

    def _drop(self) -> None:
        self.model.drop()
        head = orjson.loads(self.queue.tree.get(("queues", "heads", QUEUE)) or b"")
        self.model.now_ms = head["at_ms"]
        self._waiters.clear()

    def _check_rows(self) -> None:
        """Compare every row of a job, and count them."""
        rows = self.queue.rows()
        self._check_printed({path[3]: row for path, row in rows.items() if path[2] == "output"})
        rows = {path: row for path, row in rows.items() if path[2] != "output"}
        found = {path[3]: (path[2], row) for path, row in rows.items() if path[0] == "jobs"}
        assert found.keys() == self.model.jobs.keys()
        types: dict[str, Counter[str]] = {}
        for job_id, (state, raw) in found.items():
            job = self.model.jobs[job_id]
            assert state in job.choices, (job_id, state, job.choices)
            job.state, job.choices = state, {state}
            self._check_row(job, orjson.loads(raw))
            types.setdefault(job.type, Counter())[state] += 1
        numbers = {
            path[3]: orjson.loads(row)
            for path, row in rows.items()
            if path[:2] == ("queues", "types")
        }
        assert numbers == types, "numbers are what a count gives"
        head = orjson.loads(rows["queues", "heads", QUEUE])
        assert head["states"] == sum(types.values(), Counter())
        uniques = Counter(path[1] for path in rows)["unique"]
        assert uniques == len(self.model.uniques)
        self._check_ended(rows)

    def _check_printed(self, pieces: dict[str, bytes]) -> None:
        """Compare what jobs have printed, which is no part of the fold."""
        found = {}
        for name, data in pieces.items():
            job, _, place = name.partition("~")
            token, _, number = place.partition(".")
            found[job, int(token), int(number)] = data
        assert found == self.model.printed

    def _check_row(self, job: ModelJob, row: dict[str, Any]) -> None:
        names = ("attempt", "tries", "crashes", "ended_ms")
        assert {name: row.get(name, 0) for name in names} == {
            name: getattr(job, name) for name in names
        }, job.id
        assert row["state"] == job.state
        assert row["order"] == [*job.order]
        assert row.get("priority", row["spec"].get("priority", 0)) == job.priority
        assert bool(row.get("cancelling")) == job.cancelling
        if job.state == "leased":
            assert (row["token"], row["worker"]) == (job.token, job.worker)
        if job.state == "blocked":
            assert set(row["waits"]) == job.waits
        if job.state == "scheduled":
            assert decode_row(orjson.dumps(row)).due_ms == job.due_ms

    def _check_ended(self, rows: dict[Path, bytes]) -> None:
        """Check that whatever has ended stands where retention looks for it."""
        listed = {
            (int(path[3].partition(".")[0]), job)
            for path, row in rows.items()
            if path[:2] == ("queues", "ended")
            for job in orjson.loads(row)
        }
        for job in self.model.in_state(*ENDED):
            assert (job.ended_ms, job.id) in listed
