"""The fold of ``queue@1.0``: what a queue's slots make of its jobs.

A slot says what has happened, in order, and at what time: ``{"at": …, "data": "[…]"}``, the data
being a JSON list of events, and ``wall`` where the wall clock was behind. What follows from an
event by the rules (that a child is unblocked, that it fails with its parent) is nowhere said: the
fold does it. No clock, no chance, no I/O: what was decided by those stands in the events.

After each slot, `QueueFold.rows` gives what has changed, as rows of the tree. So the rows are the
state; a fold that begins with what they say goes on where the last one was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import orjson

from seriatim.formats.jobs import rows as paths
from seriatim.formats.jobs.damage import whole_rows
from seriatim.formats.jobs.effects import Effects
from seriatim.formats.jobs.head import QueueHead, encode_head
from seriatim.formats.jobs.job import Job, Order, decode_row, encode_row, note_failure
from seriatim.formats.jobs.kin import Kin, verdict_of, waits_anew
from seriatim.formats.jobs.numbers import Numbers, change_count
from seriatim.formats.jobs.pace import kept_paces, next_pace
from seriatim.formats.jobs.raw_json import RawJson, dump_json
from seriatim.formats.jobs.settings import Settings, decode_settings, encode_settings
from seriatim.formats.jobs.spans import encode_open
from seriatim.formats.jobs.state import ENDED, IllegalMoveError, JobState, Step, check_move
from seriatim.formats.jobs.telling import Telling
from seriatim.formats.jobs.uniques import Uniques
from seriatim.formats.limits import QUEUE_OPEN_EVERY_SLOTS

if TYPE_CHECKING:
    from seriatim.formats.schedule.assignment import Rows

DEVICE: Final = "queue@1.0"

Event = Mapping[str, Any]
Get = Callable[[paths.Path], bytes | None]
"""Returns what the tree has at a path."""

PARENT_FAILED: Final = "parent_failed"
OVERDUE: Final = "overdue"
DEADLINE_OVER: Final = "its deadline is over"
CANCELLED: Final = "cancelled"


class QueueFold:
    """The state of one queue: in memory what is live, and on disk what has ended.

    Attributes:
        queue: its name.
        live: jobs that have not ended, by id, in the order of their submission.
        settings: see `Settings`.
        numbers: how many jobs are in which state.
        leased: those of them that workers have, by id.
        running: how many of these each type has.
        in_use: how many tokens of each name are taken.
        paces: of each type with a rate, when the next of its jobs would be due by it; see `pace`.
        uniques: see `Uniques`.
        slot: the last slot that it has seen; -1 before the first one.
        at_ms: its time, by which goes what lasts.
        wall_ms: the wall clock then, by which go instants that somebody has said.
        changed_bytes: how large the rows were, about, of the jobs that the slot changes.
        telling: whose children are still to be told; ``told`` has that go on.
        effects: see `Effects`; whoever runs the queue puts new ones in their place.
    """

    def __init__(self, queue: str, get: Get) -> None:
        """Begin with nothing; *get* finds what has ended."""
        self.queue = queue
        self._get = get
        self.live: dict[str, Job] = {}
        self.settings = Settings()
        self.numbers = Numbers()
        self.leased: dict[str, Job] = {}
        self.running: dict[str, int] = {}
        self.in_use: dict[str, int] = {}
        self.paces: dict[str, int] = {}
        self.uniques = Uniques(queue, get)
        self.slot = -1
        self.at_ms = self.wall_ms = 0
        self.changed_bytes = 0
        self.telling = Telling()
        self.effects = Effects()
        self._kin = Kin()
        # Of the slot that is being applied: states before it, what has ended, other rows.
        self._before: dict[str, JobState | None] = {}
        self._ended: dict[str, Job] = {}
        self._other_rows: dict[paths.Path, bytes | None] = {}
        self._submitted_count = 0

    # Looking.

    def job(self, job: str) -> Job | None:
        """Return *job*, live or ended; ``None`` where there is no such job.

        Raises:
            StoreError: its row is damaged.
        """
        found = self.live.get(job) or self._ended.get(job)
        if found is not None or job in self._before:
            return found
        for state in ENDED:
            raw = self._get(paths.job_path(self.queue, state, job))
            if raw is not None:
                return self._read(job, raw)
        return None

    def _read(self, job: str, raw: bytes) -> Job:
        with whole_rows(f"job {job} of queue {self.queue}"):
            return decode_row(raw)

    def children(self, job: str) -> Iterable[str]:
        """Return the jobs that wait for *job*."""
        return self._kin.children(job)

    def is_wanted(self, job: str) -> bool:
        """Tell whether a live job wants the result of *job*, or is to be told of its end."""
        return self._kin.is_wanted(job) or job in self.telling

    # Changing.

    def begin(self, slot: int, at_ms: int, wall_ms: int) -> None:
        """Begin *slot*; what the one before has changed is forgotten: it is durable."""
        self.slot = slot
        self.at_ms = at_ms
        self.wall_ms = wall_ms
        self._before.clear()
        self._ended.clear()
        self._other_rows.clear()
        self.uniques.changed.clear()
        self._submitted_count = 0
        self.changed_bytes = 0
        self.telling.begin()
        self.numbers.touched.clear()

    def apply(self, event: Event) -> None:
        """Do what *event* says.

        Raises:
            IllegalMoveError: it cannot happen.
        """
        _APPLY[event["event"]](self, event)

    def rows(self) -> Rows:
        """Return what the slot has changed, as rows of the tree."""
        queue = self.queue
        rows: list[tuple[paths.Path, bytes | None]] = []
        for job_id, before in self._before.items():
            job = self.live.get(job_id) or self._ended.get(job_id)
            if before is not None and (job is None or job.state is not before):
                rows.append((paths.job_path(queue, before, job_id), None))
            if job is not None:
                rows.append((paths.job_path(queue, job.state, job_id), encode_row(job)))
        if self._ended:
            ended = orjson.dumps(list(self._ended))
            rows.append((paths.ended_path(queue, self.at_ms, self.slot), ended))
        rows.extend(
            (paths.type_path(queue, kind), self.numbers.encode_type(kind))
            for kind in self.numbers.touched
        )
        if self.slot % QUEUE_OPEN_EVERY_SLOTS == 0:
            rows.append((paths.open_path(queue, self.slot), encode_open(self.leased.values())))
        rows.append((paths.head_path(queue), encode_head(self._head())))
        rows.extend(self._other_rows.items())
        rows.extend(self.uniques.changed.items())
        return tuple(rows)

    def _head(self) -> QueueHead:
        states, is_paused = self.numbers.states(), self.settings.is_paused
        untold = self.telling.parents
        return QueueHead(self.slot, self.at_ms, states, is_paused, self.paces, untold)

    def load(
        self,
        head: QueueHead,
        settings: bytes | None,
        types: Iterable[tuple[str, bytes]],
        jobs: Iterable[bytes],
    ) -> None:
        """Begin with what the rows say: of the queue, of its types, and of the live jobs.

        Raises:
            MalformedError: a row is damaged; code ``bad_row``.
        """
        self.slot, self.at_ms = head.slot, head.at_ms
        self.settings = decode_settings(settings)
        self.paces = dict(head.paces)
        for kind, raw in types:
            self.numbers.load_type(kind, raw)
        for job in sorted(map(decode_row, jobs), key=lambda job: job.order):
            self.live[job.id] = job
            self._kin.watch(job)
            if job.state is JobState.LEASED:
                self._take(job)
            elif job.state is JobState.PENDING:
                self.effects.ready.append(job)
            elif job.state is JobState.SCHEDULED:
                self.effects.scheduled.append(job)
        for parent_id in head.untold:
            self._tell_children(parent_id)

    # What the events do.

    def _submitted(self, event: Event) -> None:
        spec = event["spec"]
        order = Order(self.slot, self._submitted_count)
        self._submitted_count += 1
        job = Job(event["id"], event["type"], spec, order, self.at_ms, JobState.BLOCKED)
        if job.id in self.live or job.id in self._ended:
            raise IllegalMoveError(f"{job.id} was submitted before")
        self.uniques.note(job)
        self._before.setdefault(job.id, None)  # one that was forgotten in this slot had a state
        self.live[job.id] = job
        verdict = self._wait_for_parents(job)
        self._kin.watch(job)
        if verdict is not None:
            check_move(Step.SUBMIT, None, verdict[0])
            self.numbers.move(job.type, None, JobState.BLOCKED)
            self._end(job, Step.PARENT, verdict[0], verdict[1], PARENT_FAILED)
            return
        state = JobState.BLOCKED if job.waits else self._ready_state(job)
        check_move(Step.SUBMIT, None, state)
        self._enter(job, None, state)

    def _wait_for_parents(self, job: Job) -> tuple[JobState, str] | None:
        """Note which parents have not ended; return how *job* ends if one has done so badly."""
        waits = set()
        verdict = None
        for parent_id, otherwise in job.spec.get("after", ()):
            parent = self.job(parent_id)
            if parent is None or not parent.state.is_ended:
                waits.add(parent_id)
            else:
                verdict = verdict or verdict_of(parent, otherwise)
        job.waits = waits or None
        return verdict

    def _granted(self, event: Event) -> None:
        for job_id in event["jobs"]:
            job = self.live[job_id]
            self._move(job, Step.GRANT, JobState.LEASED)
            job.token = self.slot
            job.worker = event["worker"]
            job.is_local = event.get("local", False)
            job.started_ms = self.at_ms
            job.attempt += 1
            self._take(job)
            rate = self.settings.rates.get(job.type)
            if rate is not None:
                self.paces[job.type] = next_pace(self.paces.get(job.type, 0), self.at_ms, rate)

    def _done(self, event: Event) -> None:
        job = self._leased(event)
        result = event.get("result")
        if result is not None:
            job.result = result.raw if isinstance(result, RawJson) else dump_json(result)
        job.outcome = event.get("outcome")
        self._end(job, Step.DONE, JobState.DONE)

    def _failed(self, event: Event) -> None:
        job = self._leased(event)
        job.tries += 1
        note_failure(job, self.at_ms, event)
        if "again_ms" in event:
            self._again(job, Step.AGAIN, event["again_ms"])
        elif job.cancelling and event["code"] == CANCELLED:
            self._end(job, Step.CANCEL, JobState.CANCELLED)
        else:
            self._end(job, Step.FAIL, JobState.FAILED)

    def _expired(self, event: Event) -> None:
        job = self._leased(event)
        job.crashes += 1
        note_failure(job, self.at_ms, event)
        if job.cancelling:
            self._end(job, Step.EXPIRE, _stopped(event))
        elif "again_ms" in event:
            self._again(job, Step.EXPIRE, event["again_ms"])
        else:
            self._end(job, Step.EXPIRE, JobState.DEAD)

    def _released(self, event: Event) -> None:
        job = self._leased(event)
        if not event.get("begun"):
            job.attempt -= 1
        if job.cancelling:
            reason, code = event.get("reason", ""), event.get("code", "")
            self._end(job, Step.RELEASE, _stopped(event), reason, code)
            return
        self._give_back(job)
        self._move(job, Step.RELEASE, JobState.PENDING)

    def _due(self, event: Event) -> None:
        for job_id in event["jobs"]:
            self._move(self.live[job_id], Step.DUE, JobState.PENDING)

    def _cancelling(self, event: Event) -> None:
        job = self.live[event["id"]]
        if job.state is not JobState.LEASED:
            raise IllegalMoveError(f"{job} is with no worker that could stop")
        self._touch(job)
        job.cancelling = event["reason"]

    def _cancelled(self, event: Event) -> None:
        job = self.live[event["id"]]
        self._end(job, Step.CANCEL, JobState.CANCELLED, event["reason"], CANCELLED)

    def _refused(self, event: Event) -> None:
        job = self.live[event["id"]]
        self._end(job, Step.REFUSE, JobState.FAILED, event["reason"], event["code"])

    def _overdue(self, event: Event) -> None:
        for job_id in event["jobs"]:
            job = self.live.get(job_id)
            if job is not None:  # a parent that was overdue in the same slot may have ended it
                self._end(job, Step.OVERDUE, JobState.FAILED, DEADLINE_OVER, OVERDUE)

    def _retried(self, event: Event) -> None:
        job = self.job(event["id"])
        if job is None or not job.state.is_ended:
            raise IllegalMoveError(f"{event['id']} has not ended")
        self._touch(job)
        self.telling.drop(job.id)
        self._ended.pop(job.id, None)
        self.live[job.id] = job
        job.tries = job.crashes = job.ended_ms = 0
        job.outcome = None
        # By hand, and so whatever its deadline was.
        job.spec = {key: value for key, value in job.spec.items() if key != "deadline_ms"}
        parents = [parent_id for parent_id, _ in job.spec.get("after", ())]
        job.waits = waits_anew(job, {parent_id: self.job(parent_id) for parent_id in parents})
        self._kin.watch(job)
        self.uniques.note(job)
        # It waits for its time as if it was never tried; a pause between tries was none of that.
        job.due_ms = job.first_due_ms
        self._move(job, Step.RETRY, JobState.BLOCKED if job.waits else self._ready_state(job))

    def _told(self, event: Event) -> None:
        del event
        for parent_id in self.telling.parents:
            parent = self.job(parent_id)
            assert parent is not None, "it is wanted until all its children are told"
            for child_ends in self._told_children(parent):
                self._end(*child_ends)

    def _priority(self, event: Event) -> None:
        job = self.live[event["id"]]
        self._touch(job)
        job.priority = event["priority"]
        if job.state is JobState.PENDING:
            self.effects.ready.append(job)

    def _settings(self, event: Event) -> None:
        before, self.settings = self.settings.rates, self.settings.changed(event["change"])
        self._other_rows[paths.settings_path(self.queue)] = encode_settings(self.settings)
        self.paces = kept_paces(self.paces, before, self.settings.rates)

    def _forgotten(self, event: Event) -> None:
        for job_id in event["jobs"]:
            job = self.job(job_id)
            if job is None or not job.state.is_ended:
                raise IllegalMoveError(f"{job_id} has not ended")
            self._before.setdefault(job_id, job.state)
            self._ended.pop(job_id, None)
            self.numbers.move(job.type, job.state, None)
            self.uniques.forget(job)
        if "index" in event:
            left = event.get("left")
            path = (*paths.ended_group(self.queue), event["index"])
            self._other_rows[path] = orjson.dumps(left) if left else None

    # How it is done.

    def _leased(self, event: Event) -> Job:
        job = self.live.get(event["id"])
        if job is None or job.state is not JobState.LEASED or job.token != event["token"]:
            raise IllegalMoveError(f"{event['id']} is not leased under token {event['token']}")
        self._touch(job)
        return job

    def _touch(self, job: Job) -> None:
        if job.id not in self._before:
            self._before[job.id] = job.state
            self.changed_bytes += job.row_bytes

    def _move(self, job: Job, step: Step, state: JobState) -> None:
        check_move(step, job.state, state)
        self._touch(job)
        self._enter(job, job.state, state)

    def _enter(self, job: Job, before: JobState | None, state: JobState) -> None:
        self.numbers.move(job.type, before, state)
        job.state = state
        if state is JobState.PENDING:
            self.effects.ready.append(job)
        elif state is JobState.SCHEDULED:
            self.effects.scheduled.append(job)
        elif state in ENDED:
            self.effects.ended.append(job)

    def _ready_state(self, job: Job) -> JobState:
        now_ms = self.wall_ms if job.is_due_by_wall else self.at_ms
        return JobState.SCHEDULED if job.due_ms > now_ms else JobState.PENDING

    def _again(self, job: Job, step: Step, again_ms: int) -> None:
        self._give_back(job)
        job.due_ms = again_ms
        self._move(job, step, self._ready_state(job))

    def _end(self, job: Job, step: Step, state: JobState, reason: str = "", code: str = "") -> None:
        """End *job*, and what may not go on without it, as far as the slot has room for it."""
        ending = [(job, step, state, reason, code)]
        while ending:
            job, step, state, reason, code = ending.pop()
            if job.state.is_ended:
                continue
            in_attempt = job.state is JobState.LEASED
            if in_attempt:
                self._give_back(job)
            self._move(job, step, state)
            job.ended_ms = self.at_ms
            job.cancelling = ""
            if reason:
                said = {"code": code, "reason": reason}
                note_failure(job, self.at_ms, said, in_attempt=in_attempt)
            self._kin.unwatch(job)
            del self.live[job.id]
            self._ended[job.id] = job
            if self._kin.children(job.id):
                self._tell_children(job.id)
                ending.extend(self._told_children(job))

    def _tell_children(self, parent_id: str) -> None:
        self.telling.add(parent_id, map(self.live.__getitem__, self._kin.children(parent_id)))

    def _told_children(self, parent: Job) -> Iterable[tuple[Job, Step, JobState, str, str]]:
        """Tell the children of *parent* that it has ended; return how some of them end by that."""
        ends = []
        for child, verdict in self.telling.tell(parent, self.live, self._kin):
            if verdict is not None:
                ends.append((child, Step.PARENT, *verdict, PARENT_FAILED))
                continue
            self._touch(child)
            if not child.waits:
                child.waits = None
                self._move(child, Step.UNBLOCK, self._ready_state(child))
        return ends

    def _take(self, job: Job) -> None:
        self.leased[job.id] = job
        change_count(self.running, job.type, 1)
        for token, count in job.takes:
            change_count(self.in_use, token, count)

    def _give_back(self, job: Job) -> None:
        del self.leased[job.id]
        self.effects.given_back.append(job)
        change_count(self.running, job.type, -1)
        for token, count in job.takes:
            change_count(self.in_use, token, -count)
            self.effects.freed.add(token)


def _stopped(event: Event) -> JobState:
    """Return how a job ends that was to stop, by what is said of its lease."""
    return JobState.FAILED if event.get("code") == OVERDUE else JobState.CANCELLED


_APPLY: Final[dict[str, Callable[[QueueFold, Event], None]]] = {
    "submitted": QueueFold._submitted,  # noqa: SLF001  # its own table
    "granted": QueueFold._granted,  # noqa: SLF001  # as above
    "done": QueueFold._done,  # noqa: SLF001  # as above
    "failed": QueueFold._failed,  # noqa: SLF001  # as above
    "expired": QueueFold._expired,  # noqa: SLF001  # as above
    "released": QueueFold._released,  # noqa: SLF001  # as above
    "due": QueueFold._due,  # noqa: SLF001  # as above
    "cancelling": QueueFold._cancelling,  # noqa: SLF001  # as above
    "cancelled": QueueFold._cancelled,  # noqa: SLF001  # as above
    "refused": QueueFold._refused,  # noqa: SLF001  # as above
    "overdue": QueueFold._overdue,  # noqa: SLF001  # as above
    "retried": QueueFold._retried,  # noqa: SLF001  # as above
    "told": QueueFold._told,  # noqa: SLF001  # as above
    "priority": QueueFold._priority,  # noqa: SLF001  # as above
    "settings": QueueFold._settings,  # noqa: SLF001  # as above
    "forgotten": QueueFold._forgotten,  # noqa: SLF001  # as above
}
