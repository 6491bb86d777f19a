"""Running one job, and saying in the queue's words what has become of it."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from contextvars import copy_context
from typing import TYPE_CHECKING, Final, cast

from seriatim.actors.queue.commands import Done, Failed
from seriatim.actors.worker.context import CURRENT, JobContext
from seriatim.actors.worker.handler import BadArgumentsError, BadResultError, Handler
from seriatim.formats.jobs.fold import CANCELLED
from seriatim.formats.limits import JOB_REASON_MAX_CHARS, JOB_TRACEBACK_MAX_CHARS

if TYPE_CHECKING:
    from seriatim.actors.queue.commands import Ended, Grant

TIMEOUT: Final = "timeout"
_CODES: Final[dict[type[BaseException], str]] = {
    BadArgumentsError: "bad_args",
    BadResultError: "bad_result",
}


async def run_on_loop(handler: Handler, grant: Grant, context: JobContext) -> Ended:
    """Run a coroutine function, and return what has become of it.

    Raises:
        CancelledError: whoever runs it has cancelled it.
    """
    CURRENT.set(context)
    call = cast("Callable[[Grant], Awaitable[bytes]]", handler.call)
    try:
        result = await call(grant)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return failed_by(asyncio.CancelledError("by itself"), grant, handler)
    except BaseException as error:  # noqa: BLE001  # somebody's code ends its own job only
        return failed_by(error, grant, handler)
    return Done(grant.id, grant.token, result)


async def run_in_thread(
    handler: Handler, grant: Grant, context: JobContext, threads: Executor
) -> Ended:
    """Run a function in one of *threads*, and return what has become of it."""
    call = cast("Callable[[Grant], bytes]", handler.call)

    def run() -> Ended:
        CURRENT.set(context)
        try:
            result = call(grant)
        except BaseException as error:  # noqa: BLE001  # as above
            return failed_by(error, grant, handler)
        return Done(grant.id, grant.token, result)

    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(threads, copy_context().run, run)


def failed_by(error: BaseException, grant: Grant, handler: Handler) -> Failed:
    """Return that the job has raised *error*."""
    code = _CODES.get(type(error), "raised")
    kind = type(error)
    details = {
        "error_type": f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins."),
        "traceback": _trace(error),
    }
    is_final = code != "raised" or handler.is_final(error)
    return Failed(grant.id, grant.token, code, _words(error), details, is_final=is_final)


def stopped(grant: Grant, reason: str, code: str = CANCELLED) -> Failed:
    """Return that the job was stopped, for *reason*."""
    return Failed(grant.id, grant.token, code, reason[:JOB_REASON_MAX_CHARS], {})


def _trace(error: BaseException) -> str:
    """Return the end of the traceback of *error*: there is what happened."""
    try:
        text = "".join(traceback.format_exception(error))
    except Exception:  # noqa: BLE001  # an exception of somebody's class can fail at that
        return ""
    return _plain(text[-JOB_TRACEBACK_MAX_CHARS:])


def _words(error: BaseException) -> str:
    try:
        words = str(error)
    except Exception:  # noqa: BLE001  # as above
        return type(error).__name__
    return _plain(words[:JOB_REASON_MAX_CHARS]) or type(error).__name__


def _plain(text: str) -> str:
    """Return *text* in characters that JSON carries."""
    return text.encode("utf-8", "replace").decode()
