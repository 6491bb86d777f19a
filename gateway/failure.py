"""Why no reply came, in words of our own: what a peer sends instead of HTTP gets nowhere."""

from __future__ import annotations

import aiohttp

from seriatim.formats.limits import REASON_MAX_CHARS


def reason_of(error: Exception) -> str:
    """Return why aiohttp raised *error* instead of giving a reply."""
    if isinstance(error, aiohttp.TooManyRedirects):
        return "its redirects do not end"
    if isinstance(error, (aiohttp.ClientResponseError, aiohttp.ClientPayloadError)):
        return "what answers there speaks no HTTP"
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    return str(cause)[:REASON_MAX_CHARS] or "no answer in time"
