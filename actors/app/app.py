"""An app: the functions of a program that are jobs, and where their queues are."""

from __future__ import annotations

from collections.abc import (
    AsyncIterator,
    Callable,
    Collection,
    Coroutine,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, ParamSpec, Protocol, TypeVar, Unpack, overload

from seriatim.actors.app.blocking import BlockingApp, BlockingJobs
from seriatim.actors.app.declaring import (
    check_function,
    check_schedule,
    error_classes,
    queue_settings,
)
from seriatim.actors.app.inline import InlineJobs
from seriatim.actors.app.job_function import (
    Declared,
    JobFunction,
    check_can_await,
    place_of,
)
from seriatim.actors.app.local import LocalJobs
from seriatim.actors.app.options import Duration, JobOptions, naming
from seriatim.actors.app.prepared import submit_prepared
from seriatim.actors.app.running_app import RunningApp
from seriatim.actors.app.worker_jobs import WorkerJobs
from seriatim.actors.embedding.loop_thread import on_a_thread
from seriatim.actors.embedding.node import open as open_embedded
from seriatim.actors.executor.context import current
from seriatim.actors.executor.loading import refuse_while_loading
from seriatim.actors.queue.commands import Change
from seriatim.formats.errors import MalformedError, RefusedError
from seriatim.formats.jobs.job_id import check_name
from seriatim.formats.limits import WORKER_ROOM_MAX

if TYPE_CHECKING:
    from seriatim.actors.app.access import JobsAccess, NodeJobs
    from seriatim.actors.app.handle import Handle
    from seriatim.actors.app.prepared import Prepared
    from seriatim.actors.runtime.clock import Clock
    from seriatim.actors.worker.handler import Handler

P = ParamSpec("P")
R = TypeVar("R")


class JobSettings(JobOptions, total=False):
    """What may be said of a function that is a job, beside what its jobs are.

    Attributes:
        queue: where its jobs go.
        type: their type; the name of the function where nothing is said.
        also: other types whose jobs it runs, too: what it was called before, or what another
            program submits; what is said of its type is said of each.
        decode: makes the arguments of today of a payload of whatever version, as JSON has them.
        concurrency: how many of them may run at once, wherever; 1 where nothing is said.
        key_concurrency: how many of one ``key``; 1 where nothing is said.
        rate: how many may begin within how long: ``(100, "1 minute")``.
        retry_on: errors after which a job is tried again, as often as ``retries`` says.
        fail_on: errors after which it is not, though they are of the others.
        run: where it runs: ``loop``, ``thread`` or ``process``.
        category: what the workers that run it are counted under: ``gpu``, say. A program has a
            worker for each category of a queue.
        schedule: when a job is submitted by itself, without arguments: see ``docs/cron.md``.
        tz: the IANA zone whose clocks are meant; UTC where nothing is said.
    """

    queue: str
    type: str
    also: Sequence[str]
    decode: Callable[[Any], Any]
    concurrency: int
    key_concurrency: int
    rate: tuple[int, Duration]
    retry_on: type[BaseException] | tuple[type[BaseException], ...]
    fail_on: type[BaseException] | tuple[type[BaseException], ...]
    run: str
    category: str
    schedule: str
    tz: str


_OWN: Final = frozenset(JobSettings.__annotations__) - frozenset(JobOptions.__annotations__)


class Declaring(Protocol):
    """What ``@app.job(…)`` does with the function below."""

    @overload
    def __call__(
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> JobFunction[P, R, Coroutine[Any, Any, R]]: ...

    @overload
    def __call__(self, function: Callable[P, R], /) -> JobFunction[P, R, R]: ...


class App:
    """The jobs of one program."""

    def __init__(self) -> None:
        self._functions: dict[str, JobFunction[Any, Any, Any]] = {}
        self._access: JobsAccess | None = None

    @property
    def functions(self) -> Mapping[str, JobFunction[Any, Any, Any]]:
        """Its functions, by the types of their jobs."""
        return self._functions

    @property
    def access(self) -> JobsAccess:
        """The queues that it submits to.

        Raises:
            RefusedError: it is not open; code ``not_open``.
        """
        if self._access is not None:
            return self._access
        context = current.get(None)
        if context is not None and context.ask is not None:  # a child: its worker is open
            return WorkerJobs(context.ask)
        raise RefusedError(
            "this app is not open: async with app.open(folder): …, or in a program without a "
            "loop: with app.open_blocking(folder) as jobs: …",
            code="not_open",
        )

    def blocking_jobs(self) -> BlockingJobs:
        """Return what submits jobs for blocking code while the app is open; errors as `access`."""
        return BlockingJobs(self, self.access.driver)

    @overload
    def job(
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> JobFunction[P, R, Coroutine[Any, Any, R]]: ...

    @overload
    def job(self, function: Callable[P, R], /) -> JobFunction[P, R, R]: ...

    @overload
    def job(self, /, **settings: Unpack[JobSettings]) -> Declaring: ...

    def job(self, function: Any = None, /, **settings: Any) -> Any:
        """Make the function below a job. It stays a function; `JobFunction.submit` has it run.

        Raises:
            MalformedError: what is said of it cannot be, or another function of the app has its
                type; codes ``bad_job``, ``bad_name``.
        """

        def declare(declared: Callable[..., Any]) -> Any:
            with naming(getattr(declared, "__qualname__", repr(declared))):
                return self._declare(declared, settings)

        return declare if function is None else declare(function)

    def _declare(self, function: Callable[..., Any], settings: Mapping[str, Any]) -> Any:
        unknown = (
            settings.keys() - JobSettings.__annotations__.keys() - JobOptions.__annotations__.keys()
        )
        if unknown:
            raise MalformedError(f"a job has no option {min(unknown)!r}", code="bad_job")
        check_function(function)
        kinds = self._kinds(settings, function.__name__)
        options: JobOptions = {key: value for key, value in settings.items() if key not in _OWN}  # type: ignore[assignment]  # what is left
        schedule, tz = settings.get("schedule", ""), settings.get("tz", "UTC")
        check_schedule(function, schedule, tz)
        declared = Declared(
            queue=check_name(settings.get("queue", "default"), "queue"),
            kind=kinds[0],
            place=place_of(function, settings.get("run", "")),
            options=options,
            settings=queue_settings(kinds, settings, options),
            decode=_decode(settings),
            retry_on=error_classes("retry_on", settings.get("retry_on", Exception)),
            fail_on=error_classes("fail_on", settings.get("fail_on", ())),
            category=check_category(settings.get("category", "")),
            schedule=schedule,
            tz=tz,
        )
        made: JobFunction[Any, Any, Any] = JobFunction(self, function, declared)
        self._functions.update(dict.fromkeys(kinds, made))
        return made

    def _kinds(self, settings: Mapping[str, Any], name: str) -> list[str]:
        """Return the types of a function's jobs, its own first; no other function has one."""
        also = settings.get("also", ())
        if isinstance(also, str):
            raise MalformedError(f"also: expected a list of types, found {also!r}", code="bad_job")
        kinds = [check_name(settings.get("type") or name, "type")]
        kinds += [check_name(kind, "also") for kind in also]
        for number, kind in enumerate(kinds):
            if kind in self._functions or kind in kinds[:number]:
                raise MalformedError(
                    f"this app has a job {kind} already; give it another one: type=…",
                    code="bad_job",
                )
        return kinds

    @property
    def queues(self) -> Sequence[str]:
        """The queues of its functions, by name."""
        return sorted({each.declared.queue for each in self._functions.values()})

    def categories(self, queue: str) -> Sequence[str]:
        """Return the categories of its functions in *queue*, by name; empty is one, too."""
        own = (each.declared for each in self._functions.values())
        return sorted({each.category for each in own if each.queue == queue})

    def handlers(self, queue: str, categories: Collection[str]) -> dict[str, Handler]:
        """Return what runs the jobs of *queue* that are of *categories*, by type."""
        return {
            kind: each.handler._replace(type=kind) for kind, each in self._of(queue, categories)
        }

    def room(self, queue: str, categories: Collection[str]) -> int:
        """Return how many of these jobs may run at once, by what its functions say."""
        at_once = (each.declared.concurrency for _, each in self._of(queue, categories))
        return min(sum(at_once), WORKER_ROOM_MAX)

    def _of(
        self, queue: str, categories: Collection[str]
    ) -> Iterator[tuple[str, JobFunction[Any, Any, Any]]]:
        for kind, each in self._functions.items():
            if each.declared.queue == queue and each.declared.category in categories:
                yield kind, each

    @asynccontextmanager
    async def open(
        self, path: str | Path, *, work: bool = True, clock: Clock | None = None
    ) -> AsyncIterator[RunningApp]:
        """Open the data folder *path* as a node in this program, and run jobs, too.

        Args:
            path: the folder, made where it is missing; one node at a time.
            work: whether this program runs jobs; without it, it submits them.
            clock: for tests, ``seriatim.testing.VirtualClock``.

        Raises:
            StoreLockedError: another node runs on the folder; the error names its pid.
            RefusedError: the app is open already; code ``open``.
        """
        async with AsyncExitStack() as stack:
            node = await stack.enter_async_context(open_embedded(path, clock=clock))
            inner = node._node  # noqa: SLF001  # of the room beside
            queues = inner.queues
            assert queues is not None, "it places messages"
            triggers = inner.triggers
            assert triggers is not None, "as above"
            access = LocalJobs(queues, triggers)
            stack.callback(access.driver.close)
            stack.enter_context(self.attached(access))
            await self.declare(access)
            running = RunningApp(node, self, access, queues, stack)
            if work:
                for queue in self.queues:
                    await running.work(queue)
            yield running

    @contextmanager
    def open_blocking(self, path: str | Path, *, work: bool = True) -> Iterator[BlockingApp]:
        """Open a data folder for blocking code; arguments and errors as for `open`.

        Its node lives on a thread of its own, and jobs that are coroutine functions with it.
        """
        with on_a_thread(lambda: self.open(path, work=work)) as (running, thread):
            yield BlockingApp(self, running, thread)

    def submit(self, *prepared: Prepared[Any]) -> Coroutine[Any, Any, list[Handle[Any]]]:
        """Submit jobs of one queue, all of them or none; return once they are on disk.

        They may wait for each other, and stand in any order.

        Raises:
            RefusedError: they are of several queues (``several_queues``); otherwise as for
                `JobFunction.submit`.
            SchedulerError: one of them is refused; see ``docs/jobs.md``.
        """
        check_can_await("jobs")
        return submit_prepared(self, prepared)

    @contextmanager
    def inline(self) -> Iterator[InlineJobs]:
        """Have jobs run where they are submitted while the block runs; for tests, without a node.

        Raises:
            RefusedError: it is open already; code ``open``.
        """
        jobs = InlineJobs(self)
        with self.attached(jobs):
            yield jobs

    @contextmanager
    def attached(self, access: JobsAccess) -> Iterator[None]:
        """Have it submit to *access* while the block runs.

        Raises:
            RefusedError: it is open already (``open``), or a child imports it (``imported``).
        """
        refuse_while_loading()
        if self._access is not None:
            raise RefusedError("this app is open already", code="open")
        self._access = access
        try:
            yield
        finally:
            self._access = None

    def _settings(self, queue: str) -> dict[str, Any]:
        settings: dict[str, Any] = {}
        for function in self._functions.values():
            if function.declared.queue == queue:
                for key, types in function.declared.settings.items():
                    settings.setdefault(key, {}).update(types)
        return settings

    async def declare(self, access: NodeJobs) -> None:
        """Set the queues to what the functions say of their types, and nothing else of them.

        What a function does not say is taken out, whoever has set it: an earlier version, people.
        """
        for queue in self.queues:
            await access.change(queue, Change(self._settings(queue)))  # made where it is missing
        for function in dict.fromkeys(self._functions.values()):
            declared = function.declared
            name = f"job {declared.queue}/{declared.type}"
            await access.schedule(name, function.scheduled)


def check_category(category: str) -> str:
    """Return *category*, which workers are counted under; empty where nobody says.

    Raises:
        MalformedError: it is no name; code ``bad_name``.
    """
    return check_name(category, "category") if category else ""


def _decode(said: Mapping[str, Any]) -> Callable[[Any], Any] | None:
    decode = said.get("decode")
    if decode is not None and not callable(decode):
        raise MalformedError(f"decode: expected a function, found {decode!r}", code="bad_job")
    return decode
