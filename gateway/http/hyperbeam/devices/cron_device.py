"""``cron@1.0``: requests that come again, as HyperBEAM's clients ask for them.

A task is a trigger. The request that it makes is the one that was sent, with ``cron-path`` for its
path, its other keys in the query of that, its method, its body and its ``content-type``. The same
request twice is one task: a definition's id says what it is. Texts: specification §1.10.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from seriatim.actors.triggers.table import TriggerTable
from seriatim.formats.errors import DisabledError, FormatError, NotFoundError, UnsupportedError
from seriatim.formats.ids import decode_id, encode_id
from seriatim.formats.recurrence.interval import parse_hyperbeam_interval
from seriatim.formats.tabm.structured import Rich
from seriatim.gateway.http.body import read_body
from seriatim.gateway.http.hyperbeam.answer import Answer, Fields, Literal
from seriatim.gateway.http.hyperbeam.device import Call, KeyTable
from seriatim.gateway.http.hyperbeam.own_path import check_stays_here
from seriatim.gateway.http.hyperbeam.public_tasks import PublicTasks
from seriatim.gateway.http.operator import Operator

CRON: Final = "cron@1.0"
PUBLIC_OPTION: Final = "--public-cron"

_OWN_KEYS: Final = frozenset({"cron-path", "interval"})
_UNITS: Final = ("millisecond", "second", "minute", "hour", "day")
_INFO: Final[Mapping[str, Rich]] = {
    "description": "Cron device for scheduling messages",
    "version": "1.0",
    "paths": {
        "info": "Get device info",
        "once": "Schedule a one-time message",
        "every": "Schedule a recurring message",
        "stop": "Stop a scheduled task {task}",
    },
}


class CronDevice(KeyTable):
    """Defines and removes triggers that ask paths of this node."""

    def __init__(self, operator: Operator) -> None:
        """Obey *operator*, and everybody else where they say so."""
        self._operator = operator
        self._public = PublicTasks()
        keys = {"info": _info, "once": self._once, "every": self._every, "stop": self._stop}
        super().__init__(
            CRON,
            {(method, key): handler for method in ("GET", "POST") for key, handler in keys.items()},
        )

    async def _once(self, call: Call) -> Answer:
        """Make a request at once; answer with the id of the task."""
        self._check_asker(call)
        path = call.keys.get("cron-path")
        if not path:
            return _refusal("No cron path found in message.")
        return await self._define(call, {**await _request(call, path), "when": "in 1ms"}, None)

    async def _every(self, call: Call) -> Answer:
        """Make a request now, and again after each ``interval``; answer with the task's id."""
        self._check_asker(call)
        path, interval = call.keys.get("cron-path"), call.keys.get("interval")
        if not path:
            return _refusal("No cron path found in message.")
        if not interval:
            return _refusal("No interval found in message.")
        try:
            every_ms = parse_hyperbeam_interval(interval)
        except FormatError:
            return _refusal(_wrong_interval(interval))
        # One that takes longer than the interval has, as there, none beside it: by default.
        fields = {**await _request(call, path), "when": f"{every_ms}ms", "start": "now"}
        return await self._define(call, fields, every_ms)

    async def _stop(self, call: Call) -> Answer:
        """Remove a task."""
        self._check_asker(call)
        text = call.keys.get("task")
        if not text:
            return _refusal("No task ID found in message.")
        try:
            task = decode_id(text)
            if self._operator.knows(call.request):
                await _table(call).remove(task)
            else:
                await self._public.remove(_table(call), task)
        except (NotFoundError, FormatError):
            return _refusal("Task not found.")
        return Fields({"body": {"message": "Task stopped successfully", "task_id": text}})

    async def _define(
        self, call: Call, fields: Mapping[str, object], every_ms: int | None
    ) -> Answer:
        if self._operator.knows(call.request):
            trigger = (await _table(call).define(fields)).id
        else:
            trigger = await self._public.define(_table(call), fields, every_ms)
        return Literal(encode_id(trigger), is_fixed=False)

    def _check_asker(self, call: Call) -> None:
        if not self._operator.public_cron:
            self._operator.check(call.request, option=PUBLIC_OPTION)


async def _info(call: Call) -> Answer:
    """Answer with what the keys are."""
    del call
    return Fields({"body": _INFO})


def _table(call: Call) -> TriggerTable:
    if call.node.triggers is None:
        raise DisabledError("this node places no messages, and so has no triggers")
    return call.node.triggers


async def _request(call: Call, path: str) -> dict[str, object]:
    """Return what a definition says of the request that a task makes.

    Raises:
        UnsupportedError: it is signed as an HTTP message: no other request has that signature.
        MalformedError: *path* leads to another node.
        SchedulerError: see `read_body`.
    """
    request = call.request
    if "signature-input" in request.headers:
        raise UnsupportedError(
            "a task makes another request, which this signature does not cover; post a signed "
            "data item"
        )
    others = [
        f"{quote(name, safe='')}={quote(value, safe='')}"
        for name, value in call.keys.items()
        if name not in _OWN_KEYS
    ]
    if others:
        path = f"{path}{'&' if '?' in path else '?'}{'&'.join(others)}"
    check_stays_here(path)
    said: dict[str, object] = {"path": path}
    if call.method == "POST":
        body = await read_body(request)
        kind = request.headers.get("content-type", "")
        said |= {"method": "POST", "body": body, "content-type": kind}
    return said


def _wrong_interval(text: str) -> str:
    """Return the sentence that HyperBEAM's source means for an interval that is none."""
    number, _, unit = text.partition("-")
    is_number = number.isascii() and number.isdecimal() and number.strip("0")
    is_unit = unit.lower().startswith(_UNITS)
    return "Invalid interval value." if is_unit or not is_number else f"Invalid time unit: {unit}"


def _refusal(text: str) -> Answer:
    return Literal(text, is_fixed=False, status=HTTPStatus.BAD_REQUEST)
