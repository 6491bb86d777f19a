"""The future of the light runtime: a pykka future that coroutines can await without blocking.

It settles once. Whoever settles it, from whatever thread, runs its callbacks; a coroutine that
waits on the loop of that thread is woken without a hop between threads.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
from collections.abc import Callable, Generator, Iterable
from sys import exc_info as current_exc_info
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar, cast

import pykka

from seriatim.formats.errors import DeadlineExceededError

if TYPE_CHECKING:
    from types import TracebackType

T = TypeVar("T")
J = TypeVar("J")
M = TypeVar("M")
R = TypeVar("R")

_LOG: Final = logging.getLogger("seriatim.actors")

# One lock for all futures: it guards a few stores, never foreign code, so nobody waits long, and
# a future stays small. Reentrant, because a finalizer may settle a future inside of it.
_LOCK: Final = threading.RLock()


class Future(pykka.Future[T]):
    """A value, or an error, that is there now or later.

    ``await future`` from asyncio; ``future.get(timeout=...)`` from any other thread.
    """

    __slots__ = ("_callbacks", "_error", "_is_done", "_value")

    def __init__(self) -> None:
        # Not super().__init__(): it fills the instance's dict for get hooks, which this future
        # does not have.
        self._is_done = False
        self._value: T | None = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Future[T]], object]] | None = None

    def __repr__(self) -> str:
        return f"<Future {'done' if self._is_done else 'pending'}>"

    def done(self) -> bool:
        """Tell whether the value or the error is there."""
        return self._is_done

    def error(self) -> BaseException | None:
        """Return the error of a future that is done, or ``None`` when it has a value."""
        return self._error

    def resolve(self, value: T | None = None) -> bool:
        """Settle with *value*. Return whether this call settled it: the first one wins."""
        return self._settle(value, None)

    def fail(self, error: BaseException) -> bool:
        """Settle with *error*. Return whether this call settled it: the first one wins."""
        return self._settle(None, error)

    def follow(self, other: Future[T]) -> bool:
        """Settle as *other*, which is done, was settled."""
        return self._settle(other._value, other._error)

    def set(self, value: T | None = None) -> None:
        """Settle with *value*.

        Raises:
            RuntimeError: the future is settled already; `resolve` tells instead.
        """
        if not self.resolve(value):
            raise RuntimeError("the future is settled already")

    def set_exception(
        self,
        exc_info: tuple[type[BaseException] | None, BaseException | None, TracebackType | None]
        | None = None,
    ) -> None:
        """Settle with the error of *exc_info*, by default the one that is being handled.

        Raises:
            RuntimeError: the future is settled already, or there is no error.
        """
        kind, error, _ = exc_info if exc_info is not None else current_exc_info()
        if error is None and kind is not None:
            error = kind()
        if error is None:
            raise RuntimeError("no exception is being handled")
        if not self.fail(error):
            raise RuntimeError("the future is settled already")

    def set_get_hook(self, func: object) -> NoReturn:
        """Refuse: a hook blocks whoever awaits it. Use `map`.

        Raises:
            TypeError: always.
        """
        raise TypeError(f"a light future takes no get hook ({func!r}); use map()")

    def add_done_callback(self, callback: Callable[[Future[T]], object]) -> None:
        """Call *callback* with this future once it is done; at once when it is done already.

        The callback runs on the thread that settles the future and must not block. What it
        raises is logged and goes nowhere else.
        """
        with _LOCK:
            if not self._is_done:
                if self._callbacks is None:
                    self._callbacks = [callback]
                else:
                    self._callbacks.append(callback)
                return
        self._call(callback)

    def get(self, *, timeout: float | None = None) -> T:
        """Block this thread until the future is done; return its value or raise its error.

        Args:
            timeout: seconds to wait; ``None`` waits for ever.

        Raises:
            DeadlineExceededError: *timeout* is over.
            RuntimeError: called inside a running event loop, which it would block; await it.
        """
        if not self._is_done:
            if asyncio._get_running_loop() is not None:  # documented for such checks
                raise RuntimeError("get() would block the event loop; await the future")
            settled = threading.Event()
            self.add_done_callback(lambda _: settled.set())
            if not settled.wait(timeout):
                raise DeadlineExceededError("the actor", deadline_ms=round((timeout or 0) * 1000))
        try:
            return self._result()
        finally:
            del self  # see _result

    def __await__(self) -> Generator[Any, None, T]:
        """Wait in the running event loop, without blocking it."""
        if not self._is_done:
            loop = asyncio.get_running_loop()
            waiter: asyncio.Future[None] = loop.create_future()
            self.add_done_callback(functools.partial(_wake, loop, waiter))
            yield from waiter
        try:
            return self._result()
        finally:
            del self  # see _result

    __iter__ = __await__

    def map(self, func: Callable[[T], M]) -> Future[M]:
        """Return a future of ``func(value)``; an error passes through, *func*'s own included."""
        mapped: Future[M] = Future()

        def settle(source: Future[T]) -> None:
            if source._error is not None:
                mapped.fail(source._error)
                return
            try:
                value = func(source._result())
            except Exception as error:  # noqa: BLE001  # whatever it is belongs to the reader
                mapped.fail(error)
            else:
                mapped.resolve(value)

        self.add_done_callback(settle)
        return mapped

    def filter(self: Future[Iterable[J]], func: Callable[[J], bool]) -> Future[Iterable[J]]:
        """Return a future of the list of those items for which *func* holds."""
        return self.map(lambda items: [item for item in items if func(item)])

    def reduce(self: Future[Iterable[J]], func: Callable[[R, J], R], *args: R) -> Future[R]:
        """Return a future of ``functools.reduce(func, value, *args)``."""
        return self.map(lambda items: functools.reduce(cast("Any", func), items, *args))

    def join(self, *futures: pykka.Future[Any]) -> Future[Iterable[Any]]:
        """Return a future of the values of this and the other *futures*, in this order.

        Raises:
            TypeError: one of *futures* is not a light future; it could only be waited for by
                blocking.
        """
        sources: list[Future[Any]] = [self]
        for future in futures:
            if not isinstance(future, Future):
                raise TypeError(f"cannot join {future!r} without blocking")
            sources.append(future)
        joined: Future[Iterable[Any]] = Future()
        waiting = len(sources)

        def settle(_: Future[Any]) -> None:
            nonlocal waiting
            with _LOCK:
                waiting -= 1
                is_last = waiting == 0
            if is_last:
                error = next((one._error for one in sources if one._error is not None), None)
                joined._settle([one._value for one in sources], error)

        for source in sources:
            source.add_done_callback(settle)
        return joined

    def _settle(self, value: T | None, error: BaseException | None) -> bool:
        with _LOCK:
            if self._is_done:
                return False
            self._value = value
            self._error = error
            self._is_done = True
            callbacks, self._callbacks = self._callbacks, None
        if callbacks is not None:
            for callback in callbacks:
                self._call(callback)
        return True

    def _call(self, callback: Callable[[Future[T]], object]) -> None:
        try:
            callback(self)
        except Exception:  # noqa: BLE001  # the other callbacks have to run
            _LOG.exception("callback of a future failed")

    def _result(self) -> T:
        error = self._error
        if error is None:
            return cast("T", self._value)
        try:
            raise error
        finally:
            # The error's traceback now holds this frame and its callers' here: without this the
            # future would hold itself through its error, until the next garbage collection.
            del self, error


def _wake(loop: asyncio.AbstractEventLoop, waiter: asyncio.Future[None], _: Future[Any]) -> None:
    """Wake the coroutine that awaits *waiter*, directly when this is its own loop's thread."""
    if asyncio._get_running_loop() is loop:
        _release(waiter)
        return
    try:
        loop.call_soon_threadsafe(_release, waiter)
    except RuntimeError:
        # The loop is closed: nobody waits there any more.
        _LOG.debug("a reply came after its event loop was closed")


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
