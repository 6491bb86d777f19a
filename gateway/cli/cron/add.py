"""``seriatim cron add``: define a trigger."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seriatim.formats.recurrence.zone import FoldPolicy, GapPolicy
from seriatim.gateway.cli.cron.lines import next_text
from seriatim.gateway.cli.input import read_body
from seriatim.gateway.cli.options import DATA_DEFAULT, Data, DataFile, Json, NodeUrl, Tags, Text
from seriatim.gateway.cli.output import print_json, printable, reporting
from seriatim.gateway.cli.reach import Plain, Reach, TokenFile
from seriatim.gateway.reply import field

if TYPE_CHECKING:
    from seriatim.gateway.api_client import ApiClient


def add(  # typer reads options by position
    recurrence: Annotated[
        str | None, typer.Argument(help="A cron expression, or a phrase: 'every monday at 9'.")
    ] = None,
    watch: Annotated[
        str | None, typer.Option(help="Instead: what it watches, as JSON; see docs/watches.md.")
    ] = None,
    process: Annotated[
        str | None, typer.Option(help="Place a message in this process, with --tag and a payload.")
    ] = None,
    path: Annotated[
        str | None, typer.Option(help="Ask this path of the node, with a payload by POST.")
    ] = None,
    tag: Tags = None,
    text: Text = None,
    data_file: DataFile = None,
    method: Annotated[
        str | None, typer.Option(help="GET or POST; else POST where there is a payload.")
    ] = None,
    content_type: Annotated[str | None, typer.Option(help="What is posted.")] = None,
    name: Annotated[
        str | None, typer.Option(help="Take the place of whatever has the same name.")
    ] = None,
    tz: Annotated[
        str | None, typer.Option(help="The IANA time zone whose clocks are meant; else UTC.")
    ] = None,
    start: Annotated[str | None, typer.Option(help="From then on (ISO 8601), or 'now'.")] = None,
    end: Annotated[str | None, typer.Option(help="Until then, not included (ISO 8601).")] = None,
    jitter: Annotated[str | None, typer.Option(help="Spread fires over so long: '30s'.")] = None,
    misfire: Annotated[
        str | None, typer.Option(help="Of what is late: 'once' the last, 'all', or 'skip'.")
    ] = None,
    window: Annotated[str | None, typer.Option(help="How late it may be: '1 hour'.")] = None,
    overlap: Annotated[
        str | None,
        typer.Option(help="While a path is still asked: 'allow', 'queue', 'skip' or 'cancel'."),
    ] = None,
    gap: Annotated[GapPolicy | None, typer.Option(help="Times that a clock skips.")] = None,
    fold: Annotated[FoldPolicy | None, typer.Option(help="Times that it shows twice.")] = None,
    node: NodeUrl = None,
    data: Data = DATA_DEFAULT,
    token_file: TokenFile = None,
    *,
    as_json: Json = False,
) -> None:
    """Define a trigger; the same again is the same one. Print its id."""
    said: dict[str, Any] = {
        "when": recurrence,
        "watch": watch and _parse_watch(watch),
        "process": process,
        "path": path,
        "name": name,
        "tz": tz,
        "start": start,
        "end": end,
        "jitter": jitter,
        "misfire": misfire,
        "window": window,
        "overlap": overlap,
        "gap": gap,
        "fold": fold,
        "method": method,
        "content-type": content_type,
    }
    definition = {key: value for key, value in said.items() if value is not None}
    with reporting(as_json=as_json):
        payload = _payload(text, data_file)
    definition = {**_action(path, tag, payload), **definition}
    _define(Reach(node, data, token_file), definition, as_json=as_json)


def _define(reach: Reach, definition: Mapping[str, object], *, as_json: bool) -> None:
    async def define(client: ApiClient) -> Plain:
        return await client.ask("POST", ("triggers",), body=definition)

    def say(trigger: Plain) -> None:
        if as_json:
            print_json(trigger)
        else:
            typer.echo(printable(f"{field(trigger, 'id', str)}  next {next_text(trigger)}"))

    reach.ask(define, say, as_json=as_json)


def _action(
    path: str | None, tags: list[str] | None, payload: bytes | str | None
) -> Mapping[str, object]:
    """Return what a definition says of what is placed, or asked."""
    if path is None:
        return _message(tags, payload)
    if tags:
        raise typer.BadParameter("--tag is for the message that --process gets")
    return {} if payload is None else {"method": "POST", **_plain("body", payload)}


def _parse_watch(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"--watch is no JSON: {error}") from error


def _payload(text: str | None, file: typer.FileBinaryRead | None) -> bytes | str | None:
    if text is not None and file is not None:
        raise typer.BadParameter("give --text or --data-file, not both")
    return text if file is None else read_body(file)


def _message(tags: list[str] | None, payload: bytes | str | None) -> Mapping[str, object]:
    """Return what a definition says of its message."""
    fields: dict[str, object] = {}
    for each in tags or ():
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"--tag {each!r} is not NAME=VALUE")
        if name in fields:
            raise typer.BadParameter(f"--tag {name} is given twice; a message has one of a name")
        fields[name] = value
    if payload is not None:
        fields |= _plain("data", payload)
    return {"message": fields} if fields else {}


def _plain(name: str, payload: bytes | str) -> dict[str, str]:
    """Return *payload* under *name* as JSON has it: text, or bytes that are none in base64url."""
    from seriatim.formats.ids import b64url
    from seriatim.formats.message import BINARY_SUFFIX

    if isinstance(payload, str):
        return {name: payload}
    try:
        return {name: payload.decode()}
    except UnicodeDecodeError:
        return {name + BINARY_SUFFIX: b64url(payload)}
