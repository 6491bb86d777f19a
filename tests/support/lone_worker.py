"""A worker without a node: a test says what it is granted, and when it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, cast

from seriatim.actors.executor.executor import Executor
from seriatim.actors.queue.commands import (
    Claim,
    Claimed,
    Command,
    Ended,
    Grant,
    Held,
    Report,
    Reported,
    Submitted,
)
from seriatim.actors.runtime.clock import Clock, ManualClock
from seriatim.actors.worker.guard import LoopGuard
from seriatim.actors.worker.handler import Handler, Place
from seriatim.actors.worker.running import Runner
from seriatim.actors.worker.threads import Threads
from seriatim.actors.worker.worker import Worker
from seriatim.formats.jobs.spec import Asked
from tests.support.unanswered import unanswered
from tests.support.waiting import until_idle

LONG_MS = 1_000_000_000

Call = Callable[[Grant], Awaitable[bytes] | bytes]


class ToldPort:
    """The queues of a node that does as it is told.

    Attributes:
        claims: what it was asked for; a claim is answered by `grant` or `answer`.
        asked: what was reported to it, whether or not it has answered.
        heard: what it has answered.
        answers: whether it answers reports; as long as it is not set they wait.
        error: what it answers reports with instead.
        lost: what it says that the worker has lost.
        refused: what it refuses, and why.
    """

    def __init__(self) -> None:
        self.claims: list[Claim] = []
        self.asked: list[Report] = []
        self.heard: list[Report] = []
        self.answers = asyncio.Event()
        self.answers.set()
        self.error: Exception | None = None
        self.lost: set[Held] = set()
        self.refused: dict[str, str] = {}
        self._answers: list[Claimed] = []
        self._changed = asyncio.Event()

    def answer(self, grants: Sequence[Grant] = (), stops: Mapping[str, str] | None = None) -> None:
        """Answer a claim with so much room: the one that waits, or a later one."""
        self._answers.append(Claimed(grants, stops or {}))
        self._changed.set()

    def grant(self, job: str, token: int, **spec: Any) -> None:
        """Grant a job of the type ``t``."""
        self.answer([Grant(job, "t", token, 1, spec, {}, 0)])

    @property
    def ended(self) -> list[Ended]:
        """What has ended, as far as it was heard."""
        return [ended for report in self.heard for ended in report.ended]

    async def claim(self, queue: str, claim: Claim, *, wait_ms: int) -> Claimed:
        del queue
        self.claims.append(claim)
        if not wait_ms:
            return Claimed((), {})
        while True:
            for answer in self._answers:
                if len(answer.grants) <= claim.room:
                    self._answers.remove(answer)
                    return answer
            self._changed.clear()
            await self._changed.wait()

    async def report(self, queue: str, report: Report) -> Reported:
        del queue
        self.asked.append(report)
        await self.answers.wait()
        if self.error is not None:
            raise self.error
        self.heard.append(report)
        return Reported(self.refused, [held for held in report.held if held in self.lost], {})

    async def submit(self, queue: str, jobs: Sequence[Asked]) -> list[Submitted]:
        raise NotImplementedError

    async def change(self, queue: str, command: Command) -> Any:
        raise NotImplementedError


class _Blind(LoopGuard):
    """One that does not look: its thread would read a time that the test moves."""

    def expect(self, lease_ms: int) -> None:
        del lease_ms


class Lone(NamedTuple):
    """A worker that works, its port, and its time."""

    worker: Worker
    port: ToldPort
    clock: ManualClock

    async def pass_ms(self, passed_ms: int) -> None:
        """Let time pass, and whatever that brings be done."""
        self.clock.advance(passed_ms)
        await until_idle()


@asynccontextmanager
async def working(
    call: Call | None = None,
    *,
    place: Place = Place.LOOP,
    room: int = 2,
    executor: object = None,
    is_final: Callable[[BaseException], bool] = lambda _: False,
    clock: Clock | None = None,
) -> AsyncIterator[Lone]:
    """Have a worker run jobs of the type ``t`` by *call*, and commands by *executor*."""
    port, manual = ToldPort(), ManualClock()
    handlers = {} if call is None else {"t": Handler("t", place, call, is_final, unanswered)}
    worker = Worker(
        port,
        name="w",
        queue="q",
        runner=Runner(handlers, Threads("t"), cast("Executor", executor)),
        room=room,
        clock=clock or manual,
        is_local=False,
        guard=_Blind(clock or manual),
        takes_commands=True,
        beat_ms=LONG_MS,
    )
    worker.start()
    await until_idle()
    try:
        yield Lone(worker, port, manual)
    finally:
        port.answers.set()
        await worker.close()
