"""``seriatim location``: say where this node is, signed, to itself and to its peers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from seriatim.formats.limits import LOCATION_TTL_DEFAULT_MS, LOCATION_TTL_MAX_MS
from seriatim.gateway.cli.options import DATA_DEFAULT, Data, Json, WalletFile, check_url
from seriatim.gateway.cli.output import Exit, print_json, printable, reporting

if TYPE_CHECKING:
    from seriatim.formats.httpsig.placement import HttpMessage
    from seriatim.formats.signing.wallet import Wallet
    from seriatim.gateway.outbound import Outbound

TTL_DEFAULT_S: Final = LOCATION_TTL_DEFAULT_MS // 1000
TTL_MAX_S: Final = LOCATION_TTL_MAX_MS // 1000

_PATH: Final = "/~scheduler@1.0/location"


def _check_urls(texts: list[str] | None) -> list[str]:
    return [text for text in texts or () if check_url(text)]


def location(
    url: Annotated[
        str, typer.Option(callback=check_url, help="Where clients and other nodes find this node.")
    ],
    data: Data = DATA_DEFAULT,
    ttl: Annotated[
        int, typer.Option(min=1, max=TTL_MAX_S, help="How long the record counts, in seconds.")
    ] = TTL_DEFAULT_S,
    notify: Annotated[
        list[str] | None,
        typer.Option(callback=_check_urls, help="A node that is told too; repeatable."),
    ] = None,
    wallet: WalletFile = None,
    *,
    as_json: Json = False,
) -> None:
    """Sign where the node that runs on a data folder is, and tell it and its peers."""
    from seriatim.actors.keyring import folder_wallet, read_wallet
    from seriatim.gateway.cli.output import say_making

    with reporting(as_json=as_json):
        node_url = _running(data)
        key = read_wallet(wallet) if wallet else folder_wallet(data, on_making=say_making)
        said = asyncio.run(_say(node_url, data, key, url, ttl * 1000, notify or []))
        _print(said, as_json=as_json)
        if not all(peer["ok"] for peer in said["told"]):
            raise typer.Exit(Exit.UNAVAILABLE)


def _running(data: Path) -> str:
    from seriatim.actors.offline import running_node
    from seriatim.formats.errors import UnavailableError

    running = running_node(data)
    if running is None or running.url is None:
        raise UnavailableError(f"no node runs on {data}; start it with seriatim serve")
    return running.url


async def _say(
    node_url: str, data: Path, key: Wallet, url: str, ttl_ms: int, peers: Sequence[str]
) -> dict[str, Any]:
    """Sign a record above the node's last one; return it, and who has heard it.

    The node itself is the first to hear: a record that it does not keep is nobody's.
    """
    from seriatim.actors.offline import open_offline
    from seriatim.formats.errors import RefusedError
    from seriatim.formats.httpsig.commitments import to_http
    from seriatim.formats.ids import encode_id
    from seriatim.formats.limits import CLIENT_REPLY_MAX_BYTES
    from seriatim.formats.schedule.location import sign_location
    from seriatim.gateway.client import connect
    from seriatim.gateway.outbound import Outbound, OutboundPolicy
    from seriatim.gateway.url import read_url

    address = encode_id(key.address)
    async with connect(node_url) as client:
        if await client.address() != address:
            raise RefusedError(
                f"the node on {data} signs with another wallet than {address}; name its own with "
                "--wallet",
                code="another_wallet",
            )
    with open_offline(data) as folder:
        nonce = folder.location_nonce(key.address) + 1
    placed = to_http(sign_location(url, nonce=nonce, ttl_ms=ttl_ms, wallet=key))
    policy = OutboundPolicy(frozenset(read_url(each).origin for each in (node_url, *peers)))
    async with Outbound(policy, reply_max_bytes=CLIENT_REPLY_MAX_BYTES) as outbound:
        await _tell(outbound, node_url, placed)
        told = await asyncio.gather(*(_try_to_tell(outbound, peer, placed) for peer in peers))
    return {"address": address, "url": url, "nonce": nonce, "time-to-live": ttl_ms, "told": told}


async def _tell(outbound: Outbound, node: str, placed: HttpMessage) -> None:
    """Post a record to the node at the URL *node*.

    Raises:
        SchedulerError: it does not take it, or cannot be reached.
    """
    from seriatim.formats.errors import UnavailableError
    from seriatim.gateway.reply import check_status

    headers = {name: value.decode() for name, value in placed.headers.items()}
    reply = await outbound.post(node.rstrip("/") + _PATH, placed.body, headers=headers)
    check_status(node, reply.status, reply.body)
    # A node answers with the record that it keeps; whatever else may stand there says anything.
    signature = placed.headers["signature"].partition(b"=:")[2].partition(b":")[0]
    if signature not in reply.body:
        raise UnavailableError(f"{node} does not show the record: it is no scheduler node")


async def _try_to_tell(outbound: Outbound, peer: str, placed: HttpMessage) -> dict[str, Any]:
    from seriatim.formats.errors import SchedulerError

    try:
        await _tell(outbound, peer, placed)
    except SchedulerError as error:
        return {"url": peer, "ok": False, "error": error.code, "reason": str(error)}
    return {"url": peer, "ok": True}


def _print(said: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(said)
        return
    typer.echo(printable(f"{said['address']} is at {said['url']}  nonce {said['nonce']}"))
    for peer in said["told"]:
        outcome = "knows it" if peer["ok"] else f"{peer['error']}: {peer['reason']}"
        typer.echo(printable(f"{peer['url']}  {outcome}"))
