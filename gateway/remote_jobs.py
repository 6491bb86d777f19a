"""The queues of another node, over its API."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from seriatim.actors.app.access import Ending
from seriatim.actors.app.blocking import BlockingApp
from seriatim.actors.app.open_app import OpenApp
from seriatim.actors.embedding.loop_thread import on_a_thread
from seriatim.actors.queue.commands import (
    Cancel,
    Change,
    Claim,
    Claimed,
    Command,
    Purge,
    Purged,
    Remove,
    Report,
    Reported,
    Reprioritise,
    Retry,
    Submitted,
)
from seriatim.actors.queue.plain import (
    claim_to_plain,
    claimed_from_plain,
    report_to_plain,
    reported_from_plain,
)
from seriatim.actors.runtime.absence import Absence
from seriatim.actors.runtime.clock import SystemClock
from seriatim.actors.runtime.own_loop import OwnLoop
from seriatim.actors.runtime.pauses import Pauses
from seriatim.formats.errors import (
    MalformedError,
    NotFoundError,
    SchedulerError,
    StoppingError,
    UnauthorizedError,
    UnavailableError,
    UnsupportedError,
)
from seriatim.formats.jobs.job_id import ENTROPY_BYTES, make_job_id
from seriatim.formats.jobs.raw_json import dump_json
from seriatim.formats.jobs.spec import say_asked
from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import LONG_POLL_MAX_MS, WORKER_PAUSE_MAX_MS, WORKER_PAUSE_MIN_MS
from seriatim.gateway.api_client import ApiClient, connect_api
from seriatim.gateway.awaiting import Awaiting
from seriatim.gateway.printed import read_printed
from seriatim.gateway.reply import field
from seriatim.gateway.submitting import Submitting
from seriatim.gateway.url import check_node_url

if TYPE_CHECKING:
    from seriatim.actors.app.app import App
    from seriatim.actors.runtime.clock import Clock
    from seriatim.formats.jobs.spec import Asked

_LOG: Final = logging.getLogger("seriatim.gateway")
_QUEUES: Final = "queues"
_JOBS: Final = "jobs"


class RemoteJobs:
    """`NodeJobs` of the node that a client asks, for the event loop on which it was made.

    Attributes:
        driver: has other threads ask on that loop.
    """

    def __init__(self, client: ApiClient, clock: Clock, entropy: Callable[[int], bytes]) -> None:
        """Ask by *client*; ids of jobs are made of the time of *clock*, and *entropy*."""
        self.driver = OwnLoop()
        self._client = client
        self._clock = clock
        self._entropy = entropy
        self._absence = Absence(_LOG)
        self._submitting: dict[str, Submitting] = {}
        self._awaiting: dict[str, Awaiting] = {}

    def _here(self) -> ApiClient:
        """Return the client, for a coroutine on its own loop."""
        self.driver.check()
        return self._client

    def make_id(self) -> str:
        """See `JobsAccess.make_id`."""
        return make_job_id(self._clock.now_ms(), self._entropy(ENTROPY_BYTES))

    async def submit(self, queue: str, jobs: Sequence[Asked]) -> list[Submitted]:
        """See `SubmitPort.submit`. Each job has an id, so that the same again is the same job."""
        client = self._here()
        said = [{"id": self.make_id(), **say_asked(each)} for each in jobs]
        submitting = self._submitting.get(queue)
        if submitting is None:
            submitting = self._submitting[queue] = Submitting(client, queue)
        try:
            return await submitting.submit(said)
        except SchedulerError as error:
            raise _as_here(error) from error

    async def claim(self, queue: str, claim: Claim, *, wait_ms: int) -> Claimed:
        """See `JobsPort.claim`."""
        wait_ms = min(wait_ms, LONG_POLL_MAX_MS)
        plain = await self._here().ask(
            "POST",
            (_QUEUES, queue, "claims"),
            query={"wait_ms": wait_ms},
            body=claim_to_plain(claim),
            wait_ms=wait_ms,
        )
        return claimed_from_plain(plain)

    async def report(self, queue: str, report: Report) -> Reported:
        """See `JobsPort.report`."""
        path = (_QUEUES, queue, "reports")
        return reported_from_plain(
            await self._here().ask("POST", path, body=report_to_plain(report))
        )

    async def change(self, queue: str, command: Command) -> Any:
        """See `JobsPort.change`."""
        return await self.ask(queue, command)

    async def ask(self, queue: str, command: Command) -> Any:
        """See `JobsAccess.ask`."""
        path: tuple[str, ...] = (_QUEUES, queue)
        if isinstance(command, Change):
            return await self._here().ask("POST", (*path, "settings"), body=command.change)
        if isinstance(command, Purge):
            body = {"state": command.state.value}
            purged = await self._here().ask("POST", (*path, "purge"), body=body)
            return Purged(field(purged, "purged", int), left=0)
        if isinstance(command, Remove):
            return await self._here().ask("DELETE", (*path, _JOBS, command.job))
        if isinstance(command, Cancel):
            return await self._job(path, command.job, "cancel", {"reason": command.reason})
        if isinstance(command, Retry):
            return await self._job(path, command.job, "retry", {})
        if isinstance(command, Reprioritise):
            return await self._job(path, command.job, "priority", {"priority": command.priority})
        raise UnsupportedError(f"{type(command).__name__} is for another method")

    async def _job(
        self, path: tuple[str, ...], job: str, verb: str, body: Mapping[str, Any]
    ) -> Any:
        plain = await self._here().ask("POST", (*path, _JOBS, job, verb), body=body)
        return JobState(field(plain, "state", str))

    async def schedule(self, name: str, definition: Mapping[str, Any] | None) -> None:
        """See `NodeJobs.schedule`."""
        if definition is not None:
            body = {**definition, "name": name}
            await self._here().ask("POST", ("triggers",), body=body)
            return
        with suppress(NotFoundError):
            await self._here().ask("DELETE", ("triggers", name))

    async def show(self, queue: str, job: str) -> Mapping[str, Any]:
        """See `JobsAccess.show`."""
        path = (_QUEUES, queue, _JOBS, job) if queue else (_JOBS, job)
        return await self._here().ask("GET", path)

    async def ending(self, queue: str, job: str, *, wait_ms: int) -> Ending | None:
        """See `JobsAccess.ending`. A node that is away meanwhile is waited for, too."""
        client = self._here()
        if wait_ms:
            awaiting = self._awaiting.get(queue)
            if awaiting is None:
                awaiting = self._awaiting[queue] = Awaiting(client, queue, self._clock)
            found = await awaiting.ended(job, wait_ms=wait_ms)
        else:
            found = (await client.ask("GET", (_QUEUES, queue, _JOBS, job, "ending"))).get("job")
        if found is None:
            return None
        result = found.get("result")
        failures = found.get("failures") or [{}]
        return Ending(
            field(found, "state", str), b"" if result is None else dump_json(result), failures[-1]
        )

    async def printed(self, queue: str, job: str, after: str) -> tuple[bytes, str | None]:
        """See `JobsAccess.printed`."""
        path = (_QUEUES, queue, _JOBS, job, "output")
        page = await self._here().ask("GET", path, query={"after": after or None})
        return read_printed(page), page.get("after")

    async def idle(self, queue: str, *, wait_ms: int) -> int | None:
        """See `NodeJobs.idle`. A node that is away meanwhile is waited for, too."""
        try:
            return await self._wait_until_idle((_QUEUES, queue, "idle"), wait_ms)
        except NotFoundError:
            return 0

    async def _wait_until_idle(self, path: tuple[str, ...], wait_ms: int) -> int | None:
        """Return the slot that *path* answers; ``None`` if that is none for *wait_ms*.

        A node that stops says so at once, whatever was asked of it: then the next one is asked.

        Raises:
            UnavailableError: the node is away, and *wait_ms* is 0.
        """
        end_ms = self._clock.monotonic_ms() + min(wait_ms, LONG_POLL_MAX_MS)
        pauses = Pauses(self._clock, WORKER_PAUSE_MIN_MS, WORKER_PAUSE_MAX_MS)
        while True:
            left_ms = max(end_ms - self._clock.monotonic_ms(), 0)
            try:
                plain = await self._here().ask(
                    "GET", path, query={"wait_ms": left_ms}, wait_ms=left_ms
                )
            except StoppingError:
                raise  # it is this side that is closed: nothing comes any more
            except UnavailableError as error:
                if not wait_ms:
                    raise
                if not left_ms:
                    return None
                self._absence.note(error)
            else:
                self._absence.end()
                slot: int | None = plain.get("slot")
                if slot is not None or self._clock.monotonic_ms() >= end_ms:
                    return slot
            await pauses.rest()


def _as_here(error: SchedulerError) -> SchedulerError:
    """Return *error*, with which a node has refused jobs, as one of a node in this program."""
    if error.code == "cycle" or error.code.startswith("bad_"):
        return MalformedError(str(error), code=error.code)
    return error


@asynccontextmanager
async def connect(app: App, url: str, token: str) -> AsyncIterator[OpenApp]:
    """Have *app* submit to the node at *url*, as whoever has *token*, while the block runs.

    The node is asked once, before the block begins; while it is away later, handles wait for it.

    Args:
        app: its jobs are run by workers of that node.
        url: the node's.
        token: the operator's, 43 characters: the file ``operator-token`` of its data folder.

    Raises:
        OutboundError: *url* is no node's; see `check_node_url`.
        UnavailableError: nobody answers there, or no node of this kind.
        RefusedError: the node does not know the token; or the app is open already, code ``open``.
    """
    check_node_url(url)
    token = token.strip()  # a file ends with a newline
    if not token.isprintable():
        raise UnauthorizedError
    async with connect_api(url, token) as client:
        await client.check_token()
        clock = SystemClock(asyncio.get_running_loop())
        access = RemoteJobs(client, clock, secrets.token_bytes)
        with closing(access.driver), app.attached(access):
            yield OpenApp(app, access)


@contextmanager
def connect_blocking(app: App, url: str, token: str) -> Iterator[BlockingApp]:
    """Have *app* submit to the node at *url* for blocking code; see `connect`."""
    with on_a_thread(lambda: connect(app, url, token)) as (opened, thread):
        yield BlockingApp(app, opened, thread)
