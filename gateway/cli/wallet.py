"""``seriatim wallet new|show``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from seriatim.formats.signing.scheme import WalletKind
from seriatim.gateway.cli.options import Json
from seriatim.gateway.cli.output import print_json, printable, reporting

if TYPE_CHECKING:
    from seriatim.formats.signing.wallet import Wallet

wallet_app = typer.Typer(help="Make a wallet, or show the public side of one.")

File = Annotated[Path, typer.Argument(help="The wallet file.")]


@wallet_app.command()
def new(
    file: File,
    kind: Annotated[WalletKind, typer.Option(help="Which kind of key.")] = WalletKind.RSA,
    *,
    as_json: Json = False,
) -> None:
    """Make a wallet and write it to a new file that only you may read."""
    from seriatim.actors.keyring import create_wallet

    with reporting(as_json=as_json):
        if kind is WalletKind.RSA and sys.stderr.isatty():
            typer.echo("Making an RSA-4096 key, which takes seconds ...", err=True)
        _show(file, create_wallet(file, kind), as_json=as_json)


@wallet_app.command()
def show(file: File, *, as_json: Json = False) -> None:
    """Show a wallet's address and public key; never the private one."""
    from seriatim.actors.keyring import read_wallet

    with reporting(as_json=as_json):
        _show(file, read_wallet(file), as_json=as_json)


def _show(file: Path, wallet: Wallet, *, as_json: bool) -> None:
    from seriatim.formats.ids import encode_id

    public: dict[str, Any] = {
        "file": str(file),
        "address": encode_id(wallet.address),
        "signature_type": wallet.signature_type,
        "public": orjson.loads(wallet.public_json()),
    }
    if as_json:
        print_json(public)
    else:
        typer.echo(printable(f"{public['address']}  type {public['signature_type']}  {file}"))
