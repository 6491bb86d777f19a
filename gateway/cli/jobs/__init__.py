"""``seriatim job``, ``queue`` and ``worker``: jobs of a node, and who runs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import typer
from typer.core import TyperGroup

from seriatim.gateway.cli.jobs.add import add
from seriatim.gateway.cli.jobs.change import cancel, remove, retry
from seriatim.gateway.cli.jobs.look import list_jobs, logs, show, stats
from seriatim.gateway.cli.jobs.queue import (
    list_queues,
    pause,
    purge,
    resume,
    set_queue,
    show_queue,
    verify_rows,
)
from seriatim.gateway.cli.jobs.timeline import show_timeline
from seriatim.gateway.cli.jobs.work import work
from seriatim.gateway.cli.jobs.workers import drain, list_workers

_JOB_VERBS: Final[Mapping[str, Callable[..., None]]] = {
    "add": add,
    "list": list_jobs,
    "show": show,
    "logs": logs,
    "cancel": cancel,
    "retry": retry,
    "remove": remove,
    "stats": stats,
}
_QUEUE_VERBS: Final[Mapping[str, Callable[..., None]]] = {
    "list": list_queues,
    "show": show_queue,
    "set": set_queue,
    "pause": pause,
    "resume": resume,
    "purge": purge,
    "timeline": show_timeline,
    "verify": verify_rows,
}


_WORKER_VERBS: Final[Mapping[str, Callable[..., None]]] = {
    "run": work,
    "list": list_workers,
    "drain": drain,
}


class _Workers(TyperGroup):
    """Verbs about workers; what is none of them is what a worker is to run."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read *args*: ``worker app.module`` is ``worker run app.module``."""
        if not args or (args[0] not in self.commands and args[0] != "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


job_app = typer.Typer(help="Jobs: what workers do, once each.", no_args_is_help=True)
queue_app = typer.Typer(help="Queues, and what is set for them.", no_args_is_help=True)
worker_app = typer.Typer(help="Run jobs: worker MODULE…, or worker --drain.", cls=_Workers)
for name, verb in _JOB_VERBS.items():
    job_app.command(name)(verb)
for name, verb in _QUEUE_VERBS.items():
    queue_app.command(name)(verb)
for name, verb in _WORKER_VERBS.items():
    worker_app.command(name)(verb)


@worker_app.callback()
def _workers() -> None:
    """Run jobs: ``worker MODULE…``; without a module, commands. A module ``list``: ``run list``."""
