"""``/api/v1/openapi.json``: what the API is, for programs that read that."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from aiohttp import web

from seriatim.gateway.http.api.route import Asked, Route
from seriatim.gateway.http.reply import reply_json


async def _describe(asked: Asked) -> web.StreamResponse:
    del asked
    return reply_json(files(__package__).joinpath("openapi.json").read_bytes())


DESCRIPTION: Final = Route("GET", "/api/v1/openapi.json", _describe, is_public=True)
"""The route of the document; a test holds it to the other routes."""
