"""Running commands and functions as jobs, by a clock that stands still until it is moved."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

import orjson

from seriatim.actors.executor.children import FunctionChildren
from seriatim.actors.executor.command import run_command
from seriatim.actors.executor.keepers import Keepers
from seriatim.actors.executor.stop import Stop
from seriatim.actors.executor.world import World, inherited
from seriatim.actors.runtime.clock import ManualClock
from seriatim.formats.jobs.command import Command
from seriatim.formats.jobs.limits import Limits
from seriatim.formats.jobs.outcome import Outcome
from tests.support.unanswered import unanswered
from tests.support.waiting import until

FUNCTIONS = "tests.support.job_functions"


class Ran(NamedTuple):
    """What an attempt has come to, and what it has printed."""

    outcome: Outcome
    output: bytes


class Attempt:
    """An attempt that is running."""

    def __init__(self, clock: ManualClock, keepers: Keepers | None = None) -> None:
        self.clock = clock
        self.world = World(clock, inherited(os.environ), keepers or Keepers(0))
        self.output = bytearray()
        self.stop = Stop()
        self.said: list[Mapping[str, Any]] = []
        self.task: asyncio.Task[Outcome] | None = None

    def begin_command(self, *argv: str, limits: Limits, env: Mapping[str, str], cwd: str) -> None:
        self.task = asyncio.ensure_future(
            run_command(
                Command(argv, env, cwd),
                limits,
                world=self.world,
                output=self.output.extend,
                stopping=self.stop,
            )
        )

    def begin_function(
        self, children: FunctionChildren, name: str, *args: Any, limits: Limits
    ) -> None:
        self.task = asyncio.ensure_future(
            children.run(
                name if ":" in name else f"{FUNCTIONS}:{name}",
                orjson.dumps({"args": args}),
                limits,
                output=self.output.extend,
                stopping=self.stop,
                told={"job": "a job"},
                said=self.said.append,
                answer=unanswered,
            )
        )

    async def prints(self, text: bytes = b"ready") -> None:
        """Return when it has printed *text*."""
        await until(lambda: text in self.output or self.is_over)
        assert not self.is_over

    @property
    def is_over(self) -> bool:
        return self.task is not None and self.task.done()

    async def end(self) -> Ran:
        assert self.task is not None
        async with asyncio.timeout(60):
            return Ran(await self.task, bytes(self.output))


def command(
    *argv: str,
    limits: Limits | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str = "",
    keepers: Keepers | None = None,
) -> Attempt:
    """Begin a command, with a keeper of its own, or one of *keepers*."""
    attempt = Attempt(ManualClock(), keepers)
    attempt.begin_command(*argv, limits=limits or Limits(), env=env or {}, cwd=cwd)
    return attempt


async def ran(*argv: str, **named: Any) -> Ran:
    """Return what a command has come to."""
    return await command(*argv, **named).end()


class Children:
    """Children for functions, closed at the end."""

    def __init__(self, children_max: int = 1) -> None:
        self.clock = ManualClock()
        self._children = FunctionChildren(
            World(self.clock, inherited(os.environ), Keepers(0)), children_max=children_max
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._children.close()

    def begin(self, name: str, *args: Any, limits: Limits | None = None) -> Attempt:
        """Begin a function."""
        attempt = Attempt(self.clock)
        attempt.begin_function(self._children, name, *args, limits=limits or Limits())
        return attempt

    async def ran(self, name: str, *args: Any, limits: Limits | None = None) -> Ran:
        """Return what a function has come to."""
        return await self.begin(name, *args, limits=limits).end()


def is_alive(process: int) -> bool:
    """Tell whether the OS process is there, and no zombie."""
    try:
        stat = Path(f"/proc/{process}/stat").read_bytes()
    except OSError:
        return False
    return stat[stat.rindex(b")") + 2 :].split()[0] != b"Z"


def descendants(of: int) -> list[int]:
    """Return all OS processes that come from *of*, zombies too."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                stat = (entry / "stat").read_bytes()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat[stat.rindex(b")") + 2 :].split()[1])
    found, left = [], [of]
    while left:
        parent = left.pop()
        born = [child for child, its in parents.items() if its == parent]
        found += born
        left += born
    return found


def descriptors() -> int:
    """Return how many descriptors this OS process has open."""
    return len(os.listdir("/proc/self/fd"))
