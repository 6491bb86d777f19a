"""The heart of a queue: what a command leads to. No clock, no I/O, no threads; chance is handed in.

It decides, says so in events, and has the fold apply them at once, so that the next command meets
what the last one has made. Whoever runs it has the events of one slot on disk before anybody
hears of an answer; if that fails, it drops the machine, and makes a new one from the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from seriatim.actors.queue.checks import check_submit, double_of
from seriatim.actors.queue.commands import (
    Cancel,
    Change,
    Claim,
    Command,
    Done,
    Ended,
    Grant,
    LetGo,
    Purge,
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
from seriatim.actors.queue.fence import why_fenced
from seriatim.actors.queue.inputs import read_inputs
from seriatim.actors.queue.lanes import Lanes
from seriatim.actors.queue.leases import Leases, sooner_ms
from seriatim.actors.queue.output import SlotOutput
from seriatim.actors.queue.people import cancel, purge, remove, reprioritise, retry
from seriatim.actors.queue.queue_time import QueueTime
from seriatim.actors.queue.retention import Retention, forgotten_event
from seriatim.actors.queue.stops import Stops
from seriatim.actors.queue.times import Times
from seriatim.actors.queue.waiting import Waiter, Waiting
from seriatim.formats.errors import LimitExceededError
from seriatim.formats.jobs.fold import DEADLINE_OVER, OVERDUE, Event, QueueFold
from seriatim.formats.jobs.job import Job
from seriatim.formats.jobs.raw_json import dump_json
from seriatim.formats.jobs.rows import Path
from seriatim.formats.jobs.spec import spec_bytes, with_defaults
from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import (
    CLAIM_JOBS_MAX,
    CLAIM_MAX_BYTES,
    QUEUE_CHANGED_MAX_BYTES,
    QUEUE_EVENTS_MAX,
    QUEUE_EVENTS_MAX_BYTES,
)

_LOST: Final = "lost"
_TOO_LARGE: Final = "too_large"
_NODE_ENDED: Final = "its worker has ended with the node"


class QueueMachine:
    """Decides for one queue.

    Attributes:
        fold: its state.
        events: what the slot says that is being made.
        output: what jobs have printed: rows beside those of the fold, which knows nothing of them.
        data_bytes: about how many bytes that will be.
        waiting: claims that nobody has answered yet.
        found_slot: the last slot that the node has found when it began.
        retention: see `Retention`.
        is_touched: whether the last command has begun to change something.
    """

    def __init__(
        self,
        fold: QueueFold,
        time: QueueTime,
        draw: Callable[[], float],
        output_of: Callable[[str], Sequence[Path]],
        found_slot: int | None = None,
    ) -> None:
        """Decide over *fold*, which was loaded.

        Args:
            fold: nobody else changes it.
            time: that of the queue, on this node.
            draw: gives a number of 0 (inclusive) to 1 (exclusive).
            output_of: finds what a job has printed.
            found_slot: the last slot that the node has found when it began; ``None`` for that of
                *fold*. Local workers with older leases, or with that one, have ended before it.
        """
        self.fold = fold
        self.found_slot = fold.slot if found_slot is None else found_slot
        self._time = time
        self._draw = draw
        self.output = SlotOutput(fold.queue, output_of)
        self.events: list[Event] = []
        self.data_bytes = 0
        self.waiting = Waiting()
        self.retention = Retention()
        self.is_touched = False
        self._last_slot = fold.slot
        self._lanes = Lanes(fold)
        self._times = Times(fold.live)
        self._leases = Leases()
        self._stops = Stops()
        self._is_loaded = False
        self._is_cut = False
        # All that there is to do about a long queue: no clock is needed for it, nor the loop.
        for job in fold.live.values():
            self._times.add_deadline(job)
        self._see_to_effects()

    # A slot: begin, any number of commands, finish.

    def begin(self, wall_ms: int, monotonic_ms: int) -> None:
        """Begin the next slot, when the two clocks show this."""
        fold = self.fold
        if self.events:
            self._last_slot = fold.slot  # else it has said nothing, and is not there
        at_ms = self._time.read(wall_ms, monotonic_ms, fold.at_ms)
        fold.begin(self._last_slot + 1, at_ms, wall_ms)
        self.events = []
        self.output.begin()
        self.data_bytes = 0
        self._monotonic_ms = monotonic_ms
        if not self._is_loaded:
            self._is_loaded = True
            self._take_over()

    def miss(self, deaf_ms: int) -> None:
        """See `Leases.miss`."""
        self._leases.miss(deaf_ms)

    @property
    def slot(self) -> int:
        """The last slot that says something."""
        return self.fold.slot if self.events else self._last_slot

    @property
    def is_full(self) -> bool:
        """Whether the slot takes no more commands."""
        return (
            len(self.events) >= QUEUE_EVENTS_MAX
            or self.data_bytes >= QUEUE_EVENTS_MAX_BYTES
            or self.fold.changed_bytes >= QUEUE_CHANGED_MAX_BYTES
        )

    def do(self, command: Command) -> Any:
        """Do what *command* says; return its answer, or a `Waiter`.

        Raises:
            SchedulerError: it is refused, and has changed nothing; of others, see `is_touched`.
        """
        self.is_touched = False
        return _DO[type(command)](self, command)

    def finish(self, unread_ms: int | None = None) -> list[Job]:
        """See to what the time has brought, and give waiting workers what there is.

        Args:
            unread_ms: since when words of workers may be unread, by the monotonic clock: a lease
                that was not over before that holds still. ``None`` where all are read.

        Returns:
            The jobs that have ended in the slot.
        """
        if self.fold.telling and self.fold.telling.has_room:
            self.say({"event": "told"})
        self._expire(self._monotonic_ms if unread_ms is None else unread_ms - 1)
        self._see_to_times()
        self._is_cut = False
        while self._give():
            pass
        ended, self.fold.effects.ended = self.fold.effects.ended, []
        return [job for job in ended if job.state.is_ended]  # and was not retried since

    def data(self) -> str:
        """Return what the slot says."""
        return dump_json(self.events).decode()

    def wake_ms(self, wall_ms: int, monotonic_ms: int) -> int | None:
        """Return in how many milliseconds the time brings something; ``None`` for never."""
        if self._is_cut or self.fold.telling:
            return 0
        at_ms = self._time.read(wall_ms, monotonic_ms, self.fold.at_ms)
        waits = self._times.waits_ms(at_ms, wall_ms)
        if self.fold.numbers.has_ended:
            waits.append(self.retention.until_ms - at_ms)
        lease_ms = self._leases.next_ms()
        if lease_ms is not None:
            waits.append(sooner_ms(lease_ms - monotonic_ms))
        if self.waiting.has_room:
            free_ms = self._lanes.free_at_ms(at_ms)
            if free_ms is not None:
                waits.append(free_ms - at_ms)
        return max(min(waits), 0) if waits else None

    # Submitting, and settings.

    def _submit(self, command: Submit) -> list[Submitted]:
        fold = self.fold
        defaults = fold.settings.defaults
        jobs = [with_defaults(asked, defaults.get(asked.type, {})) for asked in command.jobs]
        known = check_submit(fold, jobs)
        answers = []
        for asked, same in zip(jobs, known, strict=True):
            existing = same or double_of(fold, asked.spec)
            if existing is not None:
                answers.append(Submitted(existing, repeated=True))
                continue
            said = {"event": "submitted", "id": asked.id, "type": asked.type, "spec": asked.spec}
            self.say(said, spec_bytes(asked.spec))
            job = fold.live.get(asked.id)
            if job is not None:
                self._times.add_deadline(job)
            answers.append(Submitted(asked.id, repeated=False))
        return answers

    def _change(self, command: Change) -> None:
        if self.fold.settings.changed(command.change) != self.fold.settings:
            said = {"event": "settings", "change": command.change}
            self.say(said, _size(command.change))
            self.retention.until_ms = 0
            self._lanes.reopen_all()

    # Workers.

    def _claim(self, claim: Claim) -> Waiter:
        held = set(claim.held)
        for job_id in self._leases.of(claim.worker):
            job = self.fold.live[job_id]
            if (job_id, job.token) not in held:
                self.say(released_event(job, Released(job_id, job.token), self.fold))
        return self.waiting.add(claim)

    def _let_go(self, command: LetGo) -> None:
        self.waiting.let_go(command.worker)

    def _report(self, report: Report) -> Reported:
        refused = {}
        for printed in report.printed:
            why = why_fenced(self.fold, report.worker, printed.id, printed.token)
            if why:
                refused[printed.id] = why
            else:
                self.is_touched = True
                self.output.add(printed)
                self.data_bytes += len(printed.data)
        for ended in report.ended:
            why = why_fenced(self.fold, report.worker, ended.id, ended.token)
            if why:
                refused[ended.id] = why
            else:
                self._end(ended)
        lost, stops = [], {}
        for job_id, token in report.held:
            if why_fenced(self.fold, report.worker, job_id, token):
                lost.append((job_id, token))
                continue
            job = self.fold.live[job_id]
            self._leases.renew(job, self._monotonic_ms)
            if job.cancelling:
                stops[job_id] = job.cancelling
        return Reported(refused, lost, stops)

    def _end(self, ended: Ended) -> None:
        if isinstance(ended, Done):
            self.say(done_event(ended), len(ended.result) + _size(ended.outcome or {}))
        elif isinstance(ended, Released):
            self.say(released_event(self.fold.live[ended.id], ended, self.fold))
        elif ended.is_crash:
            self._crash(self.fold.live[ended.id], ended.code, ended.reason, ended.details)
        else:
            job = self.fold.live[ended.id]
            said = failed_event(job, ended, self.fold, self._draw())
            self.say(said, _size(ended.details))

    def _crash(self, job: Job, code: str, reason: str, details: Mapping[str, Any]) -> None:
        said = crash_event(job, code, reason, details, self.fold, self._draw())
        self.say(said, _size(details))

    def stop(self, job: Job, reason: str) -> None:
        """Have the worker of *job* asked to stop; its lease holds until it has, or is lost."""
        if not job.cancelling:
            self.say({"event": "cancelling", "id": job.id, "reason": reason})
            self._stops.add(job, reason)

    def forget(self, index: str, jobs: Sequence[str]) -> bool:
        """Forget *jobs*, which have ended long ago; what somebody still wants stays.

        Return whether nothing of it is left.

        Args:
            index: the name of the row that says so.
            jobs: what it says.
        """
        said = forgotten_event(self.fold, index, jobs)
        if said is None:
            return False
        for job_id in said["jobs"]:
            self.output.forget(job_id)
        self.say(said, 32 * len(jobs))
        return "left" not in said

    # The time, and whoever waits.

    def _take_over(self) -> None:
        """Go on with the leases that the rows say, of whoever is there."""
        for job in list(self.fold.leased.values()):
            self._leases.begin(job, self._monotonic_ms)
            if job.is_local and job.token <= self.found_slot:
                self._crash(job, _LOST, _NODE_ENDED, {})

    def _expire(self, heard_ms: int) -> None:
        most_bytes = self.fold.changed_bytes + QUEUE_CHANGED_MAX_BYTES
        for count, job in enumerate(self._leases.over(heard_ms), start=1):
            # Its claim says nothing any more: who is there asks again.
            self.waiting.let_go(job.worker)
            reason = f"worker {job.worker} was not heard of for {job.lease_ms} ms: see its log"
            self._crash(job, _LOST, reason, {})
            if count == QUEUE_EVENTS_MAX or self.fold.changed_bytes >= most_bytes:
                break  # the others are over still when the next slot is made

    def _see_to_times(self) -> None:
        """Bring about what is due, and end what has missed its deadline."""
        due, overdue = self._times.over(self.fold.at_ms, self.fold.wall_ms)
        if overdue:
            for job in overdue:
                if job.state is JobState.LEASED:
                    self.stop(job, DEADLINE_OVER)
            waiting = [job.id for job in overdue if job.state is not JobState.LEASED]
            if waiting:
                self.say({"event": OVERDUE, "jobs": waiting}, len(waiting) * 32)
        due = [job for job in due if job.state is JobState.SCHEDULED]
        if due:
            self.say({"event": "due", "jobs": [job.id for job in due]}, len(due) * 32)

    def _give(self) -> bool:
        """Grant what there is to workers that wait, in the order in which they have come.

        Return whether a job was refused: what has waited for that may begin now.
        """
        is_anew = False
        most_bytes = self.fold.changed_bytes + QUEUE_CHANGED_MAX_BYTES
        # There may be a thousand workers, and most of them run the same: they are asked for once.
        barren: set[tuple[frozenset[str], bool]] = set()
        for waiter in self.waiting:
            if self.fold.changed_bytes >= most_bytes:
                self._is_cut = True
                break
            claim = waiter.claim
            wanted = claim.types, claim.commands
            room = 0 if wanted in barren else min(claim.room, CLAIM_JOBS_MAX)
            granted: list[Grant] = []
            size_bytes = 0
            while len(granted) < room and size_bytes < CLAIM_MAX_BYTES:
                job = self._lanes.take(claim.types, commands=claim.commands, now_ms=self.fold.at_ms)
                if job is None:
                    barren.add(wanted)
                    break
                try:
                    inputs = read_inputs(self.fold, job)
                except LimitExceededError as error:  # no worker could read it
                    said = {"event": "refused", "id": job.id, "code": _TOO_LARGE}
                    self.say({**said, "reason": str(error)})
                    is_anew = True
                    continue
                granted.append(self._grant(job, claim, inputs))
                size_bytes += spec_bytes(job.spec) + sum(map(len, inputs.values()))
            stops = self._stops.take(claim.worker)
            if granted:
                self.events.append(_granted(claim, [each.id for each in granted]))
                self.data_bytes += 32 * len(granted)
            if granted or stops:
                self.waiting.answer(waiter, granted, stops)
        return is_anew

    def _grant(self, job: Job, claim: Claim, inputs: Mapping[str, bytes]) -> Grant:
        self.fold.apply(_granted(claim, [job.id]))
        self._leases.begin(job, self._monotonic_ms)
        return Grant(job.id, job.type, job.token, job.attempt, job.spec, inputs, job.submitted_ms)

    def say(self, event: Event, size_bytes: int = 0) -> None:
        """Have *event* in the slot, and see to what follows from it."""
        self.is_touched = True
        self.fold.apply(event)
        self.events.append(event)
        self.data_bytes += size_bytes + _EVENT_BYTES
        self._see_to_effects()

    def _see_to_effects(self) -> None:
        effects = self.fold.effects
        for job in effects.given_back:
            self._leases.end(job)
            self._stops.drop(job)
        effects.given_back.clear()
        for job in effects.ready:
            if job.state is JobState.PENDING:
                self._lanes.add(job)
        effects.ready.clear()
        for job in effects.scheduled:
            self._times.add_due(job)
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
    LetGo: QueueMachine._let_go,  # noqa: SLF001  # as above
    Cancel: cancel,
    Retry: retry,
    Reprioritise: reprioritise,
    Change: QueueMachine._change,  # noqa: SLF001  # as above
    Remove: remove,
    Purge: purge,
}
