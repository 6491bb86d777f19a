"""A function that is a job: it stays a function, and may be submitted."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, Unpack, cast

import orjson

from seriatim.actors.app.arguments import Arguments
from seriatim.actors.app.declaring import target_of
from seriatim.actors.app.handle import Handle
from seriatim.actors.app.options import CHILD_BOUNDS, JobOptions, naming, said_of
from seriatim.actors.app.prepared import Prepared, submit_prepared
from seriatim.actors.app.worker_jobs import answer_child
from seriatim.actors.executor.context import current
from seriatim.actors.runtime.own_loop import running_loop
from seriatim.actors.worker.handler import Handler, Place
from seriatim.formats.errors import MalformedError, RefusedError
from seriatim.formats.jobs.raw_json import RawJson, dump_json
from seriatim.formats.jobs.spec import Asked, read_asked, with_args
from seriatim.formats.limits import JOBS_AT_ONCE_DEFAULT

if TYPE_CHECKING:
    from seriatim.actors.app.access import JobsAccess
    from seriatim.actors.app.app import App
    from seriatim.actors.queue.commands import Grant

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C")


class Declared:
    """What was said of a function where it was declared.

    Attributes:
        queue: where its jobs go.
        type: their type.
        place: where it runs.
        options: what each of its jobs is, beside.
        settings: what its queue is to be set to for it; see `Settings.changed`.
        retry_on: errors after which it may be tried again.
        fail_on: errors after which it may not, though they are of the others.
        decode: makes the arguments of today of a payload of whatever version; ``None`` for none.
        category: what the workers that run it are counted under; empty where nobody says.
        schedule: when a job is submitted by itself; empty for never.
        tz: by the clocks of which zone.
    """

    __slots__ = (
        "category",
        "decode",
        "fail_on",
        "options",
        "place",
        "queue",
        "retry_on",
        "schedule",
        "settings",
        "type",
        "tz",
    )

    def __init__(
        self,
        *,
        queue: str,
        kind: str,
        place: Place,
        options: JobOptions,
        settings: Mapping[str, Any],
        retry_on: tuple[type[BaseException], ...],
        fail_on: tuple[type[BaseException], ...],
        decode: Callable[[Any], Any] | None,
        category: str,
        schedule: str,
        tz: str,
    ) -> None:
        self.queue = queue
        self.type = kind
        self.place = place
        self.options = options
        self.settings = settings
        self.retry_on = retry_on
        self.fail_on = fail_on
        self.decode = decode
        self.category = category
        self.schedule = schedule
        self.tz = tz

    @property
    def concurrency(self) -> int:
        """How many of its jobs may run at once."""
        types: Mapping[str, int | None] = self.settings["types"]
        return types[self.type] or JOBS_AT_ONCE_DEFAULT


class Submitting(Generic[P, R]):
    """Submits jobs of one function, all with the same options."""

    def __init__(self, app: App, declared: Declared, arguments: Arguments, asked: Asked) -> None:
        """Submit to *app*, for the function that *declared* and *arguments* are of.

        Args:
            app: the function's.
            declared: what was said of the function.
            arguments: encodes them.
            asked: what its jobs are, beside their arguments.
        """
        self._app = app
        self._declared = declared
        self._arguments = arguments
        self._asked = asked

    @property
    def app(self) -> App:
        """The app of the function."""
        return self._app

    @property
    def type(self) -> str:
        """The type of its jobs."""
        return self._declared.type

    def submit(self, *args: P.args, **named: P.kwargs) -> Coroutine[Any, Any, Handle[R]]:
        """Submit a job that calls the function with these arguments; return once it is on disk.

        Raises:
            MalformedError: the function does not take them; code ``bad_args``.
            RefusedError: the app is not open (``not_open``), or is on another loop
                (``other_loop``); this is a job that cannot await it (``no_loop``).
            SchedulerError: it is refused; see ``docs/jobs.md``.
        """
        check_can_await(self.type)
        return submit_call(self, args, named)

    def prepare(self, *args: P.args, **named: P.kwargs) -> Prepared[R]:
        """Return a job that calls the function with these arguments, and is not submitted yet.

        Raises:
            MalformedError: the function does not take them; code ``bad_args``.
        """
        prepared = self.prepared(args, named)
        return prepared if prepared.id else prepared.with_id(self._app.access.make_id())

    def prepared(self, args: tuple[Any, ...], named: Mapping[str, Any]) -> Prepared[R]:
        """Return the same as `prepare`, but without an id where nobody has chosen one."""
        raw, inputs = self._arguments.encode(args, named)
        asked = with_args(self._asked, raw, inputs)
        return Prepared(self._declared.queue, asked, self._handle)

    def _handle(self, job: str, access: JobsAccess, repeated: bool) -> Handle[R]:  # noqa: FBT001  # of one caller
        decode = cast("Callable[[bytes], R]", self._arguments.decode_result)
        return Handle(access, self._declared.queue, job, decode, repeated=repeated)


class JobFunction(Submitting[P, R], Generic[P, R, C]):
    """A function of an `App`. Called, it is what it was; `submit` has a worker call it.

    Of a function with the parameters P, whose jobs result in R: a call returns C, which is R, or
    for a coroutine function what has to be awaited for that.
    """

    def __init__(self, app: App, function: Callable[P, C], declared: Declared) -> None:
        # Read once: what is wrong with it is wrong where it is declared.
        asked = _read(declared, declared.options)
        super().__init__(app, declared, Arguments(function, declared.decode), asked)
        self._function = function
        self._target = target_of(function) if declared.place is Place.PROCESS else ""
        update_wrapper(self, function)

    def __call__(self, *args: P.args, **named: P.kwargs) -> C:
        """Call the function itself, here and now."""
        return self._function(*args, **named)

    @property
    def scheduled(self) -> Mapping[str, Any] | None:
        """The trigger that submits its jobs; ``None`` where it has no schedule."""
        declared = self._declared
        if not declared.schedule:
            return None
        said = said_of(declared.options)
        job = {"queue": declared.queue, "type": declared.type, "args": {}, **said}
        return {"when": declared.schedule, "tz": declared.tz, "job": job}

    @property
    def declared(self) -> Declared:
        """What was said of it where it was declared."""
        return self._declared

    def options(self, **options: Unpack[JobOptions]) -> Submitting[P, R]:
        """Return what submits jobs that are *options*, too: ``send.options(delay=5).submit(…)``.

        Raises:
            MalformedError: an option is none; code ``bad_job``.
        """
        unknown = options.keys() - JobOptions.__annotations__.keys()
        if unknown:
            raise MalformedError(
                f"a job has no option {min(unknown)!r} of its own; its function may: @app.job(…)",
                code="bad_job",
            )
        with naming(self.type):
            asked = _read(self._declared, {**self._declared.options, **options})
        return Submitting(self._app, self._declared, self._arguments, asked)

    def handle(self, job: str) -> Handle[R]:
        """Return the handle of a *job* of this function that was submitted before, by its id."""
        return self._handle(job, self._app.access, True)  # noqa: FBT003  # it was there before

    @property
    def handler(self) -> Handler:
        """What runs its jobs."""
        declared = self._declared
        is_async = inspect.iscoroutinefunction(self._function)
        return Handler(
            declared.type,
            declared.place,
            self._call_async if is_async else self._call,
            self.is_final,
            self._answer,
            target=self._target,
        )

    async def _answer(self, verb: str, said: Mapping[str, Any]) -> Any:
        """Answer what a job asks that runs in a child."""
        return await answer_child(self._app.access, verb, said)

    def _lend_jobs(self) -> None:
        """Have the job that runs here submit others."""
        context = current.get(None)
        if context is not None:
            context.lend(self._app.blocking_jobs())

    def _call_async(self, grant: Grant) -> Coroutine[Any, Any, bytes]:
        return self._run_async(grant.spec.get("args"), grant.inputs)

    def _call(self, grant: Grant) -> bytes:
        return self._run(grant.spec.get("args"), grant.inputs)

    async def _run_async(self, raw: RawJson | None, inputs: Mapping[str, bytes]) -> bytes:
        args, named = self._arguments.decode(raw, inputs)
        self._lend_jobs()
        function = cast("Callable[..., Awaitable[Any]]", self._function)
        return self._arguments.encode_result(await function(*args, **named))

    def _run(self, raw: RawJson | None, inputs: Mapping[str, bytes]) -> bytes:
        args, named = self._arguments.decode(raw, inputs)
        self._lend_jobs()
        return self._arguments.encode_result(self._function(*args, **named))

    def call_as_job(self, arguments: bytes) -> bytes | Coroutine[Any, Any, bytes]:
        """See `CalledAsJob`: *arguments* say ``args`` and ``inputs``."""
        said = orjson.loads(arguments)
        raw = RawJson(dump_json(said["args"])) if said.get("args") is not None else None
        inputs = {job: dump_json(value) for job, value in said.get("inputs", {}).items()}
        is_async = inspect.iscoroutinefunction(self._function)
        return self._run_async(raw, inputs) if is_async else self._run(raw, inputs)

    def is_final(self, error: BaseException) -> bool:
        """See `CalledAsJob`."""
        declared = self._declared
        return isinstance(error, declared.fail_on) or not isinstance(error, declared.retry_on)

    def __repr__(self) -> str:
        return f"<JobFunction {self.type}>"


async def submit_call(
    function: Submitting[P, R], args: tuple[Any, ...], named: Mapping[str, Any]
) -> Handle[R]:
    """Submit a job that calls *function*, whoever awaits it; see `Submitting.submit`.

    Raises:
        MalformedError: *function* is no job; code ``bad_job``.
    """
    if not isinstance(function, Submitting):
        raise MalformedError(
            f"expected a function that is a job, as @app.job makes one, found {function!r:.64}",
            code="bad_job",
        )
    (handle,) = await submit_prepared(function.app, [function.prepared(args, named)])
    return handle


def _read(declared: Declared, options: JobOptions) -> Asked:
    """Return what is asked of a queue for jobs of *declared* with *options*.

    Raises:
        MalformedError: it is none; code ``bad_job``.
    """
    bounds = sorted(CHILD_BOUNDS & options.keys())
    if bounds and declared.place is not Place.PROCESS:
        raise MalformedError(
            f"{bounds[0]}: only a child can be held to that: run='process'", code="bad_job"
        )
    return read_asked({"type": declared.type, **said_of(options)})


def check_can_await(what: str) -> None:
    """Return unless this is a job that blocks, where a submission would never be awaited.

    Raises:
        RefusedError: it is; code ``no_loop``.
    """
    if current.get(None) is not None and running_loop() is None:
        raise RefusedError(
            f"this function is no coroutine function, and cannot await the submission of {what}: "
            "seriatim.current_job().jobs.submit(function, …)",
            code="no_loop",
        )


def place_of(function: Callable[..., Any], run: str) -> Place:
    """Return where *function* runs, if somebody wants it to *run* so; empty for nobody does.

    Raises:
        MalformedError: it cannot run there; code ``bad_job``.
    """
    is_async = inspect.iscoroutinefunction(function)
    if not run:
        return Place.LOOP if is_async else Place.THREAD
    if run not in set(Place):
        raise MalformedError(
            f"run: expected one of {', '.join(Place)}, found {run!r}", code="bad_job"
        )
    if (run == Place.LOOP) is not is_async and run != Place.PROCESS:
        kind = "a coroutine function" if is_async else "no coroutine function"
        raise MalformedError(
            f"run: {function!r} is {kind}, and cannot run in a {run}", code="bad_job"
        )
    return Place(run)
