"""Options that several commands share, each described once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value on stdout.")]
Data = Annotated[Path, typer.Option("--data", help="The node's data folder.")]
NodeUrl = Annotated[
    str | None, typer.Option("--node", help="A node's URL; else the one on the data folder.")
]
WalletFile = Annotated[
    Path | None, typer.Option("--wallet", help="Sign with this wallet; else the folder's own.")
]
Process = Annotated[str, typer.Argument(help="The process id, 43 characters.")]
Tags = Annotated[
    list[str] | None, typer.Option("--tag", help="NAME=VALUE; may be given again and again.")
]
Text = Annotated[str | None, typer.Option("--text", help="The payload, as text.")]
DataFile = Annotated[
    typer.FileBinaryRead | None,
    typer.Option("--data-file", help="The payload, from a file; - is stdin."),
]

DATA_DEFAULT = Path("data")
