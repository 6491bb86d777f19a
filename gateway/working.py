"""A worker of another node: its functions, its queues, and how it ends."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from seriatim.actors.app.app import App, check_category
from seriatim.actors.runtime.clock import SystemClock, pause
from seriatim.actors.worker.begin import begin_worker
from seriatim.actors.worker.guard import LoopGuard
from seriatim.formats.errors import MalformedError, UnavailableError
from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import DRAIN_LOOK_MS, WORKER_DRAIN_MS, WORKER_ROOM_MAX
from seriatim.gateway.api_client import ApiClient, connect_api
from seriatim.gateway.remote_jobs import RemoteJobs
from seriatim.gateway.reply import field
from seriatim.gateway.stop import stop_signal

if TYPE_CHECKING:
    from seriatim.actors.runtime.clock import Clock
    from seriatim.actors.worker.handler import Handler
    from seriatim.actors.worker.worker import Worker

_QUEUE: Final = "default"
_ROOM: Final = 8


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
        until_eof: whether it ends with its stdin: whoever has started it is gone then.
    """

    modules: Sequence[str]
    queues: Sequence[str]
    room: int
    category: str
    takes_commands: bool
    drains: bool
    until_eof: bool = False


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
    url: str, token: str, work: Work, on_ready: Callable[[list[str]], object]
) -> Left | None:
    """Work for the node at *url* until it is told to stop, or until nothing is left.

    Args:
        url: the node's.
        token: of its operator.
        work: what to do.
        on_ready: is told the names of its workers, one for each category of a queue.

    Returns:
        What it has had to leave, where it was to leave nothing.

    Raises:
        MalformedError: a module has no app (``bad_module``); the category is no name.
        SchedulerError: the node refuses, or is not there.
    """
    check_category(work.category)
    stop, is_alone = stop_signal(), asyncio.Event()
    if work.until_eof:
        _hear_eof(is_alone, stop)
    apps = [app for module in work.modules for app in load_apps(module)]
    clock = SystemClock(asyncio.get_running_loop())
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(connect_api(url, token))
        access = RemoteJobs(client, clock, secrets.token_bytes)
        for app in apps:
            stack.enter_context(app.attached(access))
            await app.declare(access)
        guard = LoopGuard(clock, lambda: _aside(url, token))
        stack.callback(guard.close)
        workers = [
            _begin(stack, access, apps, work, clock, guard, queue=queue, category=category)
            for queue in _queues(apps, work)
            for category in _categories(apps, work, queue)
        ]
        on_ready([worker.name for worker in workers])
        left = await _until_end(stop, client, access, workers, drains=work.drains)
        await _drain(workers, is_alone, clock)
    return left


@asynccontextmanager
async def _aside(url: str, token: str) -> AsyncIterator[RemoteJobs]:
    """Open the queues of the node at *url* in the loop that runs."""
    async with connect_api(url, token) as client:
        clock = SystemClock(asyncio.get_running_loop())
        yield RemoteJobs(client, clock, secrets.token_bytes)


def _hear_eof(*events: asyncio.Event) -> None:
    """Set *events* at the end of stdin; once: it can be read for ever then."""
    loop, stdin = asyncio.get_running_loop(), sys.stdin.fileno()

    def hear() -> None:
        loop.remove_reader(stdin)
        for event in events:
            event.set()

    loop.add_reader(stdin, hear)


def _begin(
    stack: AsyncExitStack,
    access: RemoteJobs,
    apps: Sequence[App],
    work: Work,
    clock: Clock,
    guard: LoopGuard,
    *,
    queue: str,
    category: str,
) -> Worker:
    """Begin a worker of *queue* that is counted under *category*; *stack* closes it."""
    # What was said on the command line goes for functions that say nothing, too.
    own = {category, ""} if work.category else {category}
    handlers: dict[str, Handler] = {}
    for app in apps:
        handlers |= app.handlers(queue, own)
    room = work.room or sum(app.room(queue, own) for app in apps) or _ROOM
    return begin_worker(
        stack,
        access,
        queue=queue,
        handlers=handlers,
        room=min(room, WORKER_ROOM_MAX),
        clock=clock,
        entropy=secrets.token_bytes,
        is_local=False,
        takes_commands=work.takes_commands,
        category=category,
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


def _queues(apps: Sequence[App], work: Work) -> Sequence[str]:
    if work.queues:
        return list(dict.fromkeys(work.queues))
    return sorted({queue for app in apps for queue in app.queues}) or [_QUEUE]


def _categories(apps: Sequence[App], work: Work, queue: str) -> Sequence[str]:
    if work.category:
        return [work.category]
    return sorted({each for app in apps for each in app.categories(queue)}) or [""]


def load_apps(place: str) -> list[App]:
    """Return the apps of the module at *place*: ``shop.jobs``, or one, ``shop.jobs:app``.

    Raises:
        MalformedError: it cannot be loaded, or has none; code ``bad_module``.
    """
    module, _, name = place.partition(":")
    try:
        found: Any = import_module(module)
    except (Exception, SystemExit) as error:
        raise MalformedError(
            f"module {module} cannot be imported: {type(error).__name__}: {error}",
            code="bad_module",
        ) from error
    values = [getattr(found, name, None)] if name else list(vars(found).values())
    apps = [value for value in values if isinstance(value, App)]
    if not apps:
        raise MalformedError(f"{place} has no seriatim.App", code="bad_module")
    return list(dict.fromkeys(apps))
