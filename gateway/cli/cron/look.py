"""``seriatim cron list``, ``show`` and ``history``: what there is, and what has happened."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from seriatim.formats.limits import PAGE_DEFAULT
from seriatim.gateway.cli.cron.lines import (
    action_text,
    event_line,
    local_text,
    next_text,
    trigger_row,
    when_text,
)
from seriatim.gateway.cli.cron.trigger_path import Trigger, path_of
from seriatim.gateway.cli.options import After, Limit
from seriatim.gateway.cli.reach import Plain, Reach, of_node
from seriatim.gateway.cli.table import table, value_text
from seriatim.gateway.reply import field

_HEAD = ["id", "state", "next", "when", "does", "name"]


@of_node
def list_triggers(
    reach: Reach,
    limit: Limit = PAGE_DEFAULT,
    after: After = None,
) -> None:
    """List the triggers of a node, by the text of their ids."""

    def lines(page: Plain) -> Iterable[str]:
        return table([_HEAD, *map(trigger_row, field(page, "triggers", list))])

    query = {"limit": limit, "after": after}
    reach.show("GET", ("triggers",), lines, query=query)


@of_node
def history(
    reach: Reach,
    trigger: Trigger,
    limit: Limit = PAGE_DEFAULT,
    after: Annotated[int, typer.Option(min=-1, help="What is behind this number.")] = -1,
) -> None:
    """Show what has happened to TRIGGER, also after it was removed."""

    def lines(page: Plain) -> Iterable[str]:
        return map(event_line, field(page, "history", list))

    path, query = path_of(trigger, "history"), {"limit": limit, "after": after}
    reach.show("GET", path, lines, query=query)


@of_node
def show(
    reach: Reach,
    trigger: Trigger,
) -> None:
    """Show what TRIGGER is, and when it is due next."""
    reach.show("GET", path_of(trigger), _lines_of)


def _lines_of(trigger: Plain) -> Iterable[str]:
    definition = field(trigger, "definition", dict)
    told = {"when", "watch", "tz", "process", "path", "function", "method", "name"}
    rows = [
        ["id", field(trigger, "id", str)],
        ["name", str(definition.get("name", "-"))],
        ["state", field(trigger, "state", str)],
        ["defined", local_text(field(trigger, "defined", str))],
        ["when", when_text(definition)],
        ["next", next_text(trigger)],
        ["does", action_text(definition)],
        *([["hook", field(trigger, "hook", str)]] if "hook" in trigger else []),
        *([key, value_text(value)] for key, value in definition.items() if key not in told),
    ]
    return table(rows)
