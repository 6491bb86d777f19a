"""A worker of another node: its functions, its queues, and how it ends."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Iterable,
    Sequence,
)
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from seriatim.actors.app.app import check_category
from seriatim.actors.runtime.clock import SystemClock, pause
from seriatim.actors.runtime.pauses import Pauses
from seriatim.actors.worker.begin import begin_worker
from seriatim.actors.worker.guard import LoopGuard
from seriatim.formats.errors import NoNodeError, UnavailableError
from seriatim.formats.jobs.job_id import check_name
from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import (
    DRAIN_LOOK_MS,
    WORKER_DRAIN_MS,
    WORKER_PAUSE_MAX_MS,
    WORKER_PAUSE_MIN_MS,
    WORKER_ROOM_MAX,
)
from seriatim.gateway.api_client import ApiClient, connect_api
from seriatim.gateway.functions import load_apps, share_out
from seriatim.gateway.remote_jobs import RemoteJobs
from seriatim.gateway.reply import field
from seriatim.gateway.stop import stop_signal

if TYPE_CHECKING:
    from seriatim.actors.app.app import App
    from seriatim.actors.runtime.clock import Clock
    from seriatim.actors.worker.worker import Worker
    from seriatim.gateway.functions import Share
    from seriatim.gateway.worker_tether import WorkerTether

T = TypeVar("T")
Find = Callable[[], Awaitable[tuple[str, str]]]
"""Gives the URL of a node, and the token of its operator."""

_ROOM: Final = 8
_LOG: Final = logging.getLogger("seriatim.gateway")


class Work(NamedTuple):
    """What a worker is to do.

    Attributes:
        modules: where its functions are.
        queues: whose jobs it runs; none for those of its functions.
        room: how many at once, of each queue; 0 for as many as its functions say.
        category: what it is counted under; it runs functions of that category, and of none. Empty
            for a worker for each category that its functions have.
        takes_commands: whether it runs commands, too.
        drains: whether it ends when no job is left.
        tether: leads to whoever has begun it, and wants it to end when that one does.
    """

    modules: Sequence[str]
    queues: Sequence[str]
    room: int
    category: str
    takes_commands: bool
    drains: bool
    tether: WorkerTether | None = None


class Left(NamedTuple):
    """What a worker that drains its queues cannot do.

    Attributes:
        queue: where it is.
        jobs: how many.
        why: why that is.
    """

    queue: str
    jobs: int
    why: str


async def run_worker(
    find: Find, work: Work, on_ready: Callable[[list[str]], object]
) -> Left | None:
    """Work for a node until it is told to stop, or until nothing is left.

    A node that is not there is waited for, now and whenever it goes away.

    Args:
        find: where it is; whether there is one may be found out by that, too.
        work: what to do.
        on_ready: is told the names of its workers, one for each category of a queue.

    Returns:
        What it has had to leave, where it was to leave nothing.

    Raises:
        MalformedError: a module has no app (``bad_module``); the category, or a queue's name, is
            none (``bad_name``).
        RefusedError: it would run nothing; see `share_out`.
        SchedulerError: the node refuses, or what answers is none.
    """
    check_category(work.category)
    for queue in work.queues:
        check_name(queue, "queue")
    clock = SystemClock(asyncio.get_running_loop())
    stop, is_alone = stop_signal(clock), asyncio.Event()
    if work.tether is not None:
        work.tether.hear_end(is_alone, stop)
    apps = load_apps(work.modules).values()
    shares = share_out(apps, work.queues, work.category, takes_commands=work.takes_commands)
    async with AsyncExitStack() as stack:
        reached = await _unless(stop, _reach(stack, find, apps, clock))
        if reached is None:
            return None
        client, access = reached
        stack.callback(access.driver.close)
        for app in apps:
            stack.enter_context(app.attached(access))
        guard = LoopGuard(clock, lambda: _detour(find))
        stack.callback(guard.close)
        workers = [_begin(stack, access, share, work, clock, guard) for share in shares]
        on_ready([worker.name for worker in workers])
        left = await _until_end(stop, client, access, workers, drains=work.drains)
        await _drain(workers, is_alone, clock)
    return left


@asynccontextmanager
async def _detour(find: Find) -> AsyncIterator[RemoteJobs]:
    """Open the node's queues in the loop that runs."""
    async with connect_api(*await find()) as client:
        clock = SystemClock(asyncio.get_running_loop())
        yield RemoteJobs(client, clock, secrets.token_bytes)


async def _unless(stop: asyncio.Event, doing: Coroutine[Any, Any, T]) -> T | None:
    """Return what comes of *doing*; ``None`` where *stop* is set before that."""
    done, stopped = asyncio.ensure_future(doing), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((done, stopped), return_when=asyncio.FIRST_COMPLETED)
        return done.result() if done.done() else None
    finally:
        for each in (done, stopped):
            each.cancel()
        await asyncio.wait((done, stopped))


async def _reach(
    stack: AsyncExitStack, find: Find, apps: Iterable[App], clock: Clock
) -> tuple[ApiClient, RemoteJobs]:
    """Return what asks the node, once it is there and knows what *apps* declare.

    Raises:
        NoNodeError: what answers is none.
        SchedulerError: it refuses.
    """
    pauses, said = Pauses(clock, WORKER_PAUSE_MIN_MS, WORKER_PAUSE_MAX_MS), ""
    while True:
        try:
            async with AsyncExitStack() as trying:
                client = await trying.enter_async_context(connect_api(*await find()))
                # Who has no apps declares nothing, and would not hear that the token is wrong.
                await client.check_token()
                access = RemoteJobs(client, clock, secrets.token_bytes)
                for app in apps:
                    await app.declare(access)
                stack.push_async_callback(trying.pop_all().aclose)
                return client, access
        except NoNodeError:
            raise
        except UnavailableError as error:
            if said != str(error):
                said = str(error)
                _LOG.warning("the node is waited for: %s", said)
        await pauses.rest()


def _begin(
    stack: AsyncExitStack,
    access: RemoteJobs,
    share: Share,
    work: Work,
    clock: Clock,
    guard: LoopGuard,
) -> Worker:
    """Begin the worker of *share*; *stack* closes it."""
    return begin_worker(
        stack,
        access,
        queue=share.queue,
        handlers=share.handlers,
        room=min(work.room or share.room or _ROOM, WORKER_ROOM_MAX),
        clock=clock,
        entropy=secrets.token_bytes,
        is_local=False,
        takes_commands=work.takes_commands,
        category=share.category,
        guard=guard,
    )


async def _drain(workers: Sequence[Worker], is_alone: asyncio.Event, clock: Clock) -> None:
    """Have *workers* finish what they have; what takes too long once they are alone is left."""

    async def drained() -> None:
        await asyncio.gather(*(worker.drain() for worker in workers))

    async def given_up() -> None:
        await is_alone.wait()
        await pause(clock, WORKER_DRAIN_MS)

    ends = [asyncio.ensure_future(each) for each in (drained(), given_up())]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for each in ends:
        each.cancel()
    await asyncio.gather(*ends, return_exceptions=True)


async def _until_end(
    stop: asyncio.Event,
    client: ApiClient,
    access: RemoteJobs,
    workers: Sequence[Worker],
    *,
    drains: bool,
) -> Left | None:
    """Return when *workers* are to end, or have: then what is left that they were to do."""

    async def stopped() -> None:
        await stop.wait()

    async def drained() -> None:
        await asyncio.gather(*(worker.left() for worker in workers))

    ends: list[Coroutine[Any, Any, Left | None]] = [stopped(), drained()]
    if drains:
        ends.append(_nothing_left(client, access, workers))
    first, others = await asyncio.wait(
        [asyncio.ensure_future(each) for each in ends], return_when=asyncio.FIRST_COMPLETED
    )
    for each in others:
        each.cancel()
    return next((left for each in first if (left := each.result()) is not None), None)


async def _nothing_left(
    client: ApiClient, access: RemoteJobs, workers: Sequence[Worker]
) -> Left | None:
    """Return when no queue has a job left, or none that could begin: then what is left."""
    for queue in sorted({worker.queue for worker in workers}):
        # Those that their operator has drained leave what there is.
        while own := [each for each in workers if each.queue == queue and not each.is_draining]:
            if await access.idle(queue, wait_ms=DRAIN_LOOK_MS) is not None:
                break
            try:
                left = await _stuck(client, queue, own)
            except UnavailableError:
                continue  # it comes back, or whoever has started the worker ends it
            if left is not None:
                return left
    return None


async def _stuck(client: ApiClient, queue: str, workers: Sequence[Worker]) -> Left | None:
    """Return what is left of *queue*, whose *workers* these are, where nothing goes on or will."""
    now = await client.ask("GET", ("queues", queue))
    states = field(now, "states", dict)
    is_busy = any(worker.running for worker in workers)
    if states.get("leased") or states.get("scheduled") or is_busy:
        return None
    pending, blocked = states.get("pending", 0), states.get("blocked", 0)
    if not pending:
        why = "what they wait for was never submitted"
        return Left(queue, blocked, why) if blocked else None
    settings = field(now, "settings", dict)
    if settings.get("paused"):
        why = "the queue is paused"
    elif not await _has_work(client, queue, workers, settings.get("paused_types") or ()):
        why = "they are of types that it does not run, or that rest"
        if not any(each.takes("", is_command=True) for each in workers):
            why += ", or commands, which it runs with --commands"
    else:
        return None
    beside = f"; blocked beside them: {blocked}" if blocked else ""
    return Left(queue, pending, why + beside)


async def _has_work(
    client: ApiClient, queue: str, workers: Sequence[Worker], paused: Collection[str]
) -> bool:
    """Tell whether a job is pending that one of *workers* runs, of a type that is not *paused*."""
    query = {"state": JobState.PENDING}
    async for page in client.pages(("queues", queue, "jobs"), query=query):
        for job in field(page, "jobs", list):
            kind, spec = field(job, "type", str), field(job, "spec", dict)
            is_taken = any(each.takes(kind, is_command="command" in spec) for each in workers)
            if is_taken and kind not in paused:
                return True
    return False
