"""Options and arguments of the commands about jobs, each described once."""

from __future__ import annotations

from typing import Annotated, Final

import typer

QUEUE_DEFAULT: Final = "default"

Job = Annotated[str, typer.Argument(help="The job's id.")]
Queue = Annotated[str, typer.Option("--queue", help="The queue's name.")]
AnyQueue = Annotated[str, typer.Option("--queue", help="The queue's name; else it is looked for.")]
Limit = Annotated[int, typer.Option(min=1, help="How many at most.")]
