"""Options of ``seriatim cron add``, each described once."""

from __future__ import annotations

from typing import Annotated

import typer

from seriatim.formats.recurrence.zone import FoldPolicy, GapPolicy

Recurrence = Annotated[
    str | None, typer.Argument(help="A cron expression, or a phrase: 'every monday at 9'.")
]
Watch = Annotated[
    str | None, typer.Option(help="Instead: what it watches, as JSON; see docs/watches.md.")
]
Process = Annotated[
    str | None, typer.Option(help="Place a message in this process, with --tag and a payload.")
]
Path = Annotated[
    str | None, typer.Option(help="Ask this path of the node, with a payload by POST.")
]
Job = Annotated[
    str | None,
    typer.Option(help="Submit a job of this type, with --args or a command; see job add."),
]
Method = Annotated[
    str | None, typer.Option(help="GET or POST; else POST where there is a payload.")
]
ContentType = Annotated[str | None, typer.Option(help="What is posted.")]
Name = Annotated[str | None, typer.Option(help="Take the place of whatever has the same name.")]
Zone = Annotated[
    str | None, typer.Option(help="The IANA time zone whose clocks are meant; else UTC.")
]
Start = Annotated[str | None, typer.Option(help="From then on (ISO 8601), or 'now'.")]
End = Annotated[str | None, typer.Option(help="Until then, not included (ISO 8601).")]
Jitter = Annotated[str | None, typer.Option(help="Spread fires over so long: '30s'.")]
Misfire = Annotated[
    str | None, typer.Option(help="Of what is late: 'once' the last, 'all', or 'skip'.")
]
Window = Annotated[str | None, typer.Option(help="How late it may be: '1 hour'.")]
Overlap = Annotated[
    str | None,
    typer.Option(help="While a path is still asked: 'allow', 'queue', 'skip' or 'cancel'."),
]
Gap = Annotated[GapPolicy | None, typer.Option(help="Times that a clock skips.")]
Fold = Annotated[FoldPolicy | None, typer.Option(help="Times that it shows twice.")]
