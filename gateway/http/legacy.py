"""The legacy API, as aoconnect and ao's messenger and compute units speak it.

Errors are HTTP 400 with ``{"error": text}``, as an ao unit gives them; see
``docs/protocol/legacy.md`` for what is the same and what differs on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aiohttp import web

from seriatim.actors.node import Node
from seriatim.formats.ans104.item import DataItem
from seriatim.formats.errors import MalformedError, NotFoundError
from seriatim.formats.ids import ID_CHARS, decode_id, encode_id
from seriatim.formats.schedule.assignment import BLOCK_HEIGHT_DIGITS
from seriatim.formats.schedule.submission import submit_item
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.wire import legacy
from seriatim.formats.wire.legacy_rules import check_legacy_item
from seriatim.gateway.http.body import read_body
from seriatim.gateway.http.foreign import ForeignMessages
from seriatim.gateway.http.paging import SlotRange, join_page, legacy_range
from seriatim.gateway.http.reply import JSON, mode_headers, reply_json
from seriatim.gateway.http.stream import send_stream
from seriatim.gateway.problems import Problem


class LegacyApi:
    """Handlers of the legacy paths over one node."""

    def __init__(self, node: Node, foreign: ForeignMessages) -> None:
        self._node = node
        self._foreign = foreign

    async def get_identity(self, request: web.BaseRequest) -> web.StreamResponse:
        """``GET /``: who this is."""
        del request
        return reply_json(
            {"address": encode_id(self._node.address), "timestamp": str(self._node.now_ms())}
        )

    async def get_timestamp(self, request: web.BaseRequest) -> web.StreamResponse:
        """``GET /timestamp``: the time, and the newest known block."""
        del request
        height = f"{self._node.block.height:0{BLOCK_HEIGHT_DIGITS}d}"
        return reply_json({"block_height": height, "timestamp": str(self._node.now_ms())})

    async def post(self, request: web.BaseRequest) -> web.StreamResponse:
        """``POST /``: write an item, or with a query, assign a message that lives elsewhere."""
        query = request.query
        if "process-id" in query or "assign" in query:
            return await self._assign(query)
        item = DataItem.decode(await read_body(request))
        check_legacy_item(item)
        receipt = await self._node.place(submit_item(item), variant_default=Variant.LEGACY)
        return reply_json(
            {"id": encode_id(item.id), "timestamp": receipt.timestamp_ms},
            headers=mode_headers(receipt.mode),
        )

    async def get_message(self, request: web.BaseRequest, id_text: str) -> web.StreamResponse:
        """``GET /{id}``: a process's page, or one node by message or assignment id."""
        node = self._node
        any_id = decode_id(id_text)
        places = [place for place in node.find(any_id) if place != (any_id, 0)]
        if places:
            wanted = request.query.get("process-id")
            place = next((p for p in places if encode_id(p.process) == wanted), places[0])
            return reply_json(legacy.encode_node(node.stored(*place)))
        head = node.head(any_id)
        if head is None:
            raise NotFoundError("Message or Process not found")
        slots = legacy_range(
            request.query,
            head=head.slot,
            slots_until=lambda time_ms: node.slots_until(any_id, time_ms),
        )
        show_anchor = "show-anchor" in request.query
        opening = legacy.PAGE_OPEN[slots.has_next]
        chunks = self._edges(any_id, head.variant, slots, show_anchor=show_anchor)
        return await send_stream(request, JSON, join_page(opening, chunks, legacy.PAGE_CLOSE))

    async def get_process(self, request: web.BaseRequest, id_text: str) -> web.StreamResponse:
        """``GET /processes/{id}``: the spawn, described."""
        del request
        process = decode_id(id_text)
        if self._node.head(process) is None:
            raise NotFoundError('NotFound("Process not found")')
        return reply_json(legacy.encode_process(self._node.stored(process, 0)))

    async def get_latest(self, request: web.BaseRequest, id_text: str) -> web.StreamResponse:
        """``GET /{process}/latest``: the newest node; for a fresh process, its own."""
        del request
        process = decode_id(id_text)
        head = self._node.head(process)
        if head is None:
            raise NotFoundError("Latest message not available")
        return reply_json(legacy.encode_node(self._node.stored(process, head.slot)))

    async def _assign(self, query: Mapping[str, str]) -> web.StreamResponse:
        process_text, message_text = query.get("process-id"), query.get("assign")
        if process_text is None or message_text is None:
            raise MalformedError(
                "If sending assign or process-id, you must send both.", code="bad_query"
            )
        process = decode_id(process_text)
        self._node.check_scheduled_here(process)
        if self._node.head(process) is None:
            raise NotFoundError('NotFound("Process not found")')
        if len(message_text) != ID_CHARS:
            raise MalformedError("assign param must be 43 characters", code="bad_id")
        message_id = decode_id(message_text)
        await self._foreign.check(
            message_id,
            spawn=self._node.stored(process, 0),
            is_base_layer="base-layer" in query,
        )
        excludes = tuple(query["exclude"].split(",")) if "exclude" in query else ()
        receipt = await self._node.schedule_reference(process, message_id, excludes=excludes)
        return reply_json(
            {"id": encode_id(receipt.assignment_id), "timestamp": receipt.timestamp_ms},
            headers=mode_headers(receipt.mode),
        )

    def _edges(
        self, process: bytes, variant: Variant, slots: SlotRange, *, show_anchor: bool
    ) -> Iterator[bytes]:
        """Yield the edges of *slots*, joined with commas."""
        node = self._node
        if variant is Variant.LEGACY and not show_anchor:
            if not slots.by_nonce:
                yield from node.views(process, slots.first, slots.last, separator=b",")
                return
            # Views end in their timestamp; JSON has no bare line feed, so it can part them.
            slot = slots.first
            for chunk in node.views(process, slots.first, slots.last, separator=b"\n"):
                views = chunk.split(b"\n")
                yield b",".join(
                    legacy.recursor(view, slot + place) for place, view in enumerate(views)
                )
                slot += len(views)
            return
        for stored in node.schedule(process, slots.first, slots.last):
            cursor = stored.slot if slots.by_nonce else stored.record.timestamp_ms
            yield legacy.encode_edge(stored, str(cursor), show_anchor=show_anchor)


def reply_error(problem: Problem) -> web.Response:
    """Return *problem* in the legacy API's shape: 400 for whatever the client can mend."""
    kept = (307, 413, 429, 500, 501, 502, 503, 504, 508)
    status = problem.status if problem.status in kept else 400
    return reply_json({"error": problem.detail}, status=status, headers=problem.headers)
