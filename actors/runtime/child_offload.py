"""The node's side of a child: an interpreter of its own that handles batches.

`child.py` is the other side, `frame.py` what passes between them. Secrets go through the socket,
never into the arguments or the environment, where every user of the machine can read them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, Generic, TypeVar, cast

from seriatim.actors.runtime.frame import FrameReader, Kind, encode_frame
from seriatim.actors.runtime.future import Future
from seriatim.formats.errors import (
    ChildDiedError,
    ChildFailedError,
    DeadlineExceededError,
    FormatError,
    MalformedError,
    StoppingError,
)
from seriatim.formats.limits import (
    CHILD_EXIT_GRACE_MS,
    CHILD_START_DEADLINE_MS,
    STOP_DEADLINE_MS,
)

Job = TypeVar("Job")
Result = TypeVar("Result")

_LOG: Final = logging.getLogger("seriatim.actors")
_STDERR: Final = 2
_MODULE: Final = "seriatim.actors.runtime.child"


class ChildOffload(Generic[Job, Result]):
    """Runs a handler in a child of this node; implements `Offload`.

    The child handles batches one after the other; several may be on their way. When it dies, all
    open calls fail, but only once it is certainly gone: whoever hears of the failure can read
    the store without the child still writing to it.
    """

    def __init__(
        self,
        child: subprocess.Popen[bytes],
        *,
        name: str,
        encode: Callable[[Sequence[Job]], object],
        decode: Callable[[Any], Sequence[Result]],
        on_death: Callable[[ChildDiedError], object],
    ) -> None:
        """Take no calls yet; use `start`."""
        self._child = child
        self._name = name
        self._encode = encode
        self._decode = decode
        self._on_death = on_death
        self._loop = asyncio.get_running_loop()
        self._link = _Link(self._take_frame, self._lose)
        self._calls: deque[Future[Sequence[Result]]] = deque()
        self._ready: Future[None] = Future()
        self._gone: Future[None] = Future()
        self._death: ChildDiedError | None = None
        self._is_closed = False

    @classmethod
    async def start(
        cls,
        target: str,
        init: bytes,
        *,
        name: str,
        encode: Callable[[Sequence[Job]], object],
        decode: Callable[[Any], Sequence[Result]],
        on_death: Callable[[ChildDiedError], object],
        inherit: Sequence[int] = (),
    ) -> ChildOffload[Job, Result]:
        """Start the child; return once it has made its handler.

        Call it on a thread that lives as long as the child is needed: Linux kills the child
        when the thread that started it ends.

        Args:
            target: ``module:factory``; ``factory(init)`` makes the handler in the child, which
                takes what *encode* made and returns what *decode* reads.
            init: what the factory needs, secrets included.
            name: of the child, for errors.
            encode: turns a batch into something that CBOR can say; `list` for plain jobs.
            decode: turns the handler's answer into one result per job; `list` for plain ones.
            on_death: called once, on the loop, when the child ends without having been closed;
                after all open calls have failed.
            inherit: file descriptors that the child keeps open for as long as it lives.

        Raises:
            ChildFailedError: the factory raised, or the target does not exist.
            ChildDiedError: the child ended before it was ready.
            DeadlineExceededError: it was not ready within `CHILD_START_DEADLINE_MS`.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                child = _spawn(theirs, inherit)
            except BaseException:
                ours.close()
                raise
        offload: ChildOffload[Job, Result] = cls(
            child, name=name, encode=encode, decode=decode, on_death=on_death
        )
        try:
            await offload._loop.create_unix_connection(lambda: offload._link, sock=ours)
            offload._link.send(encode_frame(Kind.START, [target, init, sys.path]))
            async with asyncio.timeout(CHILD_START_DEADLINE_MS / 1000):
                await offload._ready
        except BaseException as error:
            await offload._give_up(ours)
            if isinstance(error, TimeoutError):
                raise DeadlineExceededError(name, deadline_ms=CHILD_START_DEADLINE_MS) from error
            raise
        return offload

    @property
    def pid(self) -> int:
        """The child's OS process id."""
        return self._child.pid

    def call(self, jobs: Sequence[Job]) -> Future[Sequence[Result]]:
        """Send *jobs* to the child. See `Offload.call`.

        The future's errors:
            ChildFailedError: the handler raised; the child goes on.
            ChildDiedError: the child ended; whether the batch was handled is unknown.
            LimitExceededError: the encoded batch passes `FRAME_MAX_BYTES`.
            TypeError: *encode* made something that CBOR cannot say.
            StoppingError: `close` was called.
        """
        answer: Future[Sequence[Result]] = Future()
        if self._is_closed:
            answer.fail(StoppingError(f"{self._name} is stopping"))
        elif self._death is not None:
            answer.fail(self._death)
        else:
            try:
                frame = encode_frame(Kind.CALL, self._encode(jobs))
            except Exception as error:  # noqa: BLE001  # every call is answered
                answer.fail(error)
            else:
                self._calls.append(answer)
                self._link.send(frame)
        return answer

    async def close(self) -> None:
        """Let the child finish the calls that it has, and end. See `Offload.close`.

        A child that takes longer than `STOP_DEADLINE_MS` is killed.
        """
        if not self._is_closed:
            self._is_closed = True
            self._link.end()
        killer = self._loop.call_later(STOP_DEADLINE_MS / 1000, self._child.kill)
        try:
            await self._gone
        finally:
            killer.cancel()

    def abandon(self) -> None:
        """Kill the child and what it has started; open calls fail, nobody hears of its death."""
        self._is_closed = True
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)

    async def _give_up(self, ours: socket.socket) -> None:
        """Take a child that did not start out of the world; nobody hears of its death."""
        self._is_closed = True
        self._child.kill()
        if self._link.is_connected:
            await self._gone
        else:
            ours.close()
            self._child.wait()

    def _take_frame(self, kind: Kind, payload: Any) -> None:
        """Give a frame from the child to whom it answers.

        Raises:
            MalformedError: nobody waits for it; parent and child do not understand each other.
        """
        if not self._ready.done():
            if kind is Kind.READY:
                self._ready.resolve()
            elif kind is Kind.ERROR:
                self._ready.fail(self._child_failure(payload))
            return
        if not self._calls or kind not in (Kind.RESULT, Kind.ERROR):
            raise MalformedError(f"{kind.name} answers no call", code="bad_frame")
        answer = self._calls.popleft()
        if kind is Kind.ERROR:
            answer.fail(self._child_failure(payload))
            return
        try:
            results = self._decode(payload)
        except Exception as error:  # noqa: BLE001  # every call is answered
            answer.fail(error)
        else:
            answer.resolve(results)

    def _child_failure(self, payload: Any) -> ChildFailedError:
        kind, code, reason = payload
        return ChildFailedError(
            self._name, kind=kind, reason=reason, code=code or ChildFailedError.code
        )

    def _lose(self) -> None:
        """Hear that the link is gone: make sure that the child is, too."""
        waited = self._loop.run_in_executor(None, _reap, self._child)
        waited.add_done_callback(self._bury)

    def _bury(self, waited: asyncio.Future[int]) -> None:
        if waited.cancelled():
            return
        death = ChildDiedError(self._name, status=waited.result())
        self._death = death
        self._ready.fail(death)
        while self._calls:
            self._calls.popleft().fail(death)
        self._gone.resolve()
        if not self._is_closed:
            self._on_death(death)


class _Link(asyncio.Protocol):
    """The socket: frames out, frames in."""

    def __init__(self, take_frame: Callable[[Kind, Any], None], lose: Callable[[], None]) -> None:
        self._take_frame = take_frame
        self._lose = lose
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None

    @property
    def is_connected(self) -> bool:
        return self._transport is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast: uvloop's transports are no subclass of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        try:
            while (frame := self._reader.next_frame()) is not None:
                self._take_frame(*frame)
        except FormatError as error:
            # After one frame that makes no sense no later one can be trusted.
            _LOG.error("a child does not keep to the protocol: %s", error)
            if self._transport is not None:
                self._transport.abort()

    def connection_lost(self, _: Exception | None) -> None:
        self._lose()

    def send(self, frame: bytes) -> None:
        """Send *frame*; into nothing when the link is gone: `lose` answers then."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frame)

    def end(self) -> None:
        """Send no more; the child reads that as its order to end."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write_eof()


def _spawn(link: socket.socket, inherit: Sequence[int]) -> subprocess.Popen[bytes]:
    """Start a child that holds *link*, in a session of its own: Ctrl-C does not reach it."""
    command = [sys.executable, "-P", "-m", _MODULE, str(link.fileno()), str(os.getpid())]
    return subprocess.Popen(  # noqa: S603  # our own interpreter and module
        command,
        pass_fds=(link.fileno(), *inherit),
        stdin=subprocess.DEVNULL,
        stdout=_STDERR,  # the node's own is for what it says itself
        start_new_session=True,
    )


def _reap(child: subprocess.Popen[bytes]) -> int:
    """Wait until *child* is gone and return its exit status; on a thread, because it blocks.

    A child that ends by itself gets the time to do so: its own status says more than SIGKILL's.
    """
    try:
        return child.wait(CHILD_EXIT_GRACE_MS / 1000)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()
