"""Pages of lists: bounded in entries and in bytes, with the place at which the next one begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import orjson
from aiohttp import web

from seriatim.formats.limits import HTTP_PAGE_MAX_BYTES
from seriatim.gateway.http.reply import reply_json


def reply_page(
    name: str, entries: Iterable[tuple[str | int, Mapping[str, Any]]], limit: int
) -> web.Response:
    """Return a page of *entries* as ``{name: [entry, …], "after": cursor}``.

    Args:
        name: what they are.
        entries: each with its cursor; one more than *limit*, where there are more.
        limit: how many at most; fewer where they are longer than ``HTTP_PAGE_MAX_BYTES``, but one.
    """
    remaining = iter(entries)
    chosen: list[orjson.Fragment] = []
    size, last = 0, None
    has_more = False
    for cursor, plain in islice(remaining, limit):
        raw = orjson.dumps(plain)
        size += len(raw)
        if chosen and size > HTTP_PAGE_MAX_BYTES:
            has_more = True
            break
        chosen.append(orjson.Fragment(raw))
        last = cursor
    has_more = has_more or next(remaining, None) is not None
    return reply_json({name: chosen, "after": last if has_more else None})
