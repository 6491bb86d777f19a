"""``seriatim bench`` and ``seriatim bench jobs``: thin, they live in rooms of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seriatim.formats.limits import QUEUE_JOBS_MAX
from seriatim.gateway.cli.options import Json
from seriatim.gateway.cli.output import Exit, reporting

Out = Annotated[Path | None, typer.Option(help="Write the JSON to this file too.")]

bench_app = typer.Typer()


@bench_app.callback(invoke_without_command=True)
def bench(
    context: typer.Context,
    only: Annotated[
        str,
        typer.Option(
            help="Which parts: a in process, b HTTP, c pages, d memory and start, e encoding, "
            "f computing, g timers."
        ),
    ] = "a,b,c,d,e,f,g",
    out: Out = None,
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Small counts, for a look.")] = False,
    as_json: Json = False,
) -> None:
    """Measure this machine: each figure beside its own ceiling, in one run."""
    if context.invoked_subcommand is not None:
        if quick or as_json or out is not None:
            raise typer.BadParameter(f"options come after {context.invoked_subcommand}")
        return
    from seriatim.gateway.bench import main

    with reporting(as_json=as_json):
        raise typer.Exit(main(only=only.split(","), quick=quick, as_json=as_json, out=out))


@bench_app.command()
def jobs(
    peers: Annotated[
        str, typer.Option(help="Which ones, by name, with commas between them; all for none.")
    ] = "",
    seconds: Annotated[
        float, typer.Option(min=0.1, max=30, help="About how long each run of jobs takes.")
    ] = 3.0,
    rounds: Annotated[int, typer.Option(min=1, max=100, help="How many rounds.")] = 3,
    finished: Annotated[
        int,
        typer.Option(
            min=0,
            max=QUEUE_JOBS_MAX,
            help="Measure ours beside ours with so many finished jobs, and only named peers.",
        ),
    ] = 0,
    out: Out = None,
    *,
    watched: Annotated[
        bool,
        typer.Option(
            "--watched", help="Measure ours beside ours with a monitor, and only named peers."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure job queues side by side: rates and latencies, with every commit on disk."""
    from seriatim.gateway.bench.jobs import main

    names = [name.strip() for name in peers.split(",") if name.strip()]
    with reporting(as_json=as_json):
        is_whole = main(
            peers=names,
            seconds=seconds,
            rounds=rounds,
            finished=finished,
            is_watched=watched,
            as_json=as_json,
            out=out,
        )
        raise typer.Exit(Exit.OK if is_whole else Exit.FAILED)
