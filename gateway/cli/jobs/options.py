"""Options and arguments of the commands about jobs, each described once."""

from __future__ import annotations

from typing import Annotated, Final

import typer

QUEUE_DEFAULT: Final = "default"

Job = Annotated[str, typer.Argument(help="The job's id.")]
Queue = Annotated[str, typer.Option("--queue", help="The queue's name.")]
AnyQueue = Annotated[
    str | None, typer.Option("--queue", help="The queue's name; else it is looked for.")
]

# What a job is, whenever it is submitted.
Command = Annotated[
    list[str] | None, typer.Argument(help="Behind --: the program, and its arguments.")
]
Args = Annotated[
    str | None,
    typer.Option(
        "--args",
        help="Instead of a command: a function's arguments, a JSON map. What the function declares "
        "(retries, timeout, …) holds where nothing else is said.",
    ),
]
Priority = Annotated[int | None, typer.Option(help="A greater one is first; else 0.")]
Retries = Annotated[
    int | None, typer.Option(help="So often it may fail and be tried again; else never.")
]
Backoff = Annotated[
    str | None,
    typer.Option(help="How long it waits then, a JSON map: base_ms, factor, max_ms, jitter."),
]
CrashesMax = Annotated[int | None, typer.Option(help="So many lost workers are one too many.")]
Timeout = Annotated[str | None, typer.Option(help="An attempt may take so long: '30s'.")]
Silence = Annotated[str | None, typer.Option(help="And a function go so long without a word.")]
Lease = Annotated[str | None, typer.Option(help="Its worker may be silent for so long.")]
Memory = Annotated[str | None, typer.Option(help="An attempt may have so much: '512MB'.")]
Cpu = Annotated[str | None, typer.Option(help="And so much processor time: '1 minute'.")]
Processes = Annotated[int | None, typer.Option(help="And so many OS processes.")]
Output = Annotated[str | None, typer.Option(help="So much of what it prints is kept: '64KiB'.")]
Files = Annotated[int | None, typer.Option(help="It may have so many files open.")]
Env = Annotated[list[str] | None, typer.Option(help="NAME=VALUE, for a command.")]
Cwd = Annotated[str | None, typer.Option(help="Where a command starts.")]
Unique = Annotated[
    str | None, typer.Option(help="While a job with this key has not ended, this is that one.")
]
Key = Annotated[str | None, typer.Option(help="Of one key, one at a time.")]
Takes = Annotated[
    list[str] | None, typer.Option(help="NAME=COUNT: tokens that it takes meanwhile.")
]
