"""The ends of jobs of another node: what many callers wait for is asked in few requests.

::

    a caller ──► gathered, until the loop comes round ──► one request for up to ENDINGS_JOBS_MAX
                    ▲                                        │
                    │                                        ├── ended, or unknown: their callers
                    └── the others of it, and whoever ◄──────┘   are told
                        has come meanwhile

A request is answered as soon as one of its jobs has ended, with all that have by then. Each has a
connection, and a node has few of them: where there are more than a few, those that have begun with
no more jobs than what is gathered are withdrawn, and all is asked for together. So callers share
requests who come one by one, too. Whoever waits no longer is left out of the next one, and a
request that nobody waits for is withdrawn.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from seriatim.actors.runtime.absence import Absence
from seriatim.actors.runtime.pauses import Pauses
from seriatim.formats.errors import NotFoundError, StoppingError, UnavailableError
from seriatim.formats.jobs.job_id import check_name
from seriatim.formats.limits import (
    ENDINGS_JOBS_MAX,
    ENDINGS_REQUESTS_FEW,
    LONG_POLL_MAX_MS,
    WORKER_PAUSE_MAX_MS,
    WORKER_PAUSE_MIN_MS,
)
from seriatim.gateway.reply import field

if TYPE_CHECKING:
    from seriatim.actors.runtime.clock import Clock
    from seriatim.gateway.api_client import ApiClient

_LOG: Final = logging.getLogger("seriatim.gateway")
_Ended = Mapping[str, Any]


class Awaiting:
    """Waits for jobs of one queue of the node that a client asks. Belongs to one event loop."""

    def __init__(self, client: ApiClient, queue: str, clock: Clock) -> None:
        """Wait for jobs of *queue*, asking by *client*; the time is that of *clock*."""
        self._client = client
        self._path = ("queues", queue, "endings")
        self._clock = clock
        # Those who wait, by job; a job that is not in a request is gathered.
        self._callers: dict[str, list[asyncio.Future[_Ended | None]]] = {}
        self._gathered: list[str] = []
        self._requests: dict[str, _Request] = {}
        self._under_way: set[_Request] = set()
        self._pauses = Pauses(clock, WORKER_PAUSE_MIN_MS, WORKER_PAUSE_MAX_MS)
        self._absence = Absence(_LOG)

    async def ended(self, job: str, *, wait_ms: int) -> _Ended | None:
        """Return *job*, as the node shows it, once it has ended; ``None`` if not in *wait_ms*.

        A node that is away meanwhile is waited for, too.

        Raises:
            MalformedError: *job* is no id; code ``bad_name``.
            NotFoundError: there is no such job.
            SchedulerError: see `ApiClient.ask`.
        """
        check_name(job, "job")
        loop = asyncio.get_running_loop()
        caller: asyncio.Future[_Ended | None] = loop.create_future()
        if job not in self._callers:
            self._gather([job])
        self._callers.setdefault(job, []).append(caller)
        over = self._clock.call_later(wait_ms, lambda: _settle(caller, None))
        try:
            return await caller
        finally:
            over.cancel()
            self._leave(job, caller)

    def _leave(self, job: str, caller: asyncio.Future[_Ended | None]) -> None:
        callers = self._callers.get(job, [])
        if caller not in callers:  # it was told
            return
        callers.remove(caller)
        if not callers:
            self._release(job)

    def _release(self, job: str) -> Sequence[asyncio.Future[_Ended | None]]:
        """Return those who wait for *job*, as nobody does from now on: it is in no request."""
        request = self._requests.pop(job, None)
        if request is not None:
            del request.jobs[job]
            if not request.jobs:
                self._withdraw(request)
        return self._callers.pop(job, ())

    def _withdraw(self, request: _Request) -> None:
        """Have *request* be under way no more, unless it is over: its jobs are in none."""
        for job in request.jobs:
            del self._requests[job]
        self._under_way.discard(request)
        if request.task not in (None, asyncio.current_task()):
            request.task.cancel()

    def _gather(self, jobs: Sequence[str]) -> None:
        """Have *jobs* asked for when the loop has come round."""
        if jobs and not self._gathered:
            asyncio.get_running_loop().call_soon(self._send)
        self._gathered.extend(jobs)

    def _send(self) -> None:
        # Once each, though somebody has left and come again; none that nobody waits for by now.
        gathered = [job for job in dict.fromkeys(self._gathered) if job in self._callers]
        self._gathered.clear()
        # Whoever has left counts: else those who come and leave would withdraw it for ever.
        for request in sorted(self._under_way, key=lambda each: each.size):
            room = ENDINGS_JOBS_MAX - len(gathered)
            is_small = request.size <= len(gathered) and len(request.jobs) <= room
            if len(self._under_way) < ENDINGS_REQUESTS_FEW or not is_small:
                break
            gathered += request.jobs
            self._withdraw(request)
        for first in range(0, len(gathered), ENDINGS_JOBS_MAX):
            request = _Request(gathered[first : first + ENDINGS_JOBS_MAX])
            self._requests.update(dict.fromkeys(request.jobs, request))
            self._under_way.add(request)
            request.task = asyncio.ensure_future(self._ask(request))

    async def _ask(self, request: _Request) -> None:
        """Ask once, and tell whom it concerns; the jobs of the others are gathered."""
        asked_ms = self._clock.monotonic_ms()
        try:
            answer = await self._client.ask(
                "POST",
                self._path,
                query={"wait_ms": LONG_POLL_MAX_MS},
                body={"jobs": list(request.jobs)},
                wait_ms=LONG_POLL_MAX_MS,
            )
            is_told = self._hear(answer)
        except StoppingError as error:  # this side is closed: nothing comes any more
            self._fail(list(request.jobs), error)
        except UnavailableError as error:
            self._absence.note(error)
            await self._pauses.rest()
        except Exception as error:  # noqa: BLE001  # whoever waits has to be told
            self._fail(list(request.jobs), error)
        else:
            self._absence.end()
            if is_told or self._clock.monotonic_ms() - asked_ms >= WORKER_PAUSE_MAX_MS:
                self._pauses.restart()
            else:
                await self._pauses.rest()  # a node that stops lets nobody wait
        self._withdraw(request)
        self._gather(list(request.jobs))

    def _hear(self, answer: Mapping[str, Any]) -> bool:
        """Tell the callers whom *answer* concerns; return whether there is anything in it."""
        jobs, unknown = field(answer, "jobs", list), field(answer, "unknown", list)
        for ended in jobs:
            for caller in self._release(field(ended, "id", str)):
                _settle(caller, ended)
        for job in unknown:
            missing = NotFoundError(f"no job {job} in queue {self._path[1]}; it may be forgotten")
            self._fail([job], missing)
        return bool(jobs or unknown)

    def _fail(self, jobs: Iterable[str], error: Exception) -> None:
        for job in jobs:
            for caller in self._release(job):
                if not caller.done():
                    caller.set_exception(error)


class _Request:
    """One that is under way.

    Attributes:
        jobs: those of it that somebody waits for, in their order.
        size: how many it has begun with.
        task: asks.
    """

    __slots__ = ("jobs", "size", "task")

    def __init__(self, jobs: Sequence[str]) -> None:
        self.jobs = dict.fromkeys(jobs)
        self.size = len(self.jobs)
        self.task: asyncio.Task[None] | None = None


def _settle(caller: asyncio.Future[_Ended | None], ended: _Ended | None) -> None:
    if not caller.done():
        caller.set_result(ended)
