"""Running a command: in an OS process of its own, within its limits, to its end."""

from __future__ import annotations

from seriatim.actors.executor.bounds import check_runs_here
from seriatim.actors.executor.capture import Output
from seriatim.actors.executor.cgroup import Cgroup, CgroupUse
from seriatim.actors.executor.judge import judge_end, judge_start, no_means
from seriatim.actors.executor.kept import Keeper, Order
from seriatim.actors.executor.stop import Stop
from seriatim.actors.executor.unleft import to_the_end
from seriatim.actors.executor.watchdog import Watchdog
from seriatim.actors.executor.world import World
from seriatim.formats.jobs.command import Command
from seriatim.formats.jobs.limits import Limits
from seriatim.formats.jobs.outcome import Ending, Outcome


async def run_command(
    command: Command, limits: Limits, *, world: World, output: Output, stopping: Stop
) -> Outcome:
    """Run *command* to its end, and return how it has ended. No shell is asked.

    When this returns or raises, nothing of the command is left: no OS process that it has started,
    in whatever session that is, and no descriptor. Who is cancelled has it killed.

    Args:
        command: what is run.
        limits: what it may use.
        world: clock, environment and cgroups.
        output: hears what it prints to stdout and stderr, as it comes, until this returns.
        stopping: when it says so, the command is asked to end, and a while later made to.
    """
    check_runs_here()
    attempt = _Attempt(command, limits, world, output, stopping)
    return await to_the_end(attempt.run(), attempt.kill)


class _Attempt:
    """One command that runs."""

    def __init__(
        self, command: Command, limits: Limits, world: World, output: Output, stopping: Stop
    ) -> None:
        self._command = command
        self._limits = limits
        self._world = world
        self._output = output
        self._stopping = stopping
        self._watchdog: Watchdog | None = None
        self._is_killed = False

    def kill(self) -> None:
        """Have the attempt end soon."""
        self._is_killed = True
        if self._watchdog is not None:
            self._watchdog.kill()

    async def run(self) -> Outcome:
        """Run it; an error of the system is an outcome, too."""
        if self._stopping.reason:
            return Outcome(Ending.CANCELLED, self._stopping.reason)
        keepers = self._world.keepers
        try:
            keeper = await keepers.take()
        except OSError as error:
            return no_means(error)
        try:
            return await self._run_with(keeper)
        except OSError as error:
            return no_means(error)
        finally:
            await keepers.give_back(keeper)

    async def _run_with(self, keeper: Keeper) -> Outcome:
        world, command = self._world, self._command
        cgroup = world.cgroups.create(self._limits) if world.cgroups else None
        use = CgroupUse()
        began_ms = world.clock.monotonic_ms()
        keeper.capture.begin(self._output, self._limits.output_bytes)
        try:
            kept = keeper.keep(self._order(cgroup))
            watchdog = self._watchdog = Watchdog(kept, self._limits, world.clock, self._stopping)
            if self._is_killed:
                watchdog.kill()
            await kept.gone.wait()
            watchdog.close()
            keeper.capture.finish()
        finally:
            if cgroup is not None:
                use = cgroup.finish()
        if kept.started is not None:
            return judge_start(kept.started, command.argv[0], command.cwd)
        wall_ms = world.clock.monotonic_ms() - began_ms
        return judge_end(kept.ended, watchdog.cause, self._limits, use, wall_ms)

    def _order(self, cgroup: Cgroup | None) -> Order:
        command = self._command
        env = {**self._world.environment, **command.env}
        folder = str(cgroup.folder) if cgroup else ""
        return Order(command.argv, env, command.cwd, self._limits, folder)
