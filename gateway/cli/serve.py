"""``seriatim serve``: run a node until it is told to stop."""

from __future__ import annotations

import os
import secrets
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seriatim.formats.schedule.mode import SchedulingMode
from seriatim.gateway.cli.json_lines import log_as, log_making
from seriatim.gateway.cli.options import (
    DATA_DEFAULT,
    AllowNetwork,
    AllowOrigin,
    Data,
    FollowRedirects,
    Json,
    LogJson,
    WalletFile,
    check_url,
    read_outbound_policy,
)
from seriatim.gateway.cli.output import print_json, reporting, say_making

if TYPE_CHECKING:
    from seriatim.actors.policy import Policy
    from seriatim.formats.signing.wallet import Wallet
    from seriatim.gateway.outbound import OutboundPolicy
    from seriatim.gateway.worker_child import WorkerBeside

Work = Annotated[
    list[str] | None,
    typer.Option(metavar="MODULE", help="Run the jobs of this module's App; repeatable."),
]
Compute = Annotated[
    list[str] | None,
    typer.Option(metavar="MODULE:NAME", help="Compute processes with this fold, too."),
]
PublicCron = Annotated[
    bool, typer.Option("--public-cron", help="Let everybody use ~cron@1.0, within bounds.")
]

HOST_DEFAULT = "127.0.0.1"
PORT_MAX = 65_535
PORT_DEFAULT = 8734

_HINTS = """\
seriatim {url}
  scheduler  {address}
  data       {data}

In another terminal:
  seriatim spawn --data {data}                 a process; prints its id
  seriatim send PROCESS --text hello --data {data}
  curl {url}/PROCESS/schedule
  seriatim cron add "every minute" --process PROCESS --data {data}
  seriatim verify PROCESS --data {data}        offline, from the folder

Ctrl-C stops it."""


def serve(  # typer reads options by position
    data: Data = DATA_DEFAULT,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = HOST_DEFAULT,
    port: Annotated[
        int, typer.Option(min=0, max=PORT_MAX, help="Port to listen on; 0 picks one.")
    ] = PORT_DEFAULT,
    wallet: WalletFile = None,
    *,
    accept_unsigned: Annotated[
        bool, typer.Option("--accept-unsigned", help="Take unsigned messages too.")
    ] = False,
    any_scheduler: Annotated[
        bool, typer.Option("--any-scheduler", help="Take spawns that name another scheduler.")
    ] = False,
    gateway_url: Annotated[
        str | None, typer.Option("--gateway-url", help="An Arweave gateway, for block heights.")
    ] = None,
    scheduling_mode: Annotated[
        SchedulingMode,
        typer.Option("--scheduling-mode", help="When a message is answered; see the guarantees."),
    ] = SchedulingMode.LOCAL,
    bundler: Annotated[
        str | None,
        typer.Option(callback=check_url, help="Upload data items and their assignments here."),
    ] = None,
    http_bundler: Annotated[
        str | None,
        typer.Option(callback=check_url, help="Upload HTTP-signed assignments here."),
    ] = None,
    compute: Compute = None,
    work: Work = None,
    log_json: LogJson = False,
    public_cron: PublicCron = False,
    follow_redirects: FollowRedirects = False,
    allow_origin: AllowOrigin = None,
    allow_network: AllowNetwork = None,
    as_json: Json = False,
) -> None:
    """Run a node on a data folder."""
    import uvloop

    from seriatim.actors.policy import Policy
    from seriatim.gateway.worker_child import WorkerBeside

    log_as(as_json=log_json)
    policy = Policy(
        accept_unsigned=accept_unsigned, any_scheduler=any_scheduler, mode=scheduling_mode
    )
    if (allow_origin or allow_network) and not follow_redirects:
        raise typer.BadParameter("without --follow-redirects, this node goes nowhere")
    allowed = read_outbound_policy(allow_origin, allow_network)
    if compute or work:
        sys.path.insert(0, str(Path.cwd()))  # as `python` does: a module of this folder is found
    with reporting(as_json=as_json):
        key = _read_key(wallet, data, log_json=log_json)
        serving = _serve(
            data,
            key,
            policy,
            host=host,
            port=port,
            gateway_url=gateway_url,
            bundlers=(bundler, http_bundler),
            fold_places=tuple(compute or ()),
            outbound_policy=allowed if follow_redirects else None,
            public_cron=public_cron,
            worker=WorkerBeside(data, tuple(work), log_json=log_json) if work else None,
            as_json=as_json,
        )
        raise typer.Exit(uvloop.run(serving))


def _read_key(wallet: Path | None, data: Path, *, log_json: bool) -> Wallet:
    from seriatim.actors.keyring import folder_wallet, read_wallet

    making = log_making if log_json else say_making
    return read_wallet(wallet) if wallet else folder_wallet(data, on_making=making)


async def _serve(
    data: Path,
    key: Wallet,
    policy: Policy,
    *,
    host: str,
    port: int,
    gateway_url: str | None,
    bundlers: tuple[str | None, str | None],
    fold_places: tuple[str, ...],
    outbound_policy: OutboundPolicy | None,
    public_cron: bool,
    worker: WorkerBeside | None,
    as_json: bool,
) -> int:
    """Run a node on *data* until it is told to stop; return the exit status."""
    from seriatim.actors.compute.folds import Folds
    from seriatim.actors.launch import open_node
    from seriatim.actors.operator_token import make_folder_token
    from seriatim.formats.ids import encode_id
    from seriatim.gateway.bundler import open_bundler
    from seriatim.gateway.http.operator import Operator
    from seriatim.gateway.http.server import run_server
    from seriatim.gateway.source import opening_sources

    token = make_folder_token(data, entropy=secrets.token_bytes)
    async with AsyncExitStack() as ending:
        carrier = await ending.enter_async_context(open_bundler(*bundlers))
        open_source = None
        if outbound_policy is not None:
            open_source = await ending.enter_async_context(opening_sources(outbound_policy))
        node, lock = await open_node(
            data,
            wallet=key,
            policy=policy,
            in_children=True,
            carrier=carrier,
            open_source=open_source,
            folds=Folds(fold_places),
        )

        def on_ready(url: str) -> None:
            lock.announce(url)
            address = encode_id(key.address)
            ready = {"url": url, "address": address, "pid": os.getpid(), "data": str(data)}
            if as_json:
                print_json(ready)
            else:
                typer.echo(_HINTS.format_map(ready))

        return await run_server(
            node,
            host=host,
            port=port,
            on_ready=on_ready,
            gateway_url=gateway_url,
            outbound_policy=outbound_policy,
            operator=Operator(token, public_cron=public_cron),
            worker=worker,
        )
