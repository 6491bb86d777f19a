"""How a command reaches what is the operator's: where the node is, and the token."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial, wraps
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Final,
    NamedTuple,
    TypeVar,
)

import typer

from seriatim.formats.errors import RefusedError, UnauthorizedError, UnavailableError
from seriatim.gateway.cli.options import DATA_DEFAULT, Data, Json, NodeUrl
from seriatim.gateway.cli.output import print_json, printable, reporting

if TYPE_CHECKING:
    from seriatim.gateway.api_client import ApiClient

T = TypeVar("T")
Plain = dict[str, Any]
"""What the API answers."""
Lines = Callable[[Plain], Iterable[str]]
"""Gives what people are shown of an answer."""

TOKEN_VARIABLE: Final = "SERIATIM_TOKEN"  # noqa: S105  # a name, no password

TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        help=f"The operator's token; else ${TOKEN_VARIABLE}, or, without --node, that of --data.",
    ),
]


class Reach(NamedTuple):
    """Which node is meant, as it was said.

    Attributes:
        url: the node's; ``None`` for the one that runs on the folder.
        data: the data folder.
        token_file: where the token is; ``None`` for wherever else.
        as_json: whether what comes of it is printed as JSON.
    """

    url: str | None = None
    data: Path = DATA_DEFAULT
    token_file: Path | None = None
    as_json: bool = False

    def ask(self, use: Callable[[ApiClient], Awaitable[T]], say: Callable[[T], None]) -> None:
        """Have *use* ask the node, and *say* what came of it."""
        say(asyncio.run(self._use(use)))

    def tell(self, use: Callable[[ApiClient], Awaitable[Plain]], lines: Lines) -> None:
        """Have *use* ask the node, and print what it answers by *lines*."""
        self.ask(use, partial(_print_answer, lines, as_json=self.as_json))

    def show(
        self,
        method: str,
        path: tuple[str, ...],
        lines: Lines,
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> None:
        """Ask the node for *path*, see `ApiClient.ask`, and print what it answers by *lines*."""

        async def ask(client: ApiClient) -> Plain:
            return await client.ask(method, path, query=query, body=body)

        self.tell(ask, lines)

    async def _use(self, use: Callable[[ApiClient], Awaitable[T]]) -> T:
        from seriatim.gateway.api_client import connect_api

        async with connect_api(*await self.find()) as client:
            try:
                return await use(client)
            except RefusedError as error:
                if error.code != UnauthorizedError.code:
                    raise
                raise RefusedError(
                    f"the node does not know the token of {self._token_place}: {error}",
                    code=error.code,
                ) from error

    async def find(self) -> tuple[str, str]:
        """Return the URL of the node, and the token for it.

        Raises:
            UnavailableError: none runs on the folder; or there is no token, and no node at the URL.
            RefusedError: there is no token for the node at the URL; ``no_token``.
            StoreError: see `read_token`.
        """
        url = self.url or _running(self.data)
        token = self._read_token()
        if token is None:
            await _check_there(url)
            raise _no_token(url)
        return url, token

    def check_token(self) -> None:
        """Return where there is a token, or may be one when the node is there.

        Raises:
            RefusedError: there is none for the node at the URL; ``no_token``.
            StoreError: see `read_token`.
        """
        if self.url is not None and self._read_token() is None:
            raise _no_token(self.url)

    def _read_token(self) -> str | None:
        """Return the token; ``None`` where there is none for the node at a URL."""
        from seriatim.actors.operator_token import parse_token, read_folder_token, read_token

        if self.token_file is not None:
            return read_token(self.token_file)
        if text := os.environ.get(TOKEN_VARIABLE):
            return parse_token(text, f"${TOKEN_VARIABLE}")
        if self.url is not None:
            # The folder's own is for the folder's own node: whoever answers there gets no other.
            return None
        return read_folder_token(self.data)

    @property
    def _token_place(self) -> str:
        if self.token_file is not None:
            return str(self.token_file)
        return f"${TOKEN_VARIABLE}" if os.environ.get(TOKEN_VARIABLE) else str(self.data)


_OPTIONS: Final = tuple(
    inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
    for name, default, kind in (
        ("node", None, NodeUrl),
        ("data", DATA_DEFAULT, Data),
        ("token_file", None, TokenFile),
        ("as_json", False, Json),
    )
)


def of_node(verb: Callable[..., None]) -> Callable[..., None]:
    """Return *verb* as a command of which `Reach` is made up by options: which node, and how.

    Args:
        verb: takes the `Reach` first.
    """

    @wraps(verb)
    def command(
        *, node: str | None, data: Path, token_file: Path | None, as_json: bool, **said: Any
    ) -> None:
        with reporting(as_json=as_json):
            verb(Reach(node, data, token_file, as_json), **said)

    _, *own = inspect.signature(verb, eval_str=True).parameters.values()
    command.__signature__ = inspect.Signature([*own, *_OPTIONS])  # type: ignore[attr-defined]  # PEP 362
    return command


def _no_token(url: str) -> RefusedError:
    return RefusedError(
        f"what is at {url} is asked with its operator's token: give --token-file, or set "
        f"{TOKEN_VARIABLE}; for the node on a folder here, leave out --node",
        code="no_token",
    )


async def _check_there(url: str) -> None:
    """Ask the node at *url* for what is for everybody: a token of nobody's would lead nowhere.

    Raises:
        UnavailableError: no node answers there.
    """
    from seriatim.gateway.api_client import connect_api

    async with connect_api(url, "") as client:
        await client.ask("GET", ("openapi.json",))


def _running(data: Path) -> str:
    from seriatim.actors.offline import running_node

    running = running_node(data)
    if running is None or running.url is None:
        raise UnavailableError(
            f"no node runs on the folder {data}: start one with seriatim serve, or name one with "
            "--node"
        )
    return running.url


def _print_answer(lines: Lines, answer: Plain, *, as_json: bool) -> None:
    """Print *answer*, as JSON or by *lines*; and for people how to have the next page, if any."""
    if as_json:
        print_json(answer)
        return
    for line in lines(answer):
        typer.echo(printable(line))
    if answer.get("after") is not None:
        typer.echo(printable(f"there are more: --after {answer['after']}"), err=True)
