"""Devices: what answers the keys of a path. See ``devices/`` for those that every node has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, NoReturn, Protocol, runtime_checkable

from aiohttp import web

from seriatim.actors.node import Node
from seriatim.formats.errors import NotFoundError, UnsupportedError
from seriatim.formats.tabm.structured import Rich
from seriatim.gateway.http.hyperbeam.answer import Answer
from seriatim.gateway.http.hyperbeam.path import Keys

NO_BASE: Final[Mapping[str, Rich]] = MappingProxyType({})

_COMPUTE_KEYS: Final = frozenset({"compute", "now", "result", "results", "dry-run", "dryrun"})


class Call(NamedTuple):
    """One key that is asked of a device.

    Attributes:
        node: the node.
        request: the request; its body has not been read.
        method: ``GET`` or ``POST``, or whatever else was sent.
        key: the key.
        keys: what path, query and headers say beside it, by lower-case name.
        process: the process that the path starts from, 32 raw bytes, or ``None``.
        base: what a path says beside the device that it starts from; nothing for a process.
    """

    node: Node
    request: web.BaseRequest
    method: str
    key: str
    keys: Keys
    process: bytes | None
    base: Mapping[str, Rich] = NO_BASE


@runtime_checkable
class Device(Protocol):
    """Something that answers keys.

    A device of another package is an object of this shape under the entry point group
    ``seriatim.devices``; the name of the entry point does not matter.
    """

    name: str
    """``name@version``."""

    async def answer(self, call: Call) -> Answer:
        """Answer one key.

        Raises:
            SchedulerError: see ``gateway/problems.py`` for the status of each; call
                `refuse_key` for a key that is not known.
        """


Handler = Callable[[Call], Awaitable[Answer]]


class KeyTable:
    """A device that is a table of its keys, by method."""

    def __init__(self, name: str, handlers: Mapping[tuple[str, str], Handler]) -> None:
        self.name = name
        self._handlers = handlers

    async def answer(self, call: Call) -> Answer:
        """Answer one key from the table."""
        handler = self._handlers.get((call.method, call.key))
        if handler is None:
            refuse_key(call)
        return await handler(call)


def refuse_key(call: Call) -> NoReturn:
    """Raise what a call for an unknown key deserves.

    Raises:
        UnsupportedError: a compute unit would know it.
        NotFoundError: nobody would.
    """
    if call.key.partition("=")[0] in _COMPUTE_KEYS or call.key.startswith("as="):
        raise UnsupportedError(
            "this node schedules and does not compute; ask a compute unit for results"
        )
    raise NotFoundError(f"no {call.method} {call.key[:64]!r} here; see the README for the paths")
