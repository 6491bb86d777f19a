"""``seriatim spawn`` and ``seriatim send``: sign a message and give it its slot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from seriatim.gateway.cli.input import read_body
from seriatim.gateway.cli.options import (
    DATA_DEFAULT,
    Data,
    DataFile,
    Json,
    NodeUrl,
    Process,
    Tags,
    Text,
    WalletFile,
)
from seriatim.gateway.cli.output import print_json, printable, reporting, say_making

if TYPE_CHECKING:
    from seriatim.formats.ans104.avro import Tag
    from seriatim.formats.signing.wallet import Wallet

VARIANT_DEFAULT = "ao.N.1"
MODULE_PLACEHOLDER = "A" * 43
"""The Module tag of a spawn that names none: nothing here runs modules."""

_AT_A_UNIT = "message {id}  placed by an ao unit; at which slot, this node does not see yet"

Scheduling = Callable[[bytes, str | None], Awaitable[dict[str, Any]]]
Reach = AbstractAsyncContextManager[tuple["Wallet", str, Scheduling]]


def spawn(  # typer reads options by position
    tag: Tags = None,
    text: Text = None,
    data_file: DataFile = None,
    variant: Annotated[
        str, typer.Option(help="ao.TN.1 (legacy), ao.N.1 or seriatim.1 (unsigned assignments).")
    ] = VARIANT_DEFAULT,
    wallet: WalletFile = None,
    node: NodeUrl = None,
    data: Data = DATA_DEFAULT,
    *,
    as_json: Json = False,
) -> None:
    """Start a process; print its id."""
    message = _Message(tag, text, data_file)
    work = _spawn(_reach(wallet, node, data), message, variant)
    _deliver(work, "{process}", as_json=as_json)


def send(  # typer reads options by position
    process: Process,
    tag: Tags = None,
    text: Text = None,
    data_file: DataFile = None,
    wallet: WalletFile = None,
    node: NodeUrl = None,
    data: Data = DATA_DEFAULT,
    *,
    as_json: Json = False,
) -> None:
    """Send a signed message to a process; print its slot."""
    message = _Message(tag, text, data_file)
    work = _send(_reach(wallet, node, data, process), message, process)
    _deliver(work, "slot {slot}  message {id}", as_json=as_json)


class _Message(NamedTuple):
    """What was given to say, as it was given."""

    tags: list[str] | None
    text: str | None
    file: typer.FileBinaryRead | None


def _deliver(work: Coroutine[Any, Any, dict[str, Any]], line: str, *, as_json: bool) -> None:
    """Do *work*; print the receipt that comes of it, or *line* with the receipt's words."""
    with reporting(as_json=as_json):
        receipt = asyncio.run(work)
        if as_json:
            print_json(receipt)
        else:
            chosen = line if "slot" in receipt else _AT_A_UNIT
            typer.echo(printable(chosen.format_map(receipt)))


async def _spawn(reach: Reach, message: _Message, variant: str) -> dict[str, Any]:
    from seriatim.formats.schedule.variant import Variant

    kind = Variant.from_tag(variant)
    tags, payload = _tags(message.tags), _payload(message)
    async with reach as (key, address, schedule):
        own = {
            b"Data-Protocol": b"ao",
            b"Variant": kind.tag.encode(),
            b"Type": b"Process",
            b"Module": MODULE_PLACEHOLDER.encode(),
            b"Scheduler": address.encode(),
        }
        return await schedule(_sign(key, _with_own(tags, own), payload, b""), None)


async def _send(reach: Reach, message: _Message, process: str) -> dict[str, Any]:
    from seriatim.formats.ids import decode_id

    target = decode_id(process)
    tags, payload = _tags(message.tags), _payload(message)
    async with reach as (key, _, schedule):
        own = {b"Data-Protocol": b"ao", b"Type": b"Message"}
        return await schedule(_sign(key, _with_own(tags, own), payload, target), process)


def _with_own(given: Sequence[Tag], own: Mapping[bytes, bytes]) -> list[Tag]:
    """Return *given* and those of our *own* tags whose names are not among them."""
    from seriatim.formats.ans104.avro import Tag

    named = {tag.name for tag in given}
    return [*given, *(Tag(name, value) for name, value in own.items() if name not in named)]


def _sign(key: Wallet, tags: Sequence[Tag], payload: bytes, target: bytes) -> bytes:
    """Sign a new item. A random anchor makes it one of a kind, also under ed25519.

    It is text, as ao's clients have it: legacy pages carry no other.
    """
    import secrets

    from seriatim.formats.ans104.item import sign_item

    anchor = secrets.token_hex(16).encode()
    return sign_item(key, target=target, anchor=anchor, tags=tags, data=payload).raw


@asynccontextmanager
async def _reach(
    wallet: Path | None, url: str | None, data: Path, process: str | None = None
) -> AsyncIterator[tuple[Wallet, str, Scheduling]]:
    """Yield the key to sign with, the node's address, and a way to schedule.

    The node at *url*; else the one that runs on the folder *data*; else the folder itself. With
    *process* the folder has to hold it: nothing is made for a message that has no place.
    """
    from seriatim.actors.keyring import folder_wallet, read_wallet
    from seriatim.actors.offline import open_offline, running_node
    from seriatim.formats.ids import decode_id

    running = running_node(data) if url is None else None
    reached = url or (running.url if running is not None else None)
    if reached is None and process is not None:
        with open_offline(data) as folder:
            folder.head(decode_id(process))
    key = read_wallet(wallet) if wallet else folder_wallet(data, on_making=say_making)
    if reached is not None:
        from seriatim.gateway.client import connect

        async with connect(reached) as client:
            yield key, await client.address(), client.schedule_item
        return
    async with _open_here(data, folder_wallet(data, on_making=say_making)) as opened:
        yield key, *opened


@asynccontextmanager
async def _open_here(data: Path, key: Wallet) -> AsyncIterator[tuple[str, Scheduling]]:
    """Run a node on *data* for as long as the command takes."""
    from seriatim.actors.launch import open_node
    from seriatim.actors.policy import Policy
    from seriatim.formats.ans104.item import DataItem
    from seriatim.formats.ids import decode_id, encode_id
    from seriatim.formats.schedule.submission import submit_item
    from seriatim.formats.schedule.variant import Variant
    from seriatim.formats.wire.receipt import receipt_to_plain

    node, _ = await open_node(data, wallet=key, policy=Policy(), in_children=False)

    async def schedule(raw: bytes, process: str | None) -> dict[str, Any]:
        place = None if process is None else decode_id(process)
        submission = submit_item(DataItem.decode(raw), process=place)
        receipt = await node.place(submission, variant_default=Variant.HYPERBEAM)
        return receipt_to_plain(receipt)

    try:
        yield encode_id(node.address), schedule
    finally:
        await node.close()


def _tags(texts: list[str] | None) -> list[Tag]:
    from seriatim.formats.ans104.avro import Tag

    tags = []
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals:
            raise typer.BadParameter(f"--tag {text!r} is not NAME=VALUE")
        tags.append(Tag(_encode("--tag", name), _encode("--tag", value)))
    return tags


def _payload(message: _Message) -> bytes:
    if message.text is not None and message.file is not None:
        raise typer.BadParameter("give --text or --data-file, not both")
    if message.file is not None:
        return read_body(message.file)
    return _encode("--text", message.text or "")


def _encode(option: str, text: str) -> bytes:
    """Return *text* as UTF-8; a shell can hand over bytes that are no text."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise typer.BadParameter(f"{option} is not UTF-8 text") from None
