"""The executor of one worker: where its commands run, and its functions that want a child."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from seriatim.actors.executor.cgroup import find_cgroups
from seriatim.actors.executor.children import FunctionChildren
from seriatim.actors.executor.command import run_command
from seriatim.actors.executor.keepers import Keepers
from seriatim.actors.executor.world import World, inherited

if TYPE_CHECKING:
    from seriatim.actors.executor.answering import Answer
    from seriatim.actors.executor.capture import Output
    from seriatim.actors.executor.stop import Stop
    from seriatim.actors.executor.warm_child import Said
    from seriatim.actors.runtime.clock import Clock
    from seriatim.formats.jobs.command import Command
    from seriatim.formats.jobs.limits import Limits
    from seriatim.formats.jobs.outcome import Outcome


class Executor:
    """Runs jobs in OS processes. Belongs to one event loop; starts nothing before the first job."""

    def __init__(self, clock: Clock, environment: Mapping[str, str], room: int) -> None:
        """Run up to *room* jobs of each kind at once; they know little of *environment*."""
        keepers = Keepers(room)
        self._keepers = keepers
        self._world = World(clock, inherited(environment), keepers, find_cgroups())
        self._children = FunctionChildren(self._world, room)

    async def run_command(
        self, command: Command, limits: Limits, *, output: Output, stopping: Stop
    ) -> Outcome:
        """Run *command* to its end; see `run_command`."""
        return await run_command(
            command, limits, world=self._world, output=output, stopping=stopping
        )

    async def run_function(
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
        """Run *function* in a child to its end; see `FunctionChildren.run`."""
        return await self._children.run(
            function,
            arguments,
            limits,
            output=output,
            stopping=stopping,
            told=told,
            said=said,
            answer=answer,
        )

    async def close(self) -> None:
        """End everything that runs; return when it is gone."""
        await self._children.close()
        await self._keepers.close()
