"""``seriatim queue``: what there is, what is set for it, and emptying it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from seriatim.formats.limits import PAGE_DEFAULT
from seriatim.gateway.cli.input import read_map
from seriatim.gateway.cli.jobs.lines import numbers_text
from seriatim.gateway.cli.options import DATA_DEFAULT, After, Data, Json, Limit
from seriatim.gateway.cli.output import Exit, print_json, printable, reporting
from seriatim.gateway.cli.reach import Plain, Reach, of_node
from seriatim.gateway.cli.table import table, value_text
from seriatim.gateway.reply import field

Name = Annotated[str, typer.Argument(help="The queue's name.")]
Types = Annotated[
    list[str] | None, typer.Option("--type", help="Only this type of job; repeatable.")
]


@of_node
def list_queues(
    reach: Reach,
    limit: Limit = PAGE_DEFAULT,
    after: After = None,
) -> None:
    """List the queues, and how many jobs are in which state."""

    def lines(found: Plain) -> Iterator[str]:
        return table(
            [
                [field(each, "name", str), _paused(each), numbers_text(each.get("states"))]
                for each in field(found, "queues", list)
            ]
        )

    query = {"limit": limit, "after": after}
    reach.show("GET", ("queues",), lines, query=query)


@of_node
def show_queue(
    reach: Reach,
    name: Name,
) -> None:
    """Show what is set for NAME, and how many jobs are in which state."""
    reach.show("GET", ("queues", name), _lines)


@of_node
def set_queue(
    reach: Reach,
    name: Name,
    settings: Annotated[str, typer.Argument(help="A JSON map; see docs/jobs.md.")],
) -> None:
    """Change what is set for NAME: '{"types": {"render": 4}, "resources": {"gpu": 1}}'."""
    _set(reach, name, read_map("SETTINGS", settings))


@of_node
def pause(
    reach: Reach,
    name: Name,
    types: Types = None,
) -> None:
    """Give nothing of NAME to workers any more; what runs goes on, and jobs may be added."""
    _set(reach, name, _rest(types, rests=True))


@of_node
def resume(
    reach: Reach,
    name: Name,
) -> None:
    """Give jobs of NAME, of all types, to workers again."""
    _set(reach, name, _rest(None, rests=False))


@of_node
def purge(
    reach: Reach,
    name: Name,
    state: Annotated[
        str, typer.Option(help="Those in this state: 'pending', 'scheduled' or 'blocked'.")
    ] = "pending",
) -> None:
    """Cancel all jobs of NAME that are pending; or those in another state that waits."""
    reach.show(
        "POST",
        ("queues", name, "purge"),
        lambda found: [f"{field(found, 'purged', int)} cancelled"],
        body={"state": state},
    )


def verify_rows(
    name: Name,
    data: Data = DATA_DEFAULT,
    *,
    as_json: Json = False,
) -> None:
    """Check offline, from the folder, that what NAME is follows from its log; see verify, too."""
    from seriatim.actors.offline import open_offline
    from seriatim.formats.ids import encode_id

    with reporting(as_json=as_json), open_offline(data) as folder:
        found = folder.verify_queue(name)
        where = "/".join(found.differs)
        said = {"process": encode_id(found.process), "slots": found.slots, "rows": found.rows}
        if as_json:
            print_json({"ok": not where, **said, "differs": where or None})
        elif where:
            typer.echo(printable(f"{where} is not what the log says"), err=True)
        else:
            typer.echo(f"{found.rows} rows follow from {found.slots} slots of {said['process']}")
    if where:
        raise typer.Exit(Exit.FAILED)


def _rest(types: list[str] | None, *, rests: bool) -> dict[str, Any]:
    if types:
        return {"paused_types": types}
    return {"paused": True} if rests else {"paused": False, "paused_types": []}


def _set(reach: Reach, name: str, change: Mapping[str, Any]) -> None:
    reach.show("POST", ("queues", name, "settings"), _lines, body=change)


def _lines(found: Plain) -> Iterator[str]:
    yield f"{field(found, 'name', str)}: {numbers_text(found.get('states'))}"
    for key, value in field(found, "settings", dict).items():
        yield f"  {key}: {value_text(value)}"


def _paused(queue: object) -> str:
    settings = field(queue, "settings", dict)
    if settings.get("paused"):
        return "paused"
    types = settings.get("paused_types")
    return f"paused: {', '.join(types)}" if isinstance(types, list) and types else "open"
