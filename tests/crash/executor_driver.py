"""A worker that runs a command and a function, both of which start others, until it is killed."""

from __future__ import annotations

import asyncio
import os
import sys

from seriatim.actors.executor.children import FunctionChildren
from seriatim.actors.executor.command import run_command
from seriatim.actors.executor.keepers import Keepers
from seriatim.actors.executor.stop import Stop
from seriatim.actors.executor.world import World, inherited
from seriatim.actors.runtime.clock import SystemClock
from seriatim.formats.jobs.command import Command
from seriatim.formats.jobs.limits import Limits
from tests.support.unanswered import unanswered

READY = b"ready"
CODE = "trap '' TERM; sleep 1000 & setsid sleep 1000 & echo ready; wait"


async def main() -> None:
    world = World(SystemClock(asyncio.get_running_loop()), inherited(os.environ), Keepers(1))
    children = FunctionChildren(world, children_max=1)
    await asyncio.gather(
        run_command(
            Command(("sh", "-c", CODE)), Limits(), world=world, output=say, stopping=Stop()
        ),
        children.run(
            "tests.support.job_functions:leave_and_wait",
            b"{}",
            Limits(),
            output=say,
            stopping=Stop(),
            told={},
            said=lambda _: None,
            answer=unanswered,
        ),
    )


def say(piece: bytes) -> None:
    os.write(1, piece)


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    asyncio.run(main())
