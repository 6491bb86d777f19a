"""The worker's side of one child that runs functions; `child.py` is the other one."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, cast

import orjson

from seriatim.actors.executor.answering import Answer, Answering
from seriatim.actors.executor.capture import Output
from seriatim.actors.executor.judge import judge_answer, judge_death
from seriatim.actors.executor.kept import Keeper, Kept, Order
from seriatim.actors.executor.stop import Stop
from seriatim.actors.executor.watchdog import Cause, Watchdog
from seriatim.actors.executor.world import World
from seriatim.actors.runtime.frame import FrameReader, Kind, encode_frame
from seriatim.formats.errors import FormatError, MalformedError
from seriatim.formats.jobs.limits import Limits
from seriatim.formats.jobs.outcome import Outcome
from seriatim.formats.limits import JOB_CHILD_JOBS_MAX, JOB_KILL_DEADLINE_MS

Said = Callable[[Mapping[str, Any]], object]
"""Hears what a function says through its context, while it runs."""

_LOG: Final = logging.getLogger("seriatim.executor")
_MODULE: Final = "seriatim.actors.executor.child"


class Call(NamedTuple):
    """A function that is to be run; see `FunctionChildren.run`."""

    function: str
    arguments: bytes
    limits: Limits
    told: Mapping[str, Any]
    output: Output
    stopping: Stop
    said: Said
    answer: Answer

    def encode(self) -> bytes:
        """Return the frame that `child.py` reads."""
        payload = [
            self.function,
            self.arguments,
            self.limits.to_plain(),
            orjson.dumps(dict(self.told)),
        ]
        return encode_frame(Kind.CALL, payload)


class WarmChild:
    """A child, from its start to its end; it runs one function at a time.

    Attributes:
        kept: its OS process.
        is_spoilt: whether it is to run no other one.
    """

    def __init__(self, world: World, keeper: Keeper, kept: Kept) -> None:
        """Use `start`."""
        self.kept = kept
        self.is_spoilt = False
        self._world = world
        self._keeper = keeper
        self._link = _Link(self._hear, lambda: self._tell(None))
        self._watchdog: Watchdog | None = None
        self._answer: asyncio.Future[Mapping[str, Any] | None] | None = None
        self._said: Said | None = None
        self._answering: Answering | None = None
        self._jobs = 0
        self._cpu_ms = 0

    @classmethod
    async def start(cls, world: World) -> WarmChild:
        """Return a new child, which imports what it needs meanwhile. Not to be cancelled.

        Raises:
            OSError: the system lets us start none.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                keeper = await Keeper.start((theirs.fileno(),))
            except BaseException:
                ours.close()
                raise
            argv = (sys.executable, "-P", "-m", _MODULE, str(theirs.fileno()))
            order = Order(argv, world.environment, "", Limits(), handed_on=(theirs.fileno(),))
        child = cls(world, keeper, keeper.keep(order))
        loop = asyncio.get_running_loop()
        await loop.create_unix_connection(lambda: child._link, sock=ours)
        child._link.send(encode_frame(Kind.START, sys.path))
        return child

    async def run(self, call: Call) -> Outcome:
        """Run a function to its end; nothing is left of it then.

        Raises:
            LimitExceededError: its arguments do not fit into a frame.
        """
        clock, frame = self._world.clock, call.encode()
        began_ms = clock.monotonic_ms()
        self._keeper.capture.begin(call.output, call.limits.output_bytes)
        self._said = call.said
        self._answering = Answering(call.answer, self._send_answer)
        self.kept.limit_processes(call.limits.processes)
        watchdog = self._watchdog = Watchdog(self.kept, call.limits, clock, call.stopping)
        answer = await self._ask(frame)
        watchdog.close()
        self._answering.close()
        self._watchdog = self._said = self._answering = None
        self._jobs += 1
        self.kept.limit_processes(None)
        if answer is None or watchdog.cause is not None or not answer.get("is_clean"):
            await self._end_all()
        self.is_spoilt = self.is_spoilt or self._jobs >= JOB_CHILD_JOBS_MAX
        self._keeper.capture.finish()
        return self._judge(call, answer, watchdog.cause, clock.monotonic_ms() - began_ms)

    def kill(self) -> None:
        """Have what it runs end soon, and it with that."""
        self.is_spoilt = True
        if self._watchdog is not None:
            self._watchdog.kill()

    async def end(self) -> None:
        """Return when nothing is left of it."""
        await self._end_all()
        self._link.close()
        await self._keeper.close()

    async def _ask(self, frame: bytes) -> Mapping[str, Any] | None:
        """Send *frame*, and return the answer; ``None`` where the child has ended without."""
        answered: asyncio.Future[Mapping[str, Any] | None]
        self._answer = answered = asyncio.get_running_loop().create_future()
        if self._link.is_lost:
            return None
        self._link.send(frame)
        # Something that it has started may hold the link open when it has ended itself.
        gone = asyncio.ensure_future(self.kept.gone.wait())

        # It is called when that is cancelled, too, and by then there may be another call.
        def lose(_: object) -> None:
            if not answered.done():
                answered.set_result(None)

        gone.add_done_callback(lose)
        answer = await answered
        gone.cancel()
        self._answer = None
        return answer

    async def _end_all(self) -> None:
        """Have it killed, with all that it has started; return when it is gone."""
        self.is_spoilt = True
        self.kept.kill()
        late = self._world.clock.call_later(JOB_KILL_DEADLINE_MS, self.kept.abandon)
        await self.kept.gone.wait()
        late.cancel()

    def _judge(
        self, call: Call, answer: Mapping[str, Any] | None, cause: Cause | None, wall_ms: int
    ) -> Outcome:
        if answer is not None:
            try:
                outcome = judge_answer(answer, cause, call.limits, wall_ms)
            except (KeyError, TypeError, ValueError):
                _LOG.exception("a child does not keep to the protocol")
                self.is_spoilt = True
            else:
                self._cpu_ms += outcome.usage.cpu_ms
                return outcome
        ended = self.kept.ended
        cpu_ms = max(ended.cpu_ms - self._cpu_ms, 0)
        return judge_death(ended._replace(cpu_ms=cpu_ms), cause, call.limits, wall_ms)

    def _hear(self, kind: Kind, payload: Any) -> None:
        """Take a frame; see `frame.py`.

        Raises:
            MalformedError: it says nothing that is waited for.
        """
        if kind is Kind.SAID and self._said is not None:
            said = orjson.loads(payload)
            if not isinstance(said, dict):
                raise MalformedError(f"SAID is a map, not {type(said).__name__}", code="bad_frame")
            self._said(said)
        elif kind is Kind.ASKED and self._answering is not None:
            self._answering.hear(payload)
        elif kind is Kind.RESULT and isinstance(payload, dict) and self._answer is not None:
            self._tell(payload)
        elif kind not in (Kind.READY, Kind.SAID, Kind.ASKED):
            raise MalformedError(f"{kind.name} answers no call", code="bad_frame")

    def _send_answer(self, answer: list[Any]) -> None:
        self._link.send(encode_frame(Kind.ANSWERED, answer))

    def _tell(self, answer: Mapping[str, Any] | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)


class _Link(asyncio.Protocol):
    """The socket: frames out, frames in."""

    def __init__(self, hear: Callable[[Kind, Any], None], lose: Callable[[], None]) -> None:
        self.is_lost = False
        self._hear = hear
        self._lose = lose
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast: uvloop's transports are no subclass of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        try:
            while (frame := self._reader.next_frame()) is not None:
                self._hear(*frame)
        except (FormatError, ValueError) as error:
            # After one frame that makes no sense no later one can be trusted.
            _LOG.error("a child does not keep to the protocol: %s", error)
            self.close()

    def connection_lost(self, _: Exception | None) -> None:
        self.is_lost = True
        self._lose()

    def send(self, frame: bytes) -> None:
        """Send *frame*; into nothing when the child is gone."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frame)

    def close(self) -> None:
        """Hear no more."""
        if self._transport is not None:
            self._transport.abort()
