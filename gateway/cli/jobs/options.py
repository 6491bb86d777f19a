"""Options and arguments of the commands about jobs, each described once."""

from __future__ import annotations

from typing import Annotated, Final

import typer

QUEUE_DEFAULT: Final = "default"

Job = Annotated[str, typer.Argument(help="The job's id.")]
Queue = Annotated[str, typer.Option("--queue", help="The queue's name.")]
AnyQueue = Annotated[str, typer.Option("--queue", help="The queue's name; else it is looked for.")]
Limit = Annotated[int, typer.Option(min=1, help="How many at most.")]

# What a job is, whenever it is submitted.
Command = Annotated[
    list[str] | None, typer.Argument(help="Behind --: the program, and its arguments.")
]
Args = Annotated[
    str | None,
    typer.Option("--args", help="Instead of a command: a function's arguments, a JSON map."),
]
Priority = Annotated[int, typer.Option(help="A greater one is first.")]
Retries = Annotated[int, typer.Option(help="So often it may fail and be tried again.")]
Timeout = Annotated[str, typer.Option(help="An attempt may take so long: '30s'.")]
Memory = Annotated[str, typer.Option(help="And have so much: '512MB'.")]
Cpu = Annotated[str, typer.Option(help="And so much processor time: '1 minute'.")]
Processes = Annotated[int, typer.Option(help="And so many OS processes.")]
Env = Annotated[list[str] | None, typer.Option(help="NAME=VALUE, for a command.")]
Cwd = Annotated[str, typer.Option(help="Where a command starts.")]
Unique = Annotated[
    str, typer.Option(help="While a job with this key has not ended, this is that one.")
]
Key = Annotated[str, typer.Option(help="Of one key, one at a time.")]
Takes = Annotated[
    list[str] | None, typer.Option(help="NAME=COUNT: tokens that it takes meanwhile.")
]
