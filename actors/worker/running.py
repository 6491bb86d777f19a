"""Running one job, wherever it runs, and saying in the queue's words what has become of it."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from seriatim.actors.executor.called import NoUseError
from seriatim.actors.executor.context import current
from seriatim.actors.queue.commands import Done, Failed
from seriatim.actors.worker.handler import Handler, Place
from seriatim.formats.errors import LimitExceededError
from seriatim.formats.jobs.command import read_command
from seriatim.formats.jobs.limits import Limits, read_limits
from seriatim.formats.jobs.outcome import Ending, Outcome
from seriatim.formats.jobs.raw_json import RawJson, dump_json
from seriatim.formats.limits import JOB_REASON_MAX_CHARS, JOB_TRACEBACK_MAX_CHARS
from seriatim.formats.plain_text import plain_text

if TYPE_CHECKING:
    from seriatim.actors.executor.executor import Executor
    from seriatim.actors.queue.commands import Ended, Grant
    from seriatim.actors.worker.run import Run
    from seriatim.actors.worker.threads import Threads

_LOG: Final = logging.getLogger("seriatim.actors")
# What would be so again, however often it is tried.
_FINAL: Final = frozenset({Ending.NOT_FOUND, Ending.NOT_STARTED})


class Runner(NamedTuple):
    """Runs the jobs of one worker.

    Attributes:
        handlers: what runs jobs that are functions, by type.
        threads: where functions run that block.
        executor: where commands run, and functions that want a child.
    """

    handlers: Mapping[str, Handler]
    threads: Threads
    executor: Executor

    def is_on_loop(self, run: Run) -> bool:
        """Tell whether *run* runs on the event loop."""
        handler = self.handlers.get(run.grant.type)
        return (
            "command" not in run.grant.spec
            and handler is not None
            and (handler.place is Place.LOOP)
        )

    async def run(self, run: Run) -> Ended:
        """Return what has become of *run*, whatever that is.

        What it raises or does is no error of ours; and one of ours, or of the system, ends no
        worker: it is said as the end of the attempt.
        """
        try:
            return await self._run(run)
        except Exception as error:  # noqa: BLE001  # see above
            _LOG.exception("job %s could not be run", run.grant.id)
            return _not_started(error, run.grant)

    async def _run(self, run: Run) -> Ended:
        spec = run.grant.spec
        if "command" in spec:
            command = read_command(spec["command"])
            outcome = await self.executor.run_command(
                command, _limits(run), output=run.print, stopping=run.stopping
            )
            return _ended(run, outcome)
        handler = self.handlers[run.grant.type]
        if handler.place is Place.PROCESS:
            return _ended(run, await self._in_child(handler, run))
        call = _on_loop if handler.place is Place.LOOP else self._in_thread
        return await _until_stopped(call(handler, run), run)

    async def _in_child(self, handler: Handler, run: Run) -> Outcome:
        grant = run.grant
        inputs = {job: RawJson(raw or b"null") for job, raw in grant.inputs.items()}
        arguments = dump_json({"args": grant.spec.get("args"), "inputs": inputs})
        return await self.executor.run_function(
            handler.target,
            arguments,
            _limits(run),
            output=run.print,
            stopping=run.stopping,
            told=run.context.facts,
            said=run.hear,
            answer=handler.answer,
        )

    async def _in_thread(self, handler: Handler, run: Run) -> Ended:
        call = cast("Callable[[Grant], bytes]", handler.call)
        grant = run.grant

        def work() -> Ended:
            current.set(run.context)
            try:
                result = call(grant)
            except BaseException as error:  # noqa: BLE001  # somebody's code ends its own job only
                return raised(error, grant, handler)
            return Done(grant.id, grant.token, result)

        return await self.threads.run(work)


async def _on_loop(handler: Handler, run: Run) -> Ended:
    current.set(run.context)
    grant = run.grant
    call = cast("Callable[[Grant], Awaitable[bytes]]", handler.call)
    try:
        result = await call(grant)
    except asyncio.CancelledError as error:
        if run.why is not None:
            raise
        return raised(error, grant, handler)  # by itself
    except BaseException as error:  # noqa: BLE001  # as above
        return raised(error, grant, handler)
    return Done(grant.id, grant.token, result)


async def _until_stopped(work: Coroutine[Any, Any, Ended], run: Run) -> Ended:
    """Return what comes of *work*, or that it was stopped: a thread goes on then, unheard."""
    task = asyncio.current_task()
    assert task is not None, "a coroutine runs in one"
    unhear = run.stopping.listen(lambda _: task.cancel())
    try:
        return await work
    except asyncio.CancelledError:
        if run.why is None:
            raise
        task.uncancel()
        return Failed(run.grant.id, run.grant.token, run.why.value, run.stopping.reason, {})
    finally:
        unhear()


def _limits(run: Run) -> Limits:
    return read_limits(run.grant.spec.get("limits", {}))


def _ended(run: Run, outcome: Outcome) -> Ended:
    """Return *outcome* in the queue's words."""
    grant, code = run.grant, outcome.code.value
    if outcome.code is Ending.CANCELLED and run.why is not None:
        code = run.why.value  # the executor knows only that it was asked to stop it
    details: dict[str, Any] = {"usage": outcome.usage._asdict()}
    for name in ("exit_code", "signal", "error_type", "traceback"):
        value = getattr(outcome, name)
        if value is not None and value != "":
            details[name] = value
    if outcome.is_success:
        result = b"" if outcome.result == b"null" else outcome.result
        return Done(grant.id, grant.token, result, details)
    return Failed(
        grant.id,
        grant.token,
        code,
        outcome.reason[:JOB_REASON_MAX_CHARS],
        details,
        is_final=outcome.is_final or outcome.code in _FINAL,
        is_crash=outcome.is_crash,
    )


def raised(error: BaseException, grant: Grant, handler: Handler) -> Failed:
    """Return that a function has raised *error*, running the job of *grant*."""
    is_of_no_use = isinstance(error, NoUseError)
    code = error.ending if isinstance(error, NoUseError) else Ending.RAISED
    details = {"error_type": type(error).__name__, "traceback": _trace(error)}
    is_final = is_of_no_use or _is_final(error, handler)
    return Failed(grant.id, grant.token, code.value, _words(error), details, is_final=is_final)


def _is_final(error: BaseException, handler: Handler) -> bool:
    try:
        return handler.is_final(error)
    except Exception:  # noqa: BLE001  # by what somebody has declared, isinstance can fail
        return False


def _not_started(error: Exception, grant: Grant) -> Failed:
    """Return the end of an attempt that could not be made, or not be seen through."""
    details = {"error_type": type(error).__name__, "traceback": _trace(error)}
    code, is_final = Ending.NOT_STARTED, False
    if isinstance(error, LimitExceededError):  # what its child would have to be told
        code, is_final = Ending.BAD_ARGUMENTS, True
    return Failed(grant.id, grant.token, code.value, _words(error), details, is_final=is_final)


def _trace(error: BaseException) -> str:
    """Return the end of the traceback of *error*: there is what happened."""
    try:
        text = "".join(traceback.format_exception(error))
    except Exception:  # noqa: BLE001  # an exception of somebody's class can fail at that
        return ""
    return plain_text(text[-JOB_TRACEBACK_MAX_CHARS:])


def _words(error: BaseException) -> str:
    try:
        words = str(error)
    except Exception:  # noqa: BLE001  # as above
        return type(error).__name__
    return plain_text(words[:JOB_REASON_MAX_CHARS]) or type(error).__name__
