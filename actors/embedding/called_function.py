"""A function of somebody's program that triggers call: what it is, and calling it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import copy_context
from typing import Any, NamedTuple

from seriatim.actors.triggers.runs import RaisedError
from seriatim.formats.errors import MalformedError


class CalledFunction(NamedTuple):
    """A function, and how it is called.

    Attributes:
        name: by which its trigger is known.
        function: itself.
        is_async: whether it is a coroutine function; another one runs in a thread.
        is_told: whether it takes what it is called for.
    """

    name: str
    function: Callable[..., Any]
    is_async: bool
    is_told: bool

    async def call(self, what: object, threads: Executor) -> None:
        """Call it for *what*, and return when it has ended.

        Raises:
            RaisedError: it runs in a thread of *threads*, and has raised.
            BaseException: it is a coroutine function, and whatever that has raised.
        """
        told = (what,) if self.is_told else ()
        if self.is_async:
            await self.function(*told)
            return
        context = copy_context()

        def call() -> RaisedError | None:
            try:
                context.run(self.function, *told)
            except BaseException as error:  # noqa: BLE001  # a future takes some of them only
                return RaisedError.of(error)
            return None

        raised = await asyncio.get_running_loop().run_in_executor(threads, call)
        if raised is not None:
            raise raised


def read_function(function: object, name: str) -> CalledFunction:
    """Return how *function* is called, under *name*, or under its own where that is empty.

    Raises:
        MalformedError: it is none, has no name, is a generator, or takes something else than one
            argument or none; code ``bad_function``.
    """
    if not callable(function):
        raise _bad(f"expected a function, found {type(function).__name__}")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise _bad("a generator does nothing when it is called; give a function without yield")
    own = getattr(function, "__qualname__", "")
    if not name and not own:
        raise _bad("this function has no name of its own; give it one: name=…")
    is_async = any(
        inspect.iscoroutinefunction(each)
        for each in (function, getattr(function, "__call__", None))  # noqa: B004  # of an object
    )
    return CalledFunction(
        name or f"{function.__module__}.{own}", function, is_async, _is_told(function)
    )


def _is_told(function: Callable[..., Any]) -> bool:
    try:
        signature = inspect.signature(function)
    except ValueError:  # of some built-in functions nobody knows
        return False
    for arguments in ((None,), ()):
        try:
            signature.bind(*arguments)
        except TypeError:
            continue
        return bool(arguments)
    raise _bad(f"expected one argument, what it is called for, or none; it takes {signature}")


def _bad(reason: str) -> MalformedError:
    return MalformedError(reason, code="bad_function")
