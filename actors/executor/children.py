"""Functions in children: OS processes that are kept warm, and replaced when they may be spoilt.

`child.py` is what runs in them. A child runs one function at a time, and after that another one of
whatever module, unless

* it was ended, or has ended itself;
* something is left of the function: a thread, anything that it has started, another folder or
  environment than there was;
* the function's module could not be imported, or it had no memory left;
* it has run ``JOB_CHILD_JOBS_MAX``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Literal

from seriatim.actors.executor.answering import Answer
from seriatim.actors.executor.bounds import check_runs_here
from seriatim.actors.executor.capture import Output
from seriatim.actors.executor.judge import no_means
from seriatim.actors.executor.stop import Stop
from seriatim.actors.executor.unleft import to_the_end
from seriatim.actors.executor.warm_child import Call, Said, WarmChild
from seriatim.actors.executor.world import World
from seriatim.formats.errors import StoppingError
from seriatim.formats.jobs.limits import Limits
from seriatim.formats.jobs.outcome import Ending, Outcome


class FunctionChildren:
    """Runs functions of somebody's modules, so many at a time."""

    def __init__(self, world: World, children_max: int) -> None:
        """Start no child yet: the first job does.

        Args:
            world: clock and environment.
            children_max: how many children there may be at once, and so functions; 1 or more.
        """
        self._pool = _Pool(world, children_max)

    async def run(
        self,
        function: str,
        arguments: bytes,
        limits: Limits,
        *,
        output: Output,
        stopping: Stop,
        told: Mapping[str, Any],
        said: Said,
        answer: Answer,
    ) -> Outcome:
        """Run *function* in a child, and return how it has ended.

        When this returns or raises, nothing is left of what the function has started. Who is
        cancelled has it killed.

        Args:
            function: ``module:qualname``; a coroutine function has an event loop of its own.
            arguments: JSON: ``{"args": […], "kwargs": {…}}``.
            limits: what it may use; memory and processor time beyond what its child has and has
                used.
            output: hears what is printed meanwhile, as it comes, until this returns.
            stopping: when it says so, `function_call.Stopped` is raised in the function, or its
                coroutine is cancelled; a while later its child is killed.
            told: what the function's context knows: JSON values.
            said: hears what the function says through its context.
            answer: answers what it asks.

        Raises:
            StoppingError: `close` was called.
        """
        check_runs_here()
        attempt = _Attempt(
            self._pool, Call(function, arguments, limits, told, output, stopping, said, answer)
        )
        return await to_the_end(attempt.run(), attempt.kill)

    async def close(self) -> None:
        """End all children, those that run something included; return when they are gone."""
        self._pool.is_closed = True
        running = list(self._pool.running)
        for attempt in running:
            attempt.kill()
        for attempt in running:
            await attempt.done.wait()
        while self._pool.idle:
            await self._pool.idle.pop().end()


class _Pool:
    """The children, and the room for them."""

    def __init__(self, world: World, children_max: int) -> None:
        self.world = world
        self.places = asyncio.Semaphore(children_max)
        self.idle: list[WarmChild] = []
        self.running: set[_Attempt] = set()
        self.is_closed = False


class _Attempt:
    """One function that runs, or waits for a child."""

    def __init__(self, pool: _Pool, call: Call) -> None:
        self.done = asyncio.Event()
        self._pool = pool
        self._call = call
        self._child: WarmChild | None = None
        self._place: asyncio.Task[Literal[True]] | None = None
        self._is_killed = False

    def kill(self) -> None:
        """Have it end soon."""
        self._is_killed = True
        if self._child is not None:
            self._child.kill()
        elif self._place is not None:
            self._place.cancel()

    async def run(self) -> Outcome:
        """Run it in a child, when there is room for one."""
        pool = self._pool
        if pool.is_closed:
            raise StoppingError("the executor is stopping")
        pool.running.add(self)
        try:
            if not await self._wait_for_place():
                return Outcome(Ending.CANCELLED, self._call.stopping.reason or "it was killed")
            try:
                return await self._run_in_child()
            finally:
                pool.places.release()
        except OSError as error:
            return no_means(error)
        finally:
            pool.running.discard(self)
            self.done.set()

    async def _wait_for_place(self) -> bool:
        place = self._place = asyncio.ensure_future(self._pool.places.acquire())
        forget = self._call.stopping.listen(lambda _: place.cancel())
        await asyncio.wait([place])
        forget()
        return not place.cancelled()

    async def _run_in_child(self) -> Outcome:
        pool = self._pool
        child = pool.idle.pop() if pool.idle else await WarmChild.start(pool.world)
        self._child = child
        if self._is_killed:
            child.kill()
        try:
            return await child.run(self._call)
        finally:
            if child.is_spoilt or pool.is_closed:
                await child.end()
            else:
                pool.idle.append(child)
