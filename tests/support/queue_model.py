"""What a queue is to do, said once more: lists, maps and brute force, and no line of the product's.

The model is told the commands of a slot one after the other, and then that the slot is finished.
It answers what has to be answered, or with the codes of the errors that may be.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from seriatim.actors.queue import commands as c
from tests.support.queue_model_job import (
    LIVE,
    ModelJob,
    doubles_of,
    is_made,
    is_same,
    missing,
    verdict,
    waits_for_itself,
)
from tests.support.queue_model_state import ModelState

Codes = frozenset[str]


class QueueModel(ModelState):
    """One queue, and whatever may be asked of it."""

    def do(self, command: c.Command, number: int) -> Any:
        """Return the answer to *command*, or the codes of errors of which it has one."""
        return getattr(self, f"do_{type(command).__name__.lower()}")(command, number)

    def do_submit(self, command: c.Submit, _: int) -> list[tuple[str, bool]] | Codes:
        fresh: dict[str, Any] = {}
        codes = set()
        jobs = [
            asked._replace(spec={**self.defaults.get(asked.type, {}), **asked.spec})
            for asked in command.jobs
        ]
        for asked in jobs:
            existing = self.jobs.get(asked.id)
            if existing is not None:
                if not is_same(existing, asked):
                    codes.add("conflict")
            elif asked.id in fresh:
                codes.add("bad_job")
            else:
                fresh[asked.id] = asked
        codes.update(self.refusals(fresh))
        if not codes:
            return [self.submit(asked) for asked in jobs]
        for code in codes:
            self.seen[f"refused: {code}"] += 1
        return frozenset(codes)

    def refusals(self, fresh: dict[str, Any]) -> Iterable[str]:
        if len(self.in_state(*LIVE)) + len(fresh) > self.jobs_max:
            yield "queue_full"
        for asked in fresh.values():
            yield from missing(asked, fresh, self.jobs, self.capacity)
            if asked.spec.get("deadline_ms", self.wall_ms + 1) <= self.wall_ms:
                yield "bad_job"
        if any(waits_for_itself(job, fresh, self.jobs) for job in fresh):
            yield "cycle"
        doubles = doubles_of(fresh.values(), self.double_of)
        named = {parent for each in fresh.values() for parent, _ in each.spec.get("after", ())}
        waited = {parent for job in self.in_state("blocked") for parent in job.waits}
        if doubles & (named | waited):
            self.seen["a batch waits for a double"] += bool(doubles & named)
            self.seen["a job waits for a double"] += bool(doubles & waited)
            yield "conflict"

    def submit(self, asked: Any) -> tuple[str, bool]:
        if asked.id in self.jobs:
            self.seen["submitted again"] += 1
            return asked.id, True
        spec = asked.spec
        unique = spec.get("unique")
        if unique is not None:
            double = self.double_of(unique)
            if double:
                self.seen["a double by its unique key"] += 1
                return double, True
            self.uniques[unique["key"]] = asked.id, self.now_ms
        order = (self.slot, self.submitted)
        self.submitted += 1
        priority, deadline_ms = spec.get("priority", 0), spec.get("deadline_ms")
        job = ModelJob(asked.id, asked.type, spec, order, priority, 0, deadline_ms)
        job.submitted_ms = self.now_ms
        if "delay_ms" in spec:
            self.wait(job, spec["delay_ms"])
        else:
            job.due_ms, job.waits_for_instant = spec.get("due_ms", 0), True
        job.first_due_ms = job.due_ms
        self.jobs[job.id] = job
        verdicts = []
        for parent_id, policy in spec.get("after", ()):
            parent = self.jobs.get(parent_id)
            if parent is None or parent.is_live:
                self.seen["a forward reference"] += parent is None
                job.waits.add(parent_id)
            else:
                verdicts.append(verdict(parent, policy))
        if any(verdicts):
            self.end(job, next(filter(None, verdicts)))
        elif job.waits:
            self.move(job, "blocked")
        else:
            self.ready(job)
        return job.id, False

    def double_of(self, unique: dict[str, Any]) -> str:
        job_id, submitted_ms = self.uniques.get(unique["key"], ("", 0))
        job = self.jobs.get(job_id)
        if job is None:
            return ""
        if "window_ms" in unique and self.now_ms - submitted_ms >= unique["window_ms"]:
            self.seen["a unique key is free after its window"] += 1
            return ""
        is_same = job.state in unique["states"] if "states" in unique else job.is_live
        return job_id if is_same else ""

    def do_claim(self, claim: c.Claim, number: int) -> None:
        self.seen["a claim takes the place of the last one"] += self.let_go(claim.worker)
        for job in self.in_state("leased"):
            if job.worker == claim.worker and (job.id, job.token) not in claim.held:
                self.give_back(job, has_begun=False)
        self.waiters.append((number, claim))

    def is_fenced(self, worker: str, job_id: str, token: int) -> bool:
        job = self.jobs.get(job_id)
        if job is None or job.state != "leased" or job.token != token:
            return True
        self.seen["a lease is another worker's"] += job.worker != worker
        return job.worker != worker

    def do_report(self, report: c.Report, _: int) -> tuple[set[str], set[c.Held], set[str]]:
        refused = set()
        for job_id, token, number, data in report.printed:
            if self.is_fenced(report.worker, job_id, token):
                self.seen["what is printed is refused"] += 1
                refused.add(job_id)
            else:
                self.seen["a job prints something"] += 1
                self.printed[job_id, token, number] = data
        for ended in report.ended:
            if self.is_fenced(report.worker, ended.id, ended.token):
                self.seen["an old token is refused"] += 1
                refused.add(ended.id)
            else:
                self.end_attempt(self.jobs[ended.id], ended)
        lost = {held for held in report.held if self.is_fenced(report.worker, *held)}
        kept = [self.jobs[job_id] for job_id, token in report.held if (job_id, token) not in lost]
        for job in kept:
            self.lease_ends[job.id] = self.monotonic_ms + job.spec.get("lease_ms", 30_000)
        self.seen["a worker hears that it has lost a job"] += bool(lost)
        return refused, lost, {job.id for job in kept if job.cancelling}

    def end_attempt(self, job: ModelJob, ended: c.Ended) -> None:
        if isinstance(ended, c.Done):
            job.result = ended.result
            self.end(job, "done")
        elif isinstance(ended, c.Released):
            self.give_back(job, has_begun=ended.has_begun)
        elif ended.is_crash:
            self.crash(job)
        else:
            job.tries += 1
            if job.cancelling:
                is_asked = ended.code == "cancelled"
                self.end(job, job.stopped(self.wall_ms) if is_asked else "failed")
            elif ended.is_final or job.tries > job.spec.get("retries", 0):
                self.end(job, "failed")
            else:
                self.seen["a failure, and again"] += 1
                self.again(job, job.tries)

    def do_cancel(self, command: c.Cancel, _: int) -> str | Codes:
        job = self.jobs.get(command.job)
        if job is None or not job.is_live:
            return frozenset({"not_found" if job is None else "ended"})
        if job.state == "leased":
            self.stop(job)
        else:
            self.end(job, "cancelled")
        return job.state

    def do_retry(self, command: c.Retry, _: int) -> str | Codes:
        job = self.jobs.get(command.job)
        if job is None or job.state not in ("failed", "dead", "cancelled"):
            return frozenset({"not_found" if job is None else "not_ended"})
        unique = job.spec.get("unique")
        if unique is not None:
            if self.double_of(unique) not in ("", job.id):
                self.seen["a retry would be a double"] += 1
                return frozenset({"conflict"})
            self.uniques[unique["key"]] = job.id, job.submitted_ms
        job.tries = job.crashes = job.ended_ms = 0
        job.due_ms, job.deadline_ms = job.first_due_ms, None
        job.waits_for_instant = "delay_ms" not in job.spec
        job.wait_ms = max(job.due_ms - self.now_ms, 0)
        job.until_monotonic_ms = self.monotonic_ms + job.wait_ms
        job.attempts_before = job.attempt
        parents = [parent for parent, _ in job.spec.get("after", ())]
        missing = {p for p in job.waits if p not in self.jobs and not is_made(p)}
        job.waits = {p for p in parents if p in self.jobs and self.jobs[p].is_live} | missing
        if job.waits:
            self.move(job, "blocked")
        else:
            self.ready(job)
        self.seen[f"retried, {job.state}"] += 1
        return job.state

    def do_reprioritise(self, command: c.Reprioritise, _: int) -> str | Codes:
        job = self.jobs.get(command.job)
        if job is None or not job.is_live:
            return frozenset({"not_found" if job is None else "ended"})
        job.priority = command.priority
        self.seen["another priority"] += 1
        return job.state

    def do_change(self, command: c.Change, _: int) -> Codes | None:
        if "nonsense" in command.change:
            return frozenset({"bad_settings"})
        for key, value in command.change.items():
            if key in ("types", "keys", "resources", "rates", "defaults"):
                own = getattr(self, key)
                for name, each in value.items():
                    if key == "rates" and own.get(name) != each:
                        self.buckets.pop(name, None)
                    if each is None:
                        own.pop(name, None)
                    else:
                        own[name] = each
            elif key == "paused":
                self.is_paused = value
            elif key == "paused_types":
                self.paused_types = set(value)
            else:
                setattr(self, key, value)
        return None

    def do_remove(self, command: c.Remove, _: int) -> Codes | None:
        job = self.jobs.get(command.job)
        if job is None or job.is_live:
            return frozenset({"not_found" if job is None else "not_ended"})
        if self.is_wanted(job.id):
            self.seen["refused: wanted"] += 1
            return frozenset({"wanted"})
        self.forget(job.id)
        self.seen["removed"] += 1
        return None

    def forget(self, job_id: str) -> None:
        job = self.jobs.pop(job_id)
        for piece in [each for each in self.printed if each[0] == job_id]:
            self.seen["what was printed is forgotten"] += 1
            del self.printed[piece]
        assert not job.is_live, "what is live is not forgotten"
        key = job.spec.get("unique", {}).get("key", "")
        if self.uniques.get(key, ("", 0))[0] == job_id:
            del self.uniques[key]

    def do_purge(self, command: c.Purge, _: int) -> int:
        for job in self.in_state(command.state):
            if job.is_live:
                self.end(job, "cancelled")
        self.seen["purged"] += 1
        return len(self.in_state(command.state))
