"""What the model of a queue has, and what follows from what: brute force, whatever is asked.

Where the rules leave a choice (which of two parents that have failed is the reason), a job has
several `choices`.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, NamedTuple, Self

from seriatim.actors.queue import commands as c
from tests.support.queue_model_job import (
    LEGAL,
    LIVE,
    Bucket,
    ModelJob,
    verdict,
)


class Now(NamedTuple):
    """A moment: the queue's time, and both clocks."""

    at_ms: int
    wall_ms: int
    monotonic_ms: int


class ModelState:
    """One queue.

    Attributes:
        jobs: all of them, also what has ended.
        waiters: claims that wait, each with a number of its own.
        answered: what those were answered in this slot: grants as (id, token, attempt, inputs).
        seen: which rules were reached how often.
    """

    def __init__(self) -> None:
        self.jobs: dict[str, ModelJob] = {}
        self.types: dict[str, int] = {}
        self.keys: dict[str, int] = {}
        self.rates: dict[str, list[int]] = {}
        self.defaults: dict[str, dict[str, Any]] = {}
        self.resources: dict[str, int] = {}
        self.is_paused = False
        self.paused_types: set[str] = set()
        self.jobs_max = 1_000_000
        self.kept_ms = 7 * 24 * 3_600_000
        self.buckets: dict[str, Bucket] = {}
        self.uniques: dict[str, tuple[str, int]] = {}
        self.waiters: list[tuple[int, c.Claim]] = []
        self.answered: list[tuple[int, list[Any], set[str]]] = []
        self.stops: dict[str, set[str]] = {}
        self.lease_ends: dict[str, int] = {}
        self.printed: dict[tuple[str, int, int], bytes] = {}
        self.seen: Counter[str] = Counter()
        self.slot = self.submitted = 0
        self.now_ms = self.wall_ms = self.monotonic_ms = 0
        self.chance = 0.5
        self.is_new = True
        self.is_node_new = False

    def copy(self) -> Self:
        """Return one that goes its own way from here; what was seen is the same for both."""
        own = copy.deepcopy(self)
        own.seen = self.seen
        return own

    # A slot.

    def begin(self, slot: int, now: Now) -> None:
        assert now.at_ms >= self.now_ms, "the time of a queue never goes back"
        self.now_ms, self.wall_ms, self.monotonic_ms = now
        self.slot, self.submitted = slot, 0
        self.answered = []
        self.seen["the time of a queue is ahead of the wall clock"] += self.now_ms > self.wall_ms
        if self.is_new:
            self.is_new = False
            if self.is_node_new:
                self.is_node_new = False
                for job in self.in_state(*LIVE):  # what was recorded of it waits once more at most
                    job.until_monotonic_ms = self.monotonic_ms + job.wait_ms
            for job in self.in_state("leased"):
                self.lease_ends[job.id] = now.monotonic_ms + job.spec.get("lease_ms", 30_000)
                self.seen["a lease outlives its node"] += 1
                if job.is_orphan:
                    self.seen["a local worker is lost with its node"] += 1
                    self.crash(job)
                elif job.is_local:
                    self.seen["a local worker outlives what its queue has in memory"] += 1

    def drop(self) -> None:
        """Forget what is in memory only."""
        self.waiters, self.stops, self.lease_ends, self.is_new = [], {}, {}, True

    def end_node(self) -> None:
        """End the node, and all of its workers with it."""
        self.drop()
        self.is_node_new = True
        for job in self.in_state("leased"):
            job.is_orphan = job.is_local

    def finish(self) -> None:
        for job in self.in_state("leased"):
            if self.lease_ends[job.id] <= self.monotonic_ms:
                self.seen["a lease is over"] += 1
                self.seen["whoever is silent is granted nothing"] += self.let_go(job.worker)
                self.crash(job)
        self.end_what_is_overdue()
        for job in self.in_state("scheduled"):
            if self.is_due(job):
                self.seen["a job is due"] += 1
                self.seen["an instant has come"] += job.waits_for_instant
                self.move(job, "pending")
            elif job.waits_for_instant:
                is_ahead = job.due_ms <= self.now_ms
                self.seen["an instant waits for the wall clock"] += is_ahead
            else:
                assert job.until_monotonic_ms > self.monotonic_ms, "it waits longer than was said"
        self.give()

    def let_go(self, worker: str) -> bool:
        """Answer the claim of *worker* with nothing; tell whether it has one."""
        found = [waiter for waiter in self.waiters if waiter[1].worker == worker]
        for waiter in found:
            self.waiters.remove(waiter)
            self.answered.append((waiter[0], [], set()))
        return bool(found)

    # Looking.

    def in_state(self, *states: str) -> list[ModelJob]:
        found = [job for job in self.jobs.values() if job.state in states]
        return sorted(found, key=lambda job: job.order)

    def is_wanted(self, job_id: str) -> bool:
        return any(job_id in job.spec.get("inputs", ()) for job in self.in_state(*LIVE))

    def capacity(self, token: str) -> int:
        kind, is_key, _ = token.partition("/")
        return self.keys.get(kind, 1) if is_key else self.resources.get(token, 0)

    def has_room_but_for_rate(self, job: ModelJob) -> bool:
        running = self.in_state("leased")
        taken: Counter[str] = sum((each.takes for each in running), Counter())
        return (
            not self.is_paused
            and job.type not in self.paused_types
            and sum(each.type == job.type for each in running) < self.types.get(job.type, 1)
            and all(taken[each] + count <= self.capacity(each) for each, count in job.takes.items())
        )

    def wants(self, claim: c.Claim, job: ModelJob) -> bool:
        return claim.commands if "command" in job.spec else job.type in claim.types

    # Changing.

    def move(self, job: ModelJob, state: str) -> None:
        assert state in LEGAL[job.state], (job.id, job.state, state)
        job.state = state
        job.choices = {state}

    def is_due(self, job: ModelJob) -> bool:
        return job.due_ms <= (self.wall_ms if job.waits_for_instant else self.now_ms)

    def ready(self, job: ModelJob) -> None:
        self.move(job, "pending" if self.is_due(job) else "scheduled")

    def wait(self, job: ModelJob, wait_ms: int) -> None:
        job.waits_for_instant, job.wait_ms = False, wait_ms
        job.due_ms = self.now_ms + wait_ms
        job.until_monotonic_ms = self.monotonic_ms + wait_ms

    def end(self, job: ModelJob, state: str, choices: Iterable[str] = ()) -> None:
        self.end_one(job, state, choices)
        ended = [job]
        while child := self.tell_one_child():
            ended.append(child)
        for child in ended[1:]:  # whichever of its parents was first
            child.choices |= set(self.verdicts(child))

    def verdicts(self, child: ModelJob) -> list[str]:
        """Return how *child* may end by those that it waits for."""
        policies = dict(child.spec.get("after", ()))
        found = [(self.jobs[p], policies[p]) for p in child.waits if p in self.jobs]
        return [how for each in found if (how := verdict(*each))]

    def end_one(self, job: ModelJob, state: str, choices: Iterable[str] = ()) -> None:
        assert job.is_live or not job.state, "it ends once"
        self.move(job, state)
        job.choices |= set(choices)
        job.ended_ms, job.cancelling, job.is_late = self.now_ms, False, False
        self.seen[f"ended {state}"] += 1

    def tell_one_child(self) -> ModelJob | None:
        """Have a child go on whose parents have ended, and return one that ends by that."""
        for child in self.in_state("blocked"):
            if verdicts := self.verdicts(child):
                self.seen[f"a child is {verdicts[0]} by its parent"] += 1
                self.end_one(child, verdicts[0])
                return child
            child.waits = {p for p in child.waits if p not in self.jobs or self.jobs[p].is_live}
            if not child.waits:
                self.seen["a child is unblocked"] += 1
                self.ready(child)
        return None

    def again(self, job: ModelJob, tries: int) -> None:
        backoff = {"base_ms": 1_000, "factor": 2.0, "max_ms": 3_600_000, "jitter": 0.2}
        backoff |= job.spec.get("backoff", {})
        pause = min(backoff["base_ms"] * backoff["factor"] ** (tries - 1), backoff["max_ms"])
        swing = 1 + backoff["jitter"] * (self.chance - 0.5)
        self.wait(job, round(pause * swing) if tries else 0)
        self.ready(job)

    def crash(self, job: ModelJob) -> None:
        job.crashes += 1
        if job.cancelling:
            self.end(job, job.stopped(self.wall_ms))
        elif job.crashes < job.spec.get("crashes_max", 3):
            self.seen["a crash, and again"] += 1
            self.again(job, job.crashes - 1)
        else:
            self.end(job, "dead")

    def give_back(self, job: ModelJob, *, has_begun: bool) -> None:
        if has_begun:
            job.attempts_before += 1  # which is neither a failure nor a crash
        else:
            job.attempt -= 1
        if job.cancelling:
            self.end(job, job.stopped(self.wall_ms))
        else:
            self.seen["given back"] += 1
            self.move(job, "pending")

    def end_what_is_overdue(self) -> None:
        overdue = [
            job
            for job in self.in_state(*LIVE)
            if job.deadline_ms is not None and job.deadline_ms <= self.wall_ms
        ]
        for job in overdue:
            if job.state == "leased":
                job.is_late = job.is_late or not job.cancelling
                self.stop(job)
        for job in overdue:
            if job.state == "leased":
                continue
            policies = {policy for _, policy in job.spec.get("after", ())}
            choices = {"failed"} | ({"cancelled"} if "skip" in policies else set())
            if job.is_live:
                self.seen["a deadline is over"] += 1
                self.end(job, "failed", choices)
            else:
                job.choices |= choices

    def stop(self, job: ModelJob) -> None:
        if not job.cancelling:
            self.seen["a worker is to stop"] += 1
            job.cancelling = True
            self.stops.setdefault(job.worker, set()).add(job.id)

    def give(self) -> None:
        for number, claim in list(self.waiters):
            granted: list[Any] = []
            while len(granted) < claim.room and (job := self.next_for(claim)):
                granted.append(self.grant(job, claim))
            stops = {
                job_id
                for job_id in self.stops.pop(claim.worker, ())
                if (stopped := self.jobs.get(job_id))
                and stopped.state == "leased"
                and stopped.cancelling
                and stopped.worker == claim.worker
            }
            self.seen["stops are said to who waits"] += bool(stops)
            if granted or stops:
                self.waiters.remove((number, claim))
                self.answered.append((number, granted, stops))

    def next_for(self, claim: c.Claim) -> ModelJob | None:
        may = []
        for job in self.in_state("pending"):
            if not self.wants(claim, job):
                continue
            if not self.has_room_but_for_rate(job):
                self.seen["a job waits for room"] += 1
                continue
            bucket = self.bucket(job.type)
            if bucket is not None and bucket.level_at(self.now_ms) < 1:
                self.seen["a job waits for its rate"] += 1
                continue
            may.append(job)
        return min(may, key=lambda job: (-job.priority, job.order), default=None)

    def bucket(self, kind: str) -> Bucket | None:
        if kind not in self.rates:
            return None
        jobs, per_ms = self.rates[kind]
        return self.buckets.setdefault(kind, Bucket(jobs, per_ms, Fraction(jobs), 0))

    def grant(self, job: ModelJob, claim: c.Claim) -> tuple[str, int, int, dict[str, bytes]]:
        assert not job.waits, "children never before parents"
        assert self.slot > job.token, "tokens grow"
        job.attempt += 1
        most = job.spec.get("retries", 0) + job.spec.get("crashes_max", 3)
        assert job.attempt - job.attempts_before <= most, "it is tried as often as was said"
        job.token, job.worker, job.is_local = self.slot, claim.worker, claim.is_local
        job.is_orphan = False
        self.lease_ends[job.id] = self.monotonic_ms + job.spec.get("lease_ms", 30_000)
        self.move(job, "leased")
        bucket = self.bucket(job.type)
        if bucket is not None:
            bucket.take(self.now_ms)
        self.seen["a command is granted"] += "command" in job.spec
        self.seen["granted"] += 1
        found = {p: self.jobs[p] for p in job.spec.get("inputs", ()) if p in self.jobs}
        inputs = {p: parent.result for p, parent in found.items() if parent.state == "done"}
        self.seen["a result goes on"] += bool(inputs)
        return job.id, job.token, job.attempt, inputs
