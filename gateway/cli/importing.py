"""``seriatim import``: a queue, out of what ``export`` has written."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Annotated

import typer

from seriatim.gateway.cli.options import DATA_DEFAULT, Data, Json
from seriatim.gateway.cli.output import print_json, reporting
from seriatim.gateway.cli.progress import progress


def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What export has written.")],
    data: Data = DATA_DEFAULT,
    *,
    as_json: Json = False,
) -> None:
    """Make an exported queue one of a data folder on which no node runs; see docs/jobs.md."""
    from seriatim.actors.importing import import_queue
    from seriatim.actors.proof import open_export
    from seriatim.formats.ids import encode_id

    with reporting(as_json=as_json), open_export(file) as log:
        with progress("importing", hidden=as_json) as tell:
            now_ms = time.time_ns() // 1_000_000
            found = asyncio.run(import_queue(data, log, now_ms=now_ms, on_slot=tell))
        said = {**found._asdict(), "process": encode_id(found.process)}
        if as_json:
            print_json(said)
        else:
            typer.echo(
                "queue {queue}: {rows} rows from {slots} slots of {process}".format_map(said)
            )
