"""Calling a function as a job, and saying how that has ended; in the child.

What it did not say itself is said for it here, so that each call has an answer: a map of what
`Outcome` has, with ``is_clean`` for whether the child is as it was before.
"""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from importlib import import_module
from types import TracebackType
from typing import Any, Final

import orjson

from seriatim.actors.executor.called import CalledAsJob, NoUseError
from seriatim.actors.executor.context import JobContext, current
from seriatim.actors.executor.loading import loading
from seriatim.actors.executor.own_limits import Meter, held_to
from seriatim.formats.jobs.outcome import Ending
from seriatim.formats.limits import (
    JOB_RESULT_MAX_BYTES,
    JOB_TRACEBACK_MAX_CHARS,
    REASON_MAX_CHARS,
)
from seriatim.formats.plain_text import plain_text

Answer = dict[str, Any]


class Stopped(BaseException):
    """Raised in a function that is asked to stop, wherever it is; no `Exception`, and no error."""


class StopSignal:
    """SIGTERM, for whatever runs: `Stopped` is raised in it; a coroutine is cancelled instead.

    One that comes too early is kept: a child that was asked to stop runs nothing after that.
    """

    def __init__(self) -> None:
        self._is_armed = False
        self._is_asked = False
        signal.signal(signal.SIGTERM, self._hear)

    def __enter__(self) -> None:
        signal.signal(signal.SIGTERM, self._hear)  # the function before may have set another one
        self._is_armed = True
        if self._is_asked:
            raise Stopped

    def __exit__(self, *_: object) -> None:
        self._is_armed = False

    def _hear(self, *_: object) -> None:
        is_first, self._is_asked = not self._is_asked, True
        if self._is_armed and is_first:
            raise Stopped


def call_function(
    name: str,
    arguments: bytes,
    limits: Mapping[str, int],
    context: JobContext,
    stop_signal: StopSignal,
) -> Answer:
    """Call the function *name*, ``module:qualname``, and return how it has ended.

    Args:
        name: what to call.
        arguments: JSON: ``{"args": […], "kwargs": {…}}``, both of which may be missing.
        limits: see `held_to`; they hold for the import, too.
        context: what `current_job` returns meanwhile.
        stop_signal: interrupts it.
    """
    before = _surroundings()
    token = current.set(context)
    meter = Meter()
    code = Ending.IMPORT_FAILED
    function: Any = None
    try:
        with stop_signal, held_to(limits):
            with loading():
                function = _find(name)
            before = _surroundings()  # what a module does when it is imported stays done
            code = Ending.RAISED
            answer = _encode(_call(function, arguments))
    except Stopped:
        answer = {"code": Ending.CANCELLED, "reason": "it was asked to stop", "is_clean": False}
    except MemoryError as error:
        answer = _raised(error, Ending.MEMORY)
        answer["reason"] = "it has used the memory it may"
    except SystemExit as error:
        answer = _raised(error, Ending.NO_ANSWER if code is Ending.RAISED else code)
        answer["reason"] = f"it has called sys.exit({_said(error.code)}) instead of returning"
    except BaseException as error:  # noqa: BLE001  # every call is answered
        answer = _raised(error, error.ending if isinstance(error, NoUseError) else code)
        answer["is_final"] = _is_final(function, error)
    finally:
        current.reset(token)
    _, answer["cpu_ms"], answer["memory_peak_bytes"] = meter.read()
    is_clean = answer["code"] in _CLEAN and _surroundings() == before
    answer["is_clean"] = is_clean and not _has_children()
    return answer


_CLEAN: Final = frozenset({Ending.SUCCESS, Ending.RAISED, Ending.BAD_RESULT, Ending.NO_ANSWER})
"""After these ends a child is as it was; half an import, or want of memory, may have left more."""


def _surroundings() -> tuple[object, ...]:
    """Return what the next function would find changed, and none of its business."""
    try:
        folder = os.getcwd()  # noqa: PTH109  # it may be gone
    except OSError:
        folder = ""
    return folder, dict(os.environ), threading.active_count()


def _find(name: str) -> Callable[..., Any]:
    module, _, path = name.partition(":")
    found: Any = import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    if not callable(found):
        raise TypeError(f"{name} is no function, but {type(found).__name__}")
    called: Callable[..., Any] = found
    return called


def _call(function: Any, arguments: bytes) -> Any:
    if isinstance(function, CalledAsJob):
        result: Any = function.call_as_job(arguments)
    else:
        said = orjson.loads(arguments)
        result = function(*said.get("args", []), **said.get("kwargs", {}))
    found = _run(result) if isinstance(result, Coroutine) else result
    return orjson.Fragment(found or b"null") if isinstance(function, CalledAsJob) else found


def _is_final(function: object, error: BaseException) -> bool:
    try:
        return isinstance(error, NoUseError) or (
            isinstance(function, CalledAsJob) and function.is_final(error)
        )
    except Exception:  # noqa: BLE001  # it is somebody's
        return False


def _run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    import asyncio  # noqa: PLC0415  # takes memory, and most functions do without it

    async def run() -> Any:
        task = asyncio.current_task()
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await coroutine

    handler = signal.getsignal(signal.SIGTERM)
    try:
        return asyncio.run(run())
    except asyncio.CancelledError as error:
        raise Stopped from error
    finally:
        signal.signal(signal.SIGTERM, handler)


def _encode(result: Any) -> Answer:
    try:
        raw = orjson.dumps(result)
    except Exception as error:  # noqa: BLE001  # orjson's, or of somebody's own type
        reason = f"it has returned a {type(result).__name__} that JSON cannot carry: {error}"
        return {"code": Ending.BAD_RESULT, "reason": _text(reason)}
    if len(raw) > JOB_RESULT_MAX_BYTES:
        reason = f"its result takes {len(raw)} bytes; at most {JOB_RESULT_MAX_BYTES} are kept"
        return {"code": Ending.BAD_RESULT, "reason": reason}
    return {"code": Ending.SUCCESS, "result": raw}


def _raised(error: BaseException, code: Ending) -> Answer:
    kind = type(error).__name__
    text = "".join(traceback.format_exception(type(error), error, _behind_ours(error)))
    return {
        "code": code,
        "reason": _text(_said(error)) or kind,
        "error_type": _text(kind),
        "traceback": plain_text(text[-JOB_TRACEBACK_MAX_CHARS:]),
    }


def _behind_ours(error: BaseException) -> TracebackType | None:
    """Return where the traceback of *error* is the function's own; all of it, where it is not."""
    each = first = error.__traceback__
    while each is not None:
        if each.tb_frame.f_code.co_filename == __file__:
            first = each.tb_next or first
        each = each.tb_next
    return first


def _said(value: object) -> str:
    """Return *value* as text; whose own method fails is known by its type."""
    try:
        return str(value)
    except Exception:  # noqa: BLE001  # it is somebody's
        return f"<{type(value).__name__}>"


def _text(text: str) -> str:
    return plain_text(text[:REASON_MAX_CHARS])


def _has_children() -> bool:
    """Tell whether anything that the function has started is left; orphans are this child's."""
    if not hasattr(os, "waitid"):
        return False
    with suppress(ChildProcessError):
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return True
    return False
