"""The heart of a queue: what a command leads to. No clock, no I/O, no threads; chance is handed in.

It decides, says so in events, and has the fold apply them at once, so that the next command meets
what the last one has made. Whoever runs it has the events of one slot on disk before anybody
hears of an answer; if that fails, it drops the machine, and makes a new one from the rows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from seriatim.actors.queue.checks import check_submit, double_of
from seriatim.actors.queue.commands import (
    Cancel,
    Change,
    Claim,
    Claimed,
    Command,
    Done,
    Ended,
    Grant,
    Purge,
    Purged,
    Released,
    Remove,
    Report,
    Reported,
    Reprioritise,
    Retry,
    Submit,
    Submitted,
)
from seriatim.actors.queue.endings import crash_event, done_event, failed_event, released_event
from seriatim.actors.queue.inputs import read_inputs
from seriatim.actors.queue.lanes import Lanes
from seriatim.actors.queue.leases import Leases
from seriatim.actors.queue.output import SlotOutput
from seriatim.actors.queue.stops import Stops
from seriatim.actors.queue.times import Times
from seriatim.formats.errors import LimitExceededError, NotFoundError, RefusedError
from seriatim.formats.jobs.fold import OVERDUE, Event, QueueFold
from seriatim.formats.jobs.job import Job
from seriatim.formats.jobs.raw_json import dump_json
from seriatim.formats.jobs.rows import Path, ended_at
from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import (
    CLAIM_JOBS_MAX,
    CLAIM_MAX_BYTES,
    QUEUE_EVENTS_MAX,
    QUEUE_EVENTS_MAX_BYTES,
)

_LOST: Final = "lost"
_TOO_LARGE: Final = "too_large"
_NO_REASON: Final = "nobody has said why"
_NODE_ENDED: Final = "its worker has ended with the node"


class Waiter:
    """A claim that waits; ``answer`` is there when it waits no longer.

    ``is_hasty``: it is answered with the slot in which it has come, whatever that has for it.
    """

    __slots__ = ("answer", "claim", "is_hasty")

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.answer: Claimed | None = None
        self.is_hasty = False


class QueueMachine:
    """Decides for one queue.

    Attributes:
        fold: its state.
        events: what the slot says that is being made.
        output: what jobs have printed: rows beside those of the fold, which knows nothing of them.
        data_bytes: about how many bytes that will be.
        waiters: claims that nobody has answered yet, the oldest first.
        kept_until_ms: until when nothing that has ended is to be forgotten.
    """

    def __init__(
        self,
        fold: QueueFold,
        draw: Callable[[], float],
        output_of: Callable[[str], Sequence[Path]],
    ) -> None:
        """Decide over *fold*, which was loaded.

        Args:
            fold: nobody else changes it.
            draw: gives a number of 0 (inclusive) to 1 (exclusive).
            output_of: finds what a job has printed.
        """
        self.fold = fold
        self._draw = draw
        self.output = SlotOutput(fold.queue, output_of)
        self.events: list[Event] = []
        self.data_bytes = 0
        self.waiters: deque[Waiter] = deque()
        self.kept_until_ms = 0
        self._last_slot = fold.slot
        self._answered: list[Waiter] = []
        self._lanes = Lanes(fold)
        self._times = Times()
        self._leases = Leases()
        self._stops = Stops()
        self._is_loaded = False

    # A slot: begin, any number of commands, finish.

    def begin(self, at_ms: int, monotonic_ms: int) -> None:
        """Begin the next slot, at *at_ms* or the time of the last one, whichever is later."""
        fold = self.fold
        if self.events:
            self._last_slot = fold.slot  # else it has said nothing, and is not there
        fold.begin(self._last_slot + 1, max(at_ms, fold.at_ms))
        self.events = []
        self.output.begin()
        self.data_bytes = 0
        self._monotonic_ms = monotonic_ms
        if not self._is_loaded:
            self._is_loaded = True
            self._take_over()

    @property
    def slot(self) -> int:
        """The last slot that says something."""
        return self.fold.slot if self.events else self._last_slot

    @property
    def is_full(self) -> bool:
        """Whether the slot takes no more commands."""
        return len(self.events) >= QUEUE_EVENTS_MAX or self.data_bytes >= QUEUE_EVENTS_MAX_BYTES

    def do(self, command: Command) -> Any:
        """Do what *command* says; return its answer, or a `Waiter`.

        Raises:
            SchedulerError: it is refused, and has changed nothing.
        """
        return _DO[type(command)](self, command)

    def finish(self) -> list[Job]:
        """See to what the time has brought, and give waiting workers what there is.

        Returns:
            The jobs that have ended in the slot.
        """
        self._expire()
        self._see_to_times()
        while self._give():
            pass
        ended, self.fold.effects.ended = self.fold.effects.ended, []
        for job in ended:
            self._leases.end(job)
        return [job for job in ended if job.state.is_ended]  # and was not retried since

    def data(self) -> str:
        """Return what the slot says."""
        return dump_json(self.events).decode()

    def wake_ms(self, at_ms: int, monotonic_ms: int) -> int | None:
        """Return in how many milliseconds the time brings something; ``None`` for never."""
        waits = []
        if self.fold.numbers.has_ended:
            waits.append(self.kept_until_ms - at_ms)
        due_ms = self._times.next_ms()
        if due_ms is not None:
            waits.append(due_ms - at_ms)
        lease_ms = self._leases.next_ms()
        if lease_ms is not None:
            waits.append(lease_ms - monotonic_ms)
        if any(each.claim.room for each in self.waiters):
            free_ms = self._lanes.free_at_ms(at_ms)
            if free_ms is not None:
                waits.append(free_ms - at_ms)
        return max(min(waits), 0) if waits else None

    def take_answered(self) -> list[Waiter]:
        """Return the claims that have been answered since the last time."""
        answered, self._answered = self._answered, []
        return answered

    def withdraw(self, waiter: Waiter) -> None:
        """Forget *waiter*: whoever has claimed has waited long enough."""
        self.waiters.remove(waiter)

    # Submitting.

    def _submit(self, command: Submit) -> list[Submitted]:
        fold = self.fold
        known = check_submit(fold, command.jobs)
        answers = []
        for asked, same in zip(command.jobs, known, strict=True):
            existing = same or double_of(fold, asked)
            if existing is not None:
                answers.append(Submitted(existing, repeated=True))
                continue
            spec = asked.spec
            if "delay_ms" in spec:
                spec = {**spec, "due_ms": fold.at_ms + spec["delay_ms"]}
                del spec["delay_ms"]
            said = {"event": "submitted", "id": asked.id, "type": asked.type, "spec": spec}
            self._say(said, _size(spec))
            job = fold.live.get(asked.id)
            if job is not None and "deadline_ms" in spec:
                self._times.add(spec["deadline_ms"], job)
            answers.append(Submitted(asked.id, repeated=False))
        return answers

    # Workers.

    def _claim(self, claim: Claim) -> Waiter:
        held = set(claim.held)
        for job_id in self._leases.of(claim.worker):
            job = self.fold.live[job_id]
            if (job_id, job.token) not in held:
                self._say(released_event(job, Released(job_id, job.token), self.fold.at_ms))
        for waiter in self.waiters:
            if waiter.claim.worker == claim.worker:
                self._answer(waiter, (), {})  # nobody waits for it any more
                break
        waiter = Waiter(claim)
        self.waiters.append(waiter)
        return waiter

    def _report(self, report: Report) -> Reported:
        for printed in report.printed:
            if not self._why_fenced(printed.id, printed.token):
                self.output.add(printed)
                self.data_bytes += len(printed.data)
        refused = {}
        for ended in report.ended:
            why = self._why_fenced(ended.id, ended.token)
            if why:
                refused[ended.id] = why
            else:
                self._end(ended)
        lost, stops = [], {}
        for job_id, token in report.held:
            if self._why_fenced(job_id, token):
                lost.append((job_id, token))
                continue
            job = self.fold.live[job_id]
            self._leases.renew(job, self._monotonic_ms)
            if job.cancelling:
                stops[job_id] = job.cancelling
        return Reported(refused, lost, stops)

    def _why_fenced(self, job_id: str, token: int) -> str:
        """Return why *token* is no lease of that job; empty where it is."""
        job = self.fold.live.get(job_id)
        if job is not None and job.state is JobState.LEASED and job.token == token:
            return ""
        found = job or self.fold.job(job_id)
        if found is None:
            return f"there is no job {job_id} here"
        if found.token == token:
            return f"job {job_id} is {found.state}: the lease of token {token} is over"
        return f"job {job_id} is {found.state}; token {token} is old, the last one is {found.token}"

    def _end(self, ended: Ended) -> None:
        if isinstance(ended, Done):
            self._say(done_event(ended), len(ended.result) + _size(ended.outcome or {}))
        elif isinstance(ended, Released):
            self._say(released_event(self.fold.live[ended.id], ended, self.fold.at_ms))
        elif ended.is_crash:
            self._crash(self.fold.live[ended.id], ended.code, ended.reason, ended.details)
        else:
            job = self.fold.live[ended.id]
            said = failed_event(job, ended, self.fold.at_ms, self._draw())
            self._say(said, _size(ended.details))

    def _crash(self, job: Job, code: str, reason: str, details: Mapping[str, Any]) -> None:
        said = crash_event(job, code, reason, details, self.fold.at_ms, self._draw())
        self._say(said, _size(details))

    # People.

    def _cancel(self, command: Cancel) -> JobState:
        job = self._live(command.job)
        if job.state is not JobState.LEASED:
            self._say({"event": "cancelled", "id": job.id, "reason": command.reason})
            return job.state
        self._stop(job, command.reason or _NO_REASON)
        return job.state

    def _stop(self, job: Job, reason: str) -> None:
        """Have the worker of *job* asked to stop; its lease holds until it has, or is lost."""
        if not job.cancelling:
            self._say({"event": "cancelling", "id": job.id, "reason": reason})
            self._stops.add(job, reason)

    def _retry(self, command: Retry) -> JobState:
        job = self._known(command.job)
        if job.state not in (JobState.FAILED, JobState.DEAD, JobState.CANCELLED):
            raise RefusedError(
                f"job {job.id} is {job.state}; only what is failed, dead or cancelled is retried",
                code="not_ended",
            )
        self._say({"event": "retried", "id": job.id})
        return self.fold.live[job.id].state

    def _reprioritise(self, command: Reprioritise) -> JobState:
        job = self._live(command.job)
        said = {"event": "priority", "id": job.id, "priority": command.priority}
        self._say(said)
        return job.state

    def _change(self, command: Change) -> None:
        if self.fold.settings.changed(command.change) != self.fold.settings:
            self._say({"event": "settings", "change": command.change})
            self.kept_until_ms = 0
            self._lanes.reopen_all()

    def _remove(self, command: Remove) -> None:
        job = self._known(command.job)
        if not job.state.is_ended:
            raise RefusedError(f"job {job.id} is {job.state}; cancel it first", code="not_ended")
        if self.fold.is_wanted(job.id):
            raise RefusedError(f"a job that waits wants the result of {job.id}", code="wanted")
        self.output.forget(job.id)
        self._say({"event": "forgotten", "jobs": [job.id]})

    def _purge(self, command: Purge) -> Purged:
        cancelled = 0
        found = [job for job in self.fold.live.values() if job.state is command.state]
        for job in found[:QUEUE_EVENTS_MAX]:
            if not job.state.is_ended:  # by the end of another one
                self._say({"event": "cancelled", "id": job.id, "reason": "the queue was purged"})
                cancelled += 1
        return Purged(cancelled, self.fold.numbers[command.state])

    def forget(self, index: str, jobs: Sequence[str]) -> bool:
        """Forget *jobs*, which have ended long ago; what somebody still wants stays.

        Return whether that has changed anything.

        Args:
            index: the name of the row that says so.
            jobs: what it says.
        """
        found = [job for each in jobs if (job := self.fold.job(each)) and job.state.is_ended]
        # What was retried has ended in another slot since, and stands there.
        due = [job for job in found if job.ended_ms == ended_at(index)]
        left = [job.id for job in due if self.fold.is_wanted(job.id)]
        if due and len(left) == len(due):
            return False
        said: dict[str, Any] = {
            "event": "forgotten",
            "jobs": [job.id for job in due if job.id not in left],
            "index": index,
        }
        if left:
            said["left"] = left
        for job_id in said["jobs"]:
            self.output.forget(job_id)
        self._say(said, 32 * len(due))
        return True

    def _known(self, job_id: str) -> Job:
        job = self.fold.job(job_id)
        if job is None:
            raise NotFoundError(f"no job {job_id} in queue {self.fold.queue}")
        return job

    def _live(self, job_id: str) -> Job:
        job = self._known(job_id)
        if job.state.is_ended:
            raise RefusedError(f"job {job_id} is {job.state} already", code="ended")
        return job

    # The time, and whoever waits.

    def _take_over(self) -> None:
        """Go on with what the rows say: everything that waits, and leases of whoever is there."""
        for job in list(self.fold.live.values()):
            if job.state is JobState.LEASED:
                self._leases.begin(job, self._monotonic_ms)
                if job.is_local:
                    self._crash(job, _LOST, _NODE_ENDED, {})
            if "deadline_ms" in job.spec:
                self._times.add(job.spec["deadline_ms"], job)
        self._see_to_effects()

    def _expire(self) -> None:
        for job in self._leases.over(self._monotonic_ms):
            reason = f"worker {job.worker} was not heard of for {job.lease_ms} ms"
            self._crash(job, _LOST, reason, {})

    def _see_to_times(self) -> None:
        """Bring about what is due, and end what has missed its deadline."""
        due, overdue = self._times.over(self.fold.at_ms, self.fold.live)
        if overdue:
            for job in overdue:
                if job.state is JobState.LEASED:
                    self._stop(job, "its deadline is over")
            waiting = [job.id for job in overdue if job.state is not JobState.LEASED]
            if waiting:
                self._say({"event": OVERDUE, "jobs": waiting}, len(waiting) * 32)
        due = [job for job in due if job.state is JobState.SCHEDULED]
        if due:
            self._say({"event": "due", "jobs": [job.id for job in due]}, len(due) * 32)

    def _give(self) -> bool:
        """Grant what there is to workers that wait, in the order in which they have come.

        Return whether a job was refused: what has waited for that may begin now.
        """
        is_anew = False
        for _ in range(len(self.waiters)):
            waiter = self.waiters[0]
            claim = waiter.claim
            granted: list[Grant] = []
            size_bytes = 0
            while len(granted) < min(claim.room, CLAIM_JOBS_MAX) and size_bytes < CLAIM_MAX_BYTES:
                job = self._lanes.take(claim.types, commands=claim.commands, now_ms=self.fold.at_ms)
                if job is None:
                    break
                try:
                    inputs = read_inputs(self.fold, job)
                except LimitExceededError as error:  # no worker could read it
                    said = {"event": "refused", "id": job.id, "code": _TOO_LARGE}
                    self._say({**said, "reason": str(error)})
                    is_anew = True
                    continue
                granted.append(self._grant(job, claim, inputs))
                size_bytes += _size(job.spec) + sum(map(len, inputs.values()))
            stops = self._stops.take(claim.worker, self.fold.live)
            if not granted and not stops:
                self.waiters.rotate(-1)
                continue
            if granted:
                self.events.append(_granted(claim, [each.id for each in granted]))
                self.data_bytes += 32 * len(granted)
            self._answer(waiter, granted, stops)
        return is_anew

    def _grant(self, job: Job, claim: Claim, inputs: Mapping[str, bytes]) -> Grant:
        self.fold.apply(_granted(claim, [job.id]))
        self._leases.begin(job, self._monotonic_ms)
        return Grant(job.id, job.type, job.token, job.attempt, job.spec, inputs, job.submitted_ms)

    def _answer(self, waiter: Waiter, grants: Sequence[Grant], stops: Mapping[str, str]) -> None:
        waiter.answer = Claimed(grants, stops)
        self.waiters.remove(waiter)
        self._answered.append(waiter)

    def _say(self, event: Event, size_bytes: int = 0) -> None:
        """Have *event* in the slot, and see to what follows from it."""
        self.fold.apply(event)
        self.events.append(event)
        self.data_bytes += size_bytes + _EVENT_BYTES
        self._see_to_effects()

    def _see_to_effects(self) -> None:
        effects = self.fold.effects
        for job in effects.ready:
            if job.state is JobState.PENDING:
                self._lanes.add(job)
        effects.ready.clear()
        for job in effects.scheduled:
            self._times.add(job.due_ms, job)
        effects.scheduled.clear()
        if effects.freed:
            self._lanes.reopen(effects.freed)
            effects.freed.clear()


_EVENT_BYTES: Final = 128


def _granted(claim: Claim, jobs: Sequence[str]) -> Event:
    said = {"event": "granted", "worker": claim.worker, "jobs": jobs}
    return {**said, "local": True} if claim.is_local else said


def _size(said: Mapping[str, Any]) -> int:
    """Return about how many bytes *said* is in JSON, with what stands around it."""
    return 64 + len(dump_json(said))


_DO: Final[dict[type[Command], Callable[[QueueMachine, Any], Any]]] = {
    Submit: QueueMachine._submit,  # noqa: SLF001  # its own table
    Claim: QueueMachine._claim,  # noqa: SLF001  # as above
    Report: QueueMachine._report,  # noqa: SLF001  # as above
    Cancel: QueueMachine._cancel,  # noqa: SLF001  # as above
    Retry: QueueMachine._retry,  # noqa: SLF001  # as above
    Reprioritise: QueueMachine._reprioritise,  # noqa: SLF001  # as above
    Change: QueueMachine._change,  # noqa: SLF001  # as above
    Remove: QueueMachine._remove,  # noqa: SLF001  # as above
    Purge: QueueMachine._purge,  # noqa: SLF001  # as above
}
