"""``seriatim cron``: triggers of a node, and when they are due. One file per kind of verb."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import typer

from seriatim.gateway.cli.cron.add import add
from seriatim.gateway.cli.cron.change import backfill, pause, remove, resume, trigger
from seriatim.gateway.cli.cron.look import history, list_triggers, show
from seriatim.gateway.cli.cron.next import next_times
from seriatim.gateway.cli.options import ProcessCommand

_VERBS: Final[Mapping[str, Callable[..., None]]] = {
    "add": add,
    "list": list_triggers,
    "show": show,
    "pause": pause,
    "resume": resume,
    "trigger": trigger,
    "backfill": backfill,
    "next": next_times,
    "history": history,
    "remove": remove,
}

cron_app = typer.Typer(help="Triggers: what comes by the time.", no_args_is_help=True)
for name, verb in _VERBS.items():
    cron_app.command(name, cls=ProcessCommand)(verb)
