"""The operator's Arweave gateway: the newest block, and whether a transaction exists.

Optional. Nothing that a client sends decides which host is asked: only the operator's URL is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

import aiohttp

from seriatim.formats.codecs.json import parse_json
from seriatim.formats.errors import NotFoundError, SchedulerError, UnavailableError
from seriatim.formats.ids import b64url_decode, encode_id
from seriatim.formats.schedule.assignment import Block

REFRESH_S: Final = 15.0
TIMEOUT_S: Final = 10.0
REPLY_MAX_BYTES: Final = 256 * 1024

_LOG: Final = logging.getLogger("seriatim.gateway")
_OK: Final = 200


class ChainGateway:
    """A client of one Arweave gateway."""

    def __init__(self, url: str) -> None:
        """Ask the gateway at *url*, an origin without a path."""
        self._url = url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def newest_block(self) -> Block:
        """Return the newest block.

        Raises:
            UnavailableError: the gateway cannot be reached or answers something else.
        """
        plain = await self._get("/block/current")
        try:
            return Block(
                height=int(plain["height"]),
                hash=b64url_decode(plain["indep_hash"]),
                timestamp=int(plain["timestamp"]),
            )
        except (KeyError, TypeError, ValueError, SchedulerError) as error:
            raise UnavailableError("the gateway's block cannot be read") from error

    async def confirmations(self, transaction: bytes) -> int:
        """Return how many blocks confirm *transaction* (32 raw bytes).

        Raises:
            NotFoundError: the gateway does not know it.
            UnavailableError: as for `newest_block`.
        """
        plain = await self._get(f"/tx/{encode_id(transaction)}/status")
        try:
            return int(plain["number_of_confirmations"])
        except (KeyError, TypeError, ValueError) as error:
            raise UnavailableError("the gateway's status cannot be read") from error

    async def close(self) -> None:
        """Close connections."""
        if self._session is not None:
            await self._session.close()

    async def _get(self, path: str) -> dict[str, Any]:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
            self._session = aiohttp.ClientSession(timeout=timeout)
        try:
            async with self._session.get(self._url + path, allow_redirects=False) as response:
                if response.status == 404:  # noqa: PLR2004  # not found
                    raise NotFoundError("Transaction not found")
                if response.status != _OK:
                    raise UnavailableError(f"the gateway answered {response.status}")
                raw = await response.content.read(REPLY_MAX_BYTES)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnavailableError("the gateway cannot be reached") from error
        plain = parse_json(raw)
        if not isinstance(plain, dict):
            raise UnavailableError("the gateway's answer is not a JSON object")
        return plain


async def refresh_block(gateway: ChainGateway, accept: Callable[[Block], None]) -> None:
    """Call *accept* with the newest block, every `REFRESH_S`, for ever; nobody waits for it."""
    while True:
        try:
            accept(await gateway.newest_block())
        except SchedulerError as error:
            _LOG.warning("block info stays as it is: %s", error)
        await asyncio.sleep(REFRESH_S)
