"""``seriatim worker``: run jobs of a node, until it is told to stop or nothing is left."""

from __future__ import annotations

import asyncio
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seriatim.gateway.cli.json_lines import log_as
from seriatim.gateway.cli.options import LogJson
from seriatim.gateway.cli.output import Exit, print_json, say_error
from seriatim.gateway.cli.reach import Reach, of_node

if TYPE_CHECKING:
    from seriatim.gateway.working import Left


@of_node
def work(
    reach: Reach,
    modules: Annotated[
        list[str] | None,
        typer.Argument(help="Modules with an App in them: 'shop.jobs', or 'shop.jobs:app'."),
    ] = None,
    queue: Annotated[list[str] | None, typer.Option(help="Only of this queue; repeatable.")] = None,
    concurrency: Annotated[
        int, typer.Option(min=0, help="So many at once, of each queue; 0 is as declared.")
    ] = 0,
    category: Annotated[
        str, typer.Option(help="It is counted under this, and runs functions of it or none: 'gpu'.")
    ] = "",
    *,
    commands: Annotated[
        bool | None,
        typer.Option("--commands/--no-commands", help="Run commands, too; else without modules."),
    ] = None,
    drain: Annotated[bool, typer.Option("--drain", help="End when no job is left.")] = False,
    beside: Annotated[
        bool, typer.Option("--beside", hidden=True, help="Who has begun it is at stdin.")
    ] = False,
    log_json: LogJson = False,
) -> None:
    """Run jobs: the functions of MODULES, or commands. SIGTERM lets it finish what it has."""
    from seriatim.gateway.worker_tether import WorkerTether
    from seriatim.gateway.working import Work, run_worker

    log_as(as_json=log_json)
    sys.path.insert(0, str(Path.cwd()))  # as `python` does: a module of this folder is found
    takes_commands = not modules if commands is None else commands
    as_json = reach.as_json
    tether = WorkerTether.of_stdin() if beside else None
    with tether.saying_errors() if tether else nullcontext():
        reach.check_token()
        work = Work(
            modules=tuple(modules or ()),
            queues=tuple(queue or ()),
            room=concurrency,
            category=category,
            takes_commands=takes_commands,
            drains=drain,
            tether=tether,
        )

        def on_ready(names: list[str]) -> None:
            if as_json:
                print_json({"workers": names})
            else:
                typer.echo(f"{len(names)} at work: {', '.join(names)}")
            if tether is not None:
                tether.say_begun()

        left = asyncio.run(run_worker(reach.find, work, on_ready))
        _say_left(left, as_json=as_json)


def _say_left(left: Left | None, *, as_json: bool) -> None:
    """Say what a worker that was to drain its queues has had to leave, and fail for it."""
    if left is None:
        return
    noun = "job" if left.jobs == 1 else "jobs"
    reason = (
        f"queue {left.queue} still has {left.jobs} {noun} that nothing here can begin: {left.why}"
    )
    say_error("left", reason, as_json=as_json)
    raise typer.Exit(Exit.FAILED)
