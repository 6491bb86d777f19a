"""``/api/v1/queues``: jobs, for who submits them, looks at them, and runs them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, cast

from seriatim.actors.node import Node
from seriatim.actors.queue.commands import (
    Cancel,
    Change,
    Command,
    Purge,
    Purged,
    Remove,
    Reprioritise,
    Retry,
)
from seriatim.actors.queue.plain import (
    CLAIM_KEYS,
    REPORT_KEYS,
    claim_from_plain,
    claimed_to_plain,
    report_from_plain,
    reported_to_plain,
    submitted_to_plain,
)
from seriatim.actors.queue.queues import Queues
from seriatim.actors.queue.reader import QueueNow
from seriatim.actors.queue.timeline import Place, Shown, Timeline, TimelinePage
from seriatim.formats.errors import DisabledError, MalformedError
from seriatim.formats.ids import b64url, encode_id
from seriatim.formats.jobs.job_id import check_name
from seriatim.formats.jobs.raw_json import RawJson, dump_json
from seriatim.formats.jobs.rows import is_output_piece
from seriatim.formats.jobs.settings import SETTINGS_KEYS
from seriatim.formats.jobs.state import JobState
from seriatim.formats.jobs.view import view_of
from seriatim.formats.limits import (
    HTTP_PAGE_MAX_BYTES,
    INSTANT_MAX_MS,
    LONG_POLL_MAX_MS,
    TIMELINE_DEFAULT_MS,
)
from seriatim.gateway.http.api.page import reply_page
from seriatim.gateway.http.api.route import Asked, Body, Route
from seriatim.gateway.http.api.submissions import (
    SUBMISSION,
    SUBMISSIONS,
    read_ids,
    read_jobs,
    read_submissions,
    submit_each,
)
from seriatim.gateway.http.reply import reply_json
from seriatim.gateway.http.request import resting

if TYPE_CHECKING:
    from aiohttp import web

_ALL: Final = "/api/v1/queues"
_ONE: Final = f"{_ALL}/{{queue}}"
_JOBS: Final = f"{_ONE}/jobs"
_JOB: Final = f"{_JOBS}/{{job}}"
_PAGED: Final = frozenset({"after", "limit"})
_WAIT: Final = frozenset({"wait_ms"})
_WINDOW: Final = frozenset({"from_ms", "to_ms", "after", "limit"})
_LISTED: Final = frozenset({"state", "type", "after", "limit"})
_SETTINGS: Final = Body(SETTINGS_KEYS, "bad_settings")
_PURGE: Final = Body(frozenset({"state"}), "bad_state")
_CLAIM: Final = Body(CLAIM_KEYS, "bad_claim")
_REPORT: Final = Body(REPORT_KEYS, "bad_report")
_ENDINGS: Final = Body(frozenset({"jobs"}), "bad_job")
_CANCEL: Final = Body(frozenset({"reason"}), "bad_job")
_PRIORITY: Final = Body(frozenset({"priority"}), "bad_job")


class QueueApi:
    """The queues of one node, by their names."""

    def __init__(self, node: Node) -> None:
        """Show the queues of *node*, and change them."""
        self._node = node

    def routes(self) -> tuple[Route, ...]:
        """Return what can be asked for."""
        return (
            Route("GET", _ALL, self._list, _PAGED),
            Route("GET", _ONE, self._show),
            Route("POST", f"{_ONE}/settings", self._set, body=_SETTINGS),
            Route("POST", f"{_ONE}/purge", self._purge, body=_PURGE),
            Route("GET", f"{_ONE}/types", self._types, _PAGED),
            Route("GET", f"{_ONE}/idle", self._idle, _WAIT),
            Route("GET", f"{_ONE}/timeline", self._timeline, _WINDOW),
            Route("POST", f"{_ONE}/claims", self._claim, _WAIT, _CLAIM),
            Route("POST", f"{_ONE}/reports", self._report, body=_REPORT),
            Route("GET", _JOBS, self._list_jobs, _LISTED),
            Route("POST", _JOBS, self._submit, body=SUBMISSION),
            Route("POST", f"{_ONE}/submissions", self._submit_each, body=SUBMISSIONS),
            Route("POST", f"{_ONE}/endings", self._endings, _WAIT, _ENDINGS),
            Route("GET", _JOB, self._show_job),
            Route("DELETE", _JOB, self._remove_job),
            Route("GET", f"{_JOB}/ending", self._ending, _WAIT),
            Route("GET", f"{_JOB}/output", self._output, frozenset({"after"})),
            Route("POST", f"{_JOB}/cancel", self._cancel_job, body=_CANCEL),
            Route("POST", f"{_JOB}/retry", self._retry_job),
            Route("POST", f"{_JOB}/priority", self._reprioritise_job, body=_PRIORITY),
            Route("GET", "/api/v1/jobs/{job}", self._find_job),
        )

    # Queues.

    async def _list(self, asked: Asked) -> web.StreamResponse:
        """Answer with a page of queues, by name."""
        reader, limit = self._queues.reader, asked.limit
        names = reader.names(after=_last_name(asked), limit=limit + 1)
        entries = ((name, _queue_plain(reader.now(name))) for name in names)
        return reply_page("queues", entries, limit)

    async def _show(self, asked: Asked) -> web.StreamResponse:
        return reply_json(_queue_plain(self._queues.reader.now(asked.named["queue"])))

    async def _set(self, asked: Asked) -> web.StreamResponse:
        """Change the settings of a queue, which is made where it is missing."""
        queue = asked.named["queue"]
        await self._queues.change(queue, Change(asked.body))
        return reply_json(_queue_plain(self._queues.reader.now(queue)))

    async def _purge(self, asked: Asked) -> web.StreamResponse:
        """Cancel all jobs in a state that waits; answer with how many those were."""
        said = asked.body
        state = said.get("state", JobState.PENDING)
        if state not in (JobState.PENDING, JobState.SCHEDULED, JobState.BLOCKED):
            raise MalformedError(
                f"state: expected pending, scheduled or blocked, found {str(state)[:64]!r}",
                code="bad_state",
            )
        queue = asked.named["queue"]
        purge, cancelled, left = Purge(JobState(state)), 0, 1
        while left:  # some at a time
            purged: Purged = await self._queues.ask(queue, purge)
            purge = purge._replace(last_slot=purged.last_slot)
            cancelled, left = cancelled + purged.cancelled, purged.left
        return reply_json({"purged": cancelled})

    async def _types(self, asked: Asked) -> web.StreamResponse:
        """Answer with the numbers of each type, a page of them."""
        queue = self._checked(asked)
        limit = asked.limit
        found = self._queues.reader.types(queue, after=_last_name(asked), limit=limit + 1)
        entries = ((kind, {"type": kind, "states": states}) for kind, states in found)
        return reply_page("types", entries, limit)

    async def _idle(self, asked: Asked) -> web.StreamResponse:
        """Answer with the slot at which the queue has no live job; null if it has some."""
        wait_ms = asked.number("wait_ms", 0, minimum=0, maximum=LONG_POLL_MAX_MS)
        with resting(asked.request):
            slot = await self._queues.idle(asked.named["queue"], wait_ms=wait_ms)
        return reply_json({"slot": slot})

    async def _timeline(self, asked: Asked) -> web.StreamResponse:
        """Answer with what workers have run in a window of time, a page of it."""
        queue, after = asked.named["queue"], asked.query.get("after")
        to_ms = asked.number(
            "to_ms", self._queues.clock.now_ms(), minimum=0, maximum=INSTANT_MAX_MS
        )
        from_ms = asked.number(
            "from_ms", max(to_ms - TIMELINE_DEFAULT_MS, 0), minimum=0, maximum=to_ms
        )
        limit = asked.limit
        timeline = Timeline(queue, self._queues.process(queue), self._node, self._queues.reader)

        def read() -> TimelinePage:
            place = timeline.window(from_ms, to_ms) if after is None else Place.parse(after)
            return timeline.page(place, limit)

        page = await asyncio.to_thread(read)  # slots may be long, and nobody else waits for it
        spans = [_span_plain(each) for each in page.spans]
        said = {"queue": queue, "from_ms": from_ms, "to_ms": to_ms, "spans": spans}
        return reply_json({**said, "after": None if page.after is None else str(page.after)})

    # Workers.

    async def _claim(self, asked: Asked) -> web.StreamResponse:
        """Lease jobs to a worker; wait for them as long as the query says."""
        wait_ms = asked.number("wait_ms", 0, minimum=0, maximum=LONG_POLL_MAX_MS)
        claim = claim_from_plain(asked.body)
        with resting(asked.request):  # a worker that has gone withdraws its claim
            claimed = await self._queues.claim(asked.named["queue"], claim, wait_ms=wait_ms)
        return reply_json(dump_json(claimed_to_plain(claimed)))

    async def _report(self, asked: Asked) -> web.StreamResponse:
        """Note what has become of jobs that a worker has leased."""
        queue = asked.named["queue"]
        report = report_from_plain(asked.body, queue)
        reported = await self._queues.report(queue, report)
        return reply_json(reported_to_plain(reported))

    # Jobs.

    async def _submit(self, asked: Asked) -> web.StreamResponse:
        """Submit jobs, all of them or none: 201, and 200 where all of them were there."""
        wanted = read_jobs(asked.body)
        submitted = await self._queues.submit(asked.named["queue"], wanted)
        status = 200 if all(each.repeated for each in submitted) else 201
        return reply_json(submitted_to_plain(submitted), status=status)

    async def _submit_each(self, asked: Asked) -> web.StreamResponse:
        """Submit several times at once, each all or none; answer with what became of each."""
        submissions = read_submissions(asked.body)
        answers = await submit_each(self._queues, asked.named["queue"], submissions)
        return reply_json({"submissions": answers})

    async def _list_jobs(self, asked: Asked) -> web.StreamResponse:
        """Answer with a page of jobs; it may be short, or empty, before the last one."""
        queue, query = self._checked(asked), asked.query
        limit = asked.limit
        states = _read_states(query.get("state", ""))
        page = self._queues.reader.page(
            queue,
            states=states,
            kind=query.get("type", ""),
            after=_read_after(query.get("after"), states),
            limit=limit,
        )
        after = None if page.after is None else "/".join(page.after)
        jobs = [view_of(queue, job) for job in page.jobs]
        return reply_json(dump_json({"jobs": jobs, "after": after}))

    async def _show_job(self, asked: Asked) -> web.StreamResponse:
        return self._reply_job(asked.named["job"], asked.named["queue"])

    async def _find_job(self, asked: Asked) -> web.StreamResponse:
        """Answer with the job of that id, whatever its queue."""
        return self._reply_job(asked.named["job"], "")

    def _reply_job(self, job: str, queue: str) -> web.StreamResponse:
        name, found = self._queues.reader.find(job, queue)
        return reply_json(dump_json(view_of(name, found, self._queues.running(found))))

    async def _ending(self, asked: Asked) -> web.StreamResponse:
        """Answer with the job once it has ended; null if it has not in the time that is given."""
        wait_ms = asked.number("wait_ms", 0, minimum=0, maximum=LONG_POLL_MAX_MS)
        queue = asked.named["queue"]
        with resting(asked.request):
            job = await self._queues.ended(queue, asked.named["job"], wait_ms=wait_ms)
        return reply_json(dump_json({"job": None if job is None else view_of(queue, job)}))

    async def _endings(self, asked: Asked) -> web.StreamResponse:
        """Answer with those of some jobs that have ended, as soon as one has, or is not there.

        Where they are long, with some of them: who asks again has the others at once.
        """
        wait_ms = asked.number("wait_ms", 0, minimum=0, maximum=LONG_POLL_MAX_MS)
        queue, jobs = asked.named["queue"], read_ids(asked.body)
        with resting(asked.request):
            found = await self._queues.endings(queue, jobs, wait_ms=wait_ms)
        ended, size_bytes = [], 0
        for job in found.ended:
            ended.append(dump_json(view_of(queue, job)))
            size_bytes += len(ended[-1])
            if size_bytes >= HTTP_PAGE_MAX_BYTES:
                break
        said = {"jobs": [RawJson(each) for each in ended], "unknown": found.unknown}
        return reply_json(dump_json(said))

    async def _output(self, asked: Asked) -> web.StreamResponse:
        """Answer with some of what the job has printed."""
        queue, job = asked.named["queue"], asked.named["job"]
        self._queues.reader.find(job, queue)
        after = asked.query.get("after", "")
        if after and not is_output_piece(after):
            raise _no_place()
        page = self._queues.reader.output_page(queue, job, after)
        pieces = []
        for name, data in page.pieces:
            token, _, number = name.partition(".")
            said = {"token": int(token), "number": int(number)}
            pieces.append({**said, "data+base64url": b64url(data)})
        return reply_json({"output": pieces, "after": page.after})

    async def _cancel_job(self, asked: Asked) -> web.StreamResponse:
        reason = asked.body.get("reason", "somebody has cancelled it")
        return await self._change_job(asked, Cancel(asked.named["job"], reason))

    async def _retry_job(self, asked: Asked) -> web.StreamResponse:
        return await self._change_job(asked, Retry(asked.named["job"]))

    async def _reprioritise_job(self, asked: Asked) -> web.StreamResponse:
        priority = cast("int", asked.body.get("priority"))  # which is checked where it is set
        return await self._change_job(asked, Reprioritise(asked.named["job"], priority))

    async def _change_job(self, asked: Asked, command: Command) -> web.StreamResponse:
        await self._queues.ask(asked.named["queue"], command)
        return self._reply_job(asked.named["job"], asked.named["queue"])

    async def _remove_job(self, asked: Asked) -> web.StreamResponse:
        await self._queues.ask(asked.named["queue"], Remove(asked.named["job"]))
        return reply_json({"id": asked.named["job"], "state": "removed"})

    def _checked(self, asked: Asked) -> str:
        """Return the name of the queue that is asked for.

        Raises:
            NotFoundError: there is no such queue.
        """
        queue = asked.named["queue"]
        self._queues.process(queue)
        return queue

    @property
    def _queues(self) -> Queues:
        if self._node.queues is None:
            raise DisabledError("this node places no messages, and so has no queues")
        return self._node.queues


def _last_name(asked: Asked) -> str | None:
    """Return the name that the last page ended with; ``None`` for the first page.

    Raises:
        MalformedError: it is none; code ``bad_name``.
    """
    after = asked.query.get("after")
    return None if after is None else check_name(after, "after")


def _read_states(text: str) -> list[JobState]:
    """Return the states that *text* names, between commas; all of them for empty text."""
    names = text.split(",") if text else list(JobState)
    for each in names:
        if each not in set(JobState):
            raise MalformedError(
                f"state: expected some of {', '.join(JobState)}, found {each[:64]!r}",
                code="bad_query",
            )
    return [JobState(each) for each in dict.fromkeys(names)]


def _no_place() -> MalformedError:
    return MalformedError("after: it is of no page of this list", code="bad_query")


def _read_after(text: str | None, states: Iterable[JobState]) -> tuple[JobState, str] | None:
    if text is None:
        return None
    state, _, job = text.partition("/")
    if state not in set(states):
        raise _no_place()
    return JobState(state), check_name(job, "after")


def _span_plain(shown: Shown) -> dict[str, Any]:
    return {**shown.span._asdict(), "type": shown.type, "attempt": shown.attempt}


def _queue_plain(now: QueueNow) -> dict[str, Any]:
    return {
        "name": now.name,
        "process": encode_id(now.process),
        "slot": now.slot,
        "at_ms": now.at_ms,
        "states": now.states,
        "settings": now.settings.to_plain(),
    }
