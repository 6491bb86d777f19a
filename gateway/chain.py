"""The operator's Arweave gateway: the newest block, and whether a message exists.

Optional. Nothing that a client sends decides which host is asked: only the operator's URL is.
What the gateway answers is outside data: whatever is not exactly as expected counts as no answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

import aiohttp
import orjson

from seriatim.formats.errors import MalformedError, NotFoundError, SchedulerError, UnavailableError
from seriatim.formats.ids import b64url_decode, encode_id
from seriatim.formats.limits import (
    BLOCK_REFRESH_MS,
    GATEWAY_DEADLINE_MS,
    GATEWAY_REPLY_MAX_BYTES,
    JSON_INTEGER_MAX,
)
from seriatim.formats.schedule.assignment import BLOCK_HEIGHT_DIGITS, Block

BLOCK_HEIGHT_MAX: Final = 10**BLOCK_HEIGHT_DIGITS - 1
BLOCK_HASH_SIZES: Final = (32, 48)
"""Bytes of a block's ``indep_hash``: of Arweave's first blocks, and of all since."""

_LOG: Final = logging.getLogger("seriatim.gateway")
_DIGITS_MAX: Final = 19
_OK: Final = 200
_PENDING: Final = 202
_NOT_FOUND: Final = 404
# Not compressed: a bound on what is read is a bound on what is held.
_HEADERS: Final = {"accept": "application/json", "accept-encoding": "identity"}
_KNOWN_QUERY: Final = "query($id: ID!) { transaction(id: $id) { id } }"


class ChainGateway:
    """A client of one Arweave gateway."""

    def __init__(self, url: str) -> None:
        """Ask the gateway at *url*, an origin without a path."""
        self._url = url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def newest_block(self) -> Block:
        """Return the newest block: ``GET /block/current``.

        Raises:
            UnavailableError: the gateway cannot be reached, or answers something else, more than
                ``GATEWAY_REPLY_MAX_BYTES``, or later than ``GATEWAY_DEADLINE_MS``.
        """
        plain = _object(*await self._ask("GET", "/block/current"))
        return Block(
            height=_integer(plain, "height", maximum=BLOCK_HEIGHT_MAX),
            hash=_block_hash(plain),
            timestamp=_integer(plain, "timestamp", maximum=JSON_INTEGER_MAX),
        )

    async def confirmations(self, transaction: bytes) -> int:
        """Return how many blocks confirm *transaction* (32 raw bytes): ``GET /tx/{id}/status``.

        One that waits for its block has 0. Items in bundles are no transactions: not found.

        Raises:
            NotFoundError: the gateway does not know it.
            UnavailableError: as for `newest_block`.
        """
        status, raw = await self._ask("GET", f"/tx/{encode_id(transaction)}/status")
        if status == _NOT_FOUND:
            raise NotFoundError("Transaction not found")
        if status == _PENDING:
            return 0
        plain = _object(status, raw)
        return _integer(plain, "number_of_confirmations", maximum=BLOCK_HEIGHT_MAX)

    async def check_known(self, message_id: bytes) -> None:
        """Return when the gateway's index holds *message_id* (32 raw bytes): ``POST /graphql``.

        The index holds the items in bundles too, which most messages are.

        Raises:
            NotFoundError: it does not.
            UnavailableError: as for `newest_block`.
        """
        text = encode_id(message_id)
        asked = {"query": _KNOWN_QUERY, "variables": {"id": text}}
        plain = _object(*await self._ask("POST", "/graphql", orjson.dumps(asked)))
        match plain.get("data"):
            case {"transaction": {"id": found}} if found == text:
                return
            case {"transaction": None} if not plain.get("errors"):
                raise NotFoundError("Transaction not found")
        raise UnavailableError("the gateway's index gives no answer")

    async def close(self) -> None:
        """Close connections."""
        if self._session is not None:
            await self._session.close()

    async def _ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Return the status and the whole body of a reply.

        Raises:
            UnavailableError: none came in time, or it is too long.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=GATEWAY_DEADLINE_MS / 1000),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                headers=_HEADERS,
            )
        headers = None if body is None else {"content-type": "application/json"}
        try:
            async with self._session.request(
                method, self._url + path, data=body, headers=headers, allow_redirects=False
            ) as response:
                return response.status, await _read_bounded(response.content)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnavailableError("the gateway cannot be reached") from error


async def refresh_block(
    gateway: ChainGateway,
    accept: Callable[[Block], None],
    *,
    every_s: float = BLOCK_REFRESH_MS / 1000,
) -> None:
    """Call *accept* with the newest block, every *every_s* seconds, for ever.

    Nobody waits for it: a gateway that does not answer leaves the block as it is.
    """
    while True:
        try:
            accept(await gateway.newest_block())
        except SchedulerError as error:
            _LOG.warning("block info stays as it is: %s", error)
        await asyncio.sleep(every_s)


async def _read_bounded(content: aiohttp.StreamReader) -> bytes:
    raw = bytearray()
    while chunk := await content.readany():
        raw += chunk
        if len(raw) > GATEWAY_REPLY_MAX_BYTES:
            raise UnavailableError(
                f"the gateway's answer is longer than {GATEWAY_REPLY_MAX_BYTES} bytes"
            )
    return bytes(raw)


def _object(status: int, raw: bytes) -> Mapping[str, Any]:
    """Return the JSON object that a reply with *status* and body *raw* holds."""
    if status != _OK:
        raise UnavailableError(f"the gateway answered {status}")
    try:
        plain = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise UnavailableError("the gateway's answer is not JSON") from error
    if not isinstance(plain, dict):
        raise UnavailableError("the gateway's answer is not a JSON object")
    return plain


def _integer(plain: Mapping[str, Any], name: str, *, maximum: int) -> int:
    """Return the member *name*, a number or the decimal text of one, from 0 to *maximum*."""
    value = plain.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _DIGITS_MAX:
        value = int(value)
    if type(value) is not int or not 0 <= value <= maximum:
        raise UnavailableError(f"the gateway's {name} is no integer from 0 to {maximum}")
    return value


def _block_hash(plain: Mapping[str, Any]) -> bytes:
    text = plain.get("indep_hash")
    try:
        raw = b64url_decode(text) if isinstance(text, str) else b""
    except MalformedError:
        raw = b""
    if len(raw) not in BLOCK_HASH_SIZES:
        raise UnavailableError("the gateway's indep_hash is no hash")
    return raw
