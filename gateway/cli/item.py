"""``seriatim item``: parse and verify data items, offline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seriatim.gateway.cli.input import read_body
from seriatim.gateway.cli.options import Json
from seriatim.gateway.cli.output import Exit, print_json, printable, reporting

if TYPE_CHECKING:
    from seriatim.formats.ans104.item import DataItem


def item(
    files: Annotated[list[Path], typer.Argument(help="Files with one ANS-104 item each.")],
    *,
    as_json: Json = False,
) -> None:
    """Parse and verify data items: one line each. Ends with 1 when one of them is bad."""
    with reporting(as_json=as_json):
        results = [examine(file) for file in files]
        if as_json:
            print_json(results)
        for result in () if as_json else results:
            typer.echo(printable(_line(result)))
    if not all(result["ok"] for result in results):
        raise typer.Exit(Exit.FAILED)


def examine(file: Path) -> dict[str, Any]:
    """Return what the item in *file* is, or why it is none."""
    from seriatim.formats.ans104.item import DataItem
    from seriatim.formats.errors import SchedulerError

    result: dict[str, Any] = {"file": str(file), "ok": False}
    try:
        with file.open("rb") as opened:
            decoded = DataItem.decode(read_body(opened))
        result |= _describe(decoded)
        decoded.verify()
    except OSError as error:
        return result | {"error": "unreadable", "reason": str(error.strerror)}
    except SchedulerError as error:
        return result | {"error": error.code, "reason": str(error)}
    return result | {"ok": True}


def _describe(decoded: DataItem) -> dict[str, Any]:
    from seriatim.formats.ids import b64url, encode_id

    return {
        "id": encode_id(decoded.id),
        "signature_type": decoded.signature_type,
        "owner_address": encode_id(decoded.address),
        "target": encode_id(decoded.target) if decoded.target else None,
        "anchor": b64url(decoded.anchor) if decoded.anchor else None,
        "tags": [
            {
                "name": tag.name.decode("utf-8", "replace"),
                "value": tag.value.decode("utf-8", "replace"),
            }
            for tag in decoded.tags
        ],
        "data_size": len(decoded.data),
    }


def _line(result: dict[str, Any]) -> str:
    if not result["ok"]:
        return f"bad   {result['file']}  {result['error']}: {result['reason']}"
    return (
        f"good  {result['file']}  {result['id']}  type {result['signature_type']}  "
        f"{len(result['tags'])} tags  {result['data_size']} bytes"
    )
