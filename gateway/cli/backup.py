"""``seriatim backup``: a copy of a data folder to start a node on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seriatim.gateway.cli.options import DATA_DEFAULT, Data, Json
from seriatim.gateway.cli.output import print_json, printable, reporting
from seriatim.gateway.cli.progress import progress

if TYPE_CHECKING:
    from seriatim.formats.schedule.record import Head


def backup(
    to: Annotated[
        Path, typer.Argument(metavar="DEST", help="The folder to make; or one that is empty.")
    ],
    data: Data = DATA_DEFAULT,
    *,
    as_json: Json = False,
) -> None:
    """Copy a data folder as it is at one moment, also while a node runs on it."""
    from seriatim.actors.backup import back_up

    with reporting(as_json=as_json):
        with progress("copying", hidden=as_json) as tell:
            made = back_up(data, to, on_bytes=tell)
        heads = [_head(*each) for each in made.heads]
        if as_json:
            said = {"folder": str(to), "bytes": made.size_bytes, "wallet": made.has_wallet}
            print_json({**said, "heads": heads})
            return
        for head in heads:
            typer.echo(f"{head['process']}  slot {head['slot']}  {head['hash_chain']}")
        typer.echo(printable(f"{len(heads)} processes, {made.size_bytes} bytes in {to}"))
        if not made.has_wallet:
            typer.echo("no wallet is in it: keep the one that the node is started with", err=True)


def _head(process: bytes, head: Head) -> dict[str, Any]:
    from seriatim.formats.ids import encode_id

    chain = encode_id(head.hash_chain)
    return {"process": encode_id(process), "slot": head.slot, "hash_chain": chain}
