"""``/api/v1/triggers``: defining triggers, looking at them, and having them fire."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeVar
from zoneinfo import ZoneInfo

from seriatim.actors.node import Node
from seriatim.actors.triggers.reader import Trigger
from seriatim.actors.triggers.table import TriggerTable
from seriatim.formats.codecs.json import message_from_plain
from seriatim.formats.errors import (
    DisabledError,
    MalformedError,
    NotFoundError,
)
from seriatim.formats.ids import decode_id, encode_id
from seriatim.formats.limits import (
    CRON_NEXT_DEFAULT,
    CRON_NEXT_MAX,
    JSON_INTEGER_MAX,
)
from seriatim.formats.recurrence.once import parse_instant
from seriatim.formats.recurrence.parse import parse_recurrence
from seriatim.formats.recurrence.recurrence import times_after
from seriatim.formats.recurrence.zone import FoldPolicy, GapPolicy
from seriatim.formats.recurrence.zone_database import read_zone
from seriatim.formats.triggers.definition import DEFINITION_KEYS
from seriatim.gateway.http.api.hooks import Hooks
from seriatim.gateway.http.api.page import reply_page
from seriatim.gateway.http.api.route import Asked, Body, Route
from seriatim.gateway.http.api.trigger_plain import happened_plain, times_plain, trigger_plain
from seriatim.gateway.http.hyperbeam.own_path import check_stays_here
from seriatim.gateway.http.reply import reply_json

if TYPE_CHECKING:
    from enum import StrEnum

    from aiohttp import web

    ChoiceT = TypeVar("ChoiceT", bound=StrEnum)

_ALL: Final = "/api/v1/triggers"
_ONE: Final = "/api/v1/triggers/{trigger}"
_NEXT: Final = "/api/v1/next"
_PAGED: Final = frozenset({"after", "limit"})
_ASKED_TIMES: Final = frozenset({"when", "tz", "from", "count", "start", "end", "gap", "fold"})
_DEFINITION: Final = Body(DEFINITION_KEYS | {"body+base64url"}, "bad_trigger")
_SPAN: Final = Body(frozenset({"from", "to"}), "bad_query")


class TriggerApi:
    """The triggers of one node. A trigger is named by its id, or by the name that it was given."""

    def __init__(self, node: Node, hooks: Hooks) -> None:
        """Show the triggers of *node*, and to those that have one their path of *hooks*."""
        self._node = node
        self._hooks = hooks

    def routes(self) -> tuple[Route, ...]:
        """Return what can be asked for."""
        return (
            Route("GET", _ALL, self._list, _PAGED),
            Route("POST", _ALL, self._define, body=_DEFINITION),
            Route("GET", _ONE, self._show),
            Route("DELETE", _ONE, self._remove),
            Route("POST", f"{_ONE}/pause", self._pause),
            Route("POST", f"{_ONE}/resume", self._resume),
            Route("POST", f"{_ONE}/fire", self._fire),
            Route("POST", f"{_ONE}/backfill", self._backfill, body=_SPAN),
            Route("GET", f"{_ONE}/history", self._history, _PAGED),
            Route("GET", f"{_ONE}/next", self._next_of, frozenset({"count"})),
            Route("GET", _NEXT, self._next, _ASKED_TIMES),
        )

    async def _list(self, asked: Asked) -> web.StreamResponse:
        """Answer with a page of triggers, by the text of their ids."""
        limit = asked.limit
        after = decode_id(asked.query["after"]) if "after" in asked.query else None
        found = self._table.page(after=after, limit=limit + 1)
        return reply_page(
            "triggers", ((encode_id(each.id), trigger_plain(each)) for each in found), limit
        )

    async def _define(self, asked: Asked) -> web.StreamResponse:
        """Define a trigger: 201 where there was none, 200 where there was."""
        fields = message_from_plain(asked.body).fields  # bytes under ``…+base64url``
        definition = self._table.check(fields)
        if definition.function:
            raise MalformedError(
                "function: a node serves no functions; open the folder in your program",
                code="bad_trigger",
            )
        if definition.path:
            check_stays_here(definition.path)
        is_new = self._known(definition.id) is None
        trigger = await self._table.define(fields)
        where = {"location": f"{_ALL}/{encode_id(trigger.id)}"}
        status = 201 if is_new else 200
        return reply_json(self._plain(trigger), status=status, headers=where)

    async def _show(self, asked: Asked) -> web.StreamResponse:
        return reply_json(self._plain(self._table.show(self._id(asked))))

    async def _remove(self, asked: Asked) -> web.StreamResponse:
        trigger = self._id(asked)
        await self._table.remove(trigger)
        return reply_json({"id": encode_id(trigger), "state": "removed"})

    async def _pause(self, asked: Asked) -> web.StreamResponse:
        return reply_json(trigger_plain(await self._table.pause(self._id(asked))))

    async def _resume(self, asked: Asked) -> web.StreamResponse:
        return reply_json(trigger_plain(await self._table.resume(self._id(asked))))

    async def _fire(self, asked: Asked) -> web.StreamResponse:
        """Have it fire now; answer with what has happened by that."""
        trigger = self._id(asked)
        happened = await self._table.fire(trigger)
        plain = happened_plain(happened, self._table.process, self._zone_of(trigger))
        return reply_json(plain, status=201)

    async def _backfill(self, asked: Asked) -> web.StreamResponse:
        """Have the nominal times ``from`` to ``to`` fire, both inclusive, that have not."""
        trigger = self._id(asked)
        zone = read_zone(self._table.show(trigger).definition.tz)
        first, last = (_instant(name, asked.body.get(name), zone) for name in ("from", "to"))
        fired, before = await self._table.backfill(trigger, first, last)
        return reply_json({"fired": fired, "had_fired": before})

    async def _history(self, asked: Asked) -> web.StreamResponse:
        """Answer with a page of what has happened to it; also where it was removed."""
        trigger = self._id(asked)
        limit = asked.limit
        after = asked.number("after", -1, minimum=-1, maximum=JSON_INTEGER_MAX)
        found = self._table.history(trigger, after=after, limit=limit + 1)
        table, zone = self._table.process, self._zone_of(trigger)
        entries = ((each.number, happened_plain(each, table, zone)) for each in found)
        return reply_page("history", entries, limit)

    async def _next_of(self, asked: Asked) -> web.StreamResponse:
        """Answer with the times at which it is due next."""
        trigger = self._id(asked)
        count = asked.number("count", CRON_NEXT_DEFAULT, maximum=CRON_NEXT_MAX)
        times = self._table.next_times(trigger, count)
        return reply_json({"times": times_plain(times, self._zone_of(trigger))})

    async def _next(self, asked: Asked) -> web.StreamResponse:
        """Answer with the times at which a recurrence is due, whether or not it is a trigger's."""
        query = asked.query
        zone = read_zone(query.get("tz", "UTC"))
        count = asked.number("count", CRON_NEXT_DEFAULT, maximum=CRON_NEXT_MAX)
        since = query.get("from")
        since_ms = self._node.now_ms() if since is None else parse_instant(since, zone)
        recurrence = parse_recurrence(
            query.get("when", ""),
            zone,
            now_ms=since_ms,
            start_ms=parse_instant(query["start"], zone) if "start" in query else None,
            end_ms=parse_instant(query["end"], zone) if "end" in query else None,
            gap=_choice(asked, "gap", GapPolicy),
            fold=_choice(asked, "fold", FoldPolicy),
        )
        times = islice(times_after(recurrence, since_ms), count)
        return reply_json({"times": times_plain(times, zone)})

    def _plain(self, trigger: Trigger) -> dict[str, Any]:
        """Return what *trigger* is, with the path that it waits for, if it does."""
        hook = self._hooks.path_of(trigger)
        return {**trigger_plain(trigger), **({"hook": hook} if hook else {})}

    @property
    def _table(self) -> TriggerTable:
        if self._node.triggers is None:
            raise DisabledError("this node places no messages, and so has no triggers")
        return self._node.triggers

    def _id(self, asked: Asked) -> bytes:
        return self._table.find(asked.named["trigger"])

    def _known(self, trigger: bytes) -> Trigger | None:
        try:
            return self._table.show(trigger)
        except NotFoundError:
            return None

    def _zone_of(self, trigger: bytes) -> ZoneInfo:
        known = self._known(trigger)
        return read_zone("UTC" if known is None else known.definition.tz)


def _instant(name: str, value: object, zone: ZoneInfo) -> int:
    """Return the instant that *value* is: milliseconds, or ISO 8601 in *zone*."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise MalformedError(
            f"{name}: expected ISO 8601 or milliseconds, found {str(value)[:64]!r}",
            code="bad_query",
        )
    return parse_instant(value, zone)


def _choice(asked: Asked, name: str, kind: type[ChoiceT]) -> ChoiceT | None:
    text = asked.query.get(name)
    if text is not None and text not in set(kind):
        raise MalformedError(f"{name} is {' or '.join(kind)}, not {text[:64]!r}", code="bad_query")
    return None if text is None else kind(text)
