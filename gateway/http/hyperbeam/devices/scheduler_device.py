"""``scheduler@1.0``, and the keys of ``process@1.0`` that it forwards: schedule, slot, status.

See ``docs/protocol/hyperbeam.md`` for what is read and written.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from seriatim.formats.errors import ElsewhereError, MalformedError, NotFoundError, OutboundError
from seriatim.formats.ids import b64url, decode_id, encode_id
from seriatim.formats.limits import JSON_INTEGER_MAX, SCHEDULE_PAGE_MAX, STATUS_PROCESSES_MAX
from seriatim.formats.schedule.location import read_location
from seriatim.formats.schedule.mode import SchedulingMode
from seriatim.formats.schedule.record import Head
from seriatim.formats.schedule.submission import Submission
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.tabm.structured import Rich
from seriatim.formats.wire.receipt import receipt_to_plain
from seriatim.gateway.http.hyperbeam.answer import (
    Answer,
    Assignment,
    Carried,
    Fields,
    Page,
    Placed,
    Promised,
)
from seriatim.gateway.http.hyperbeam.ao_units import AoUnits
from seriatim.gateway.http.hyperbeam.device import Call, Handler, KeyTable
from seriatim.gateway.http.hyperbeam.long_poll import await_slot
from seriatim.gateway.http.hyperbeam.submit import MessageReader
from seriatim.gateway.http.paging import parse_integer
from seriatim.gateway.http.request import resting
from seriatim.gateway.url import read_url

SCHEDULER: Final = "scheduler@1.0"
PROCESS: Final = "process@1.0"
NO_KEYS: Final[Mapping[tuple[str, str], Handler]] = MappingProxyType({})

_INFO: Final[Mapping[str, Rich]] = {
    "description": "Gives the messages of a process their slots, one after another",
    "version": "1.0",
    "paths": {
        "info": "What this device does",
        "schedule": "POST gives a message its slot, GET reads the slots `from` to `to`",
        "slot": "Where a process ends",
        "next": "The assignment after `at-slot`",
        "location": "Where a scheduler is: GET by `address`, POST a signed record",
        "status": "The node's address, and which processes have a server now",
        "checkpoint": "The process's own message",
    },
}


class SchedulerDevice(KeyTable):
    """Gives slots and reads schedules."""

    def __init__(
        self,
        reader: MessageReader,
        ao_units: AoUnits | None = None,
        *,
        name: str = SCHEDULER,
        more: Mapping[tuple[str, str], Handler] = NO_KEYS,
    ) -> None:
        """Answer under *name*: a process forwards what it is asked to its scheduler.

        Args:
            reader: reads what is posted.
            ao_units: places at ao units what belongs to them.
            name: of the device.
            more: keys of its own, by method.
        """
        self._reader = reader
        self._ao_units = ao_units
        # POST is allowed where clients of HyperBEAM send signed requests for reading, too.
        handlers: dict[tuple[str, str], Handler] = {
            ("POST", "schedule"): self._post_schedule,
            ("GET", "schedule"): _get_schedule,
            ("GET", "slot"): _get_slot,
            ("POST", "slot"): _get_slot,
            ("GET", "next"): _get_next,
            ("GET", "location"): _get_location,
            ("POST", "location"): self._post_location,
            # HyperBEAM's nodes tell others where they are under a key that theirs takes for a post.
            ("POST", "record"): self._post_location,
            ("GET", "status"): _get_status,
            ("GET", "checkpoint"): _get_checkpoint,
            ("GET", "info"): _get_info,
            ("POST", "push"): self._post_schedule,
        }
        super().__init__(name, {**handlers, **more})

    async def _post_schedule(self, call: Call) -> Answer:
        """Give the message that the request carries, or is, its slot."""
        submission = await self._reader.read(call, call.process or target_of(call.keys))
        try:
            receipt = await call.node.place(submission, variant_default=Variant.HYPERBEAM)
        except NotFoundError:
            elsewhere = _hinted(call, submission.process)
            if elsewhere is None:
                raise
            return await self._place_elsewhere(call, submission, elsewhere)
        except ElsewhereError as elsewhere:
            return await self._place_elsewhere(call, submission, elsewhere)
        if receipt.mode is SchedulingMode.AGGRESSIVE:
            plain = receipt_to_plain(receipt)
            return Promised(plain, is_fixed=False, kind=submission.kind)
        return Placed(call.node, submission, receipt)

    async def _place_elsewhere(
        self, call: Call, submission: Submission, elsewhere: ElsewhereError
    ) -> Answer:
        """Place at an ao unit what belongs to one, where this node may; or raise *elsewhere*."""
        if self._ao_units is None:
            raise elsewhere
        return await self._ao_units.place(call, submission, elsewhere)

    async def _post_location(self, call: Call) -> Answer:
        """Keep where a scheduler, this node's own among them, says that it is."""
        location = read_location(await self._reader.read_message(call))
        read_url(location.url)
        await call.node.keep_location(location)
        return Carried(location.message)


async def _get_schedule(call: Call) -> Answer:
    """Answer with the assignments from ``from`` to ``to``, both inclusive; see `await_slot`."""
    asked_first, wanted, goes_on = schedule_range(call.keys, head=JSON_INTEGER_MAX)
    process, head, source_last = await _known(call, wanted + goes_on)
    has_waited = asked_first <= wanted and await await_slot(call, process, asked_first)
    if has_waited and head.slot < asked_first:
        process, head, source_last = await _known(call, wanted + goes_on)
    first, last, continues = schedule_range(call.keys, head=source_last)
    return Page(
        call.node,
        process,
        head.variant,
        first,
        min(last, head.slot),
        continues or last > head.slot,
        call.node.block,
    )


async def _get_slot(call: Call) -> Answer:
    """Answer where the process ends, and with the newest known block."""
    process, head, _ = await _known(call, JSON_INTEGER_MAX)
    block = call.node.block
    return Fields(
        {
            "block-hash": b64url(block.hash),
            "block-height": block.height,
            "current": head.slot,
            "process": encode_id(process),
            "timestamp": block.timestamp,
            "wallet-address": _address(call),
        },
        is_fixed=False,
    )


async def _get_next(call: Call) -> Answer:
    """Answer with the assignment after slot ``at-slot``, -1 for the first; see `await_slot`."""
    slot = parse_integer("at-slot", call.keys.get("at-slot") or "-1") + 1
    process, head, _ = await _known(call, slot)
    if slot > head.slot and await await_slot(call, process, slot):
        process, head, _ = await _known(call, slot)
    if not 0 <= slot <= head.slot:
        raise NotFoundError("Requested slot not yet available in schedule.")
    return Assignment(call.node, call.node.stored(process, slot))


async def _get_checkpoint(call: Call) -> Answer:
    """Answer with what the process itself says: a scheduler keeps no other state."""
    process, _, _ = await _known(call, 0)
    return Fields(call.node.stored(process, 0).fields, is_ours=False)


async def _get_info(call: Call) -> Answer:
    """Answer with what the keys are."""
    del call
    return Fields(_INFO)


async def _get_location(call: Call) -> Answer:
    """Answer with the record of the scheduler ``address``, by default this node's own."""
    address = call.keys.get("address") or _address(call)
    location = call.node.location(decode_id(address)) if address else None
    if location is None:
        raise NotFoundError(f"No location found for address: {address}")
    return Carried(location.message)


async def _get_status(call: Call) -> Answer:
    """Answer with the address, how many processes have a server now, and some of them."""
    live = call.node.live
    shown = [encode_id(each) for each in live[:STATUS_PROCESSES_MAX]]
    fields: dict[str, Rich] = {"address": _address(call), "processes": shown, "live": len(live)}
    return Fields(fields, is_fixed=False)


def target_of(keys: Mapping[str, str]) -> bytes | None:
    """Return the process that *keys* name, 32 raw bytes; a hint behind it is left out."""
    text = keys.get("target") or keys.get("process-id")
    return decode_id(text.partition("?")[0]) if text else None


def schedule_range(keys: Mapping[str, str], *, head: int) -> tuple[int, int, bool]:
    """Return ``(first, last, continues)`` for a scheduler page; both slots are inclusive.

    Negative bounds count as 0, bounds past the end as the end, and a page holds at most
    ``SCHEDULE_PAGE_MAX`` assignments. ``continues`` tells whether slots that were asked for are
    left; HyperBEAM's own is arithmetic only, and true for slots that do not exist.

    Raises:
        MalformedError: a bound is no integer; code ``bad_query``.
    """
    first = max(parse_integer("from", keys.get("from") or "0"), 0)
    wanted = max(parse_integer("to", keys.get("to") or str(head)), 0)
    last = min(wanted, head)
    page_last = min(last, first + SCHEDULE_PAGE_MAX - 1)
    return first, page_last, page_last < last


async def _known(call: Call, wanted: int) -> tuple[bytes, Head, int]:
    """Return the process that a call is about, where it ends here, and its last slot anywhere.

    The copy of another node's process is brought up to its source where it does not reach *wanted*.
    """
    process = call.process or target_of(call.keys)
    if process is None:
        raise MalformedError("name the process: target=<process id>", code="no_target")
    head, source_last = call.node.head(process), None
    if head is None or head.slot < wanted:
        with resting(call.request):
            source_last = await call.node.catch_up(process, hint=_hinted_url(call.keys))
        head = call.node.head(process)
    if head is None:
        elsewhere = _hinted(call, process)
        if elsewhere is not None:
            raise elsewhere
        raise NotFoundError(f"process {encode_id(process)} is not known here; spawn it first")
    return process, head, max(head.slot, source_last or 0)


def _hinted(call: Call, process: bytes) -> ElsewhereError | None:
    """Return what sends a client where its own hint says that *process* is.

    The hint is ``target=<id>?hint=<url>``, or the key ``hint``.

    Raises:
        OutboundError: it is no URL of a node.
    """
    hint = _hint_of(call.keys)
    if not hint:
        return None
    url = read_url(hint).origin.url
    head = call.node.head(process)
    return ElsewhereError(
        f"process {encode_id(process)} is not scheduled here; the request's hint names {url}",
        process=encode_id(process),
        url=url,
        variant="" if head is None else head.variant.tag,
    )


def _hint_of(keys: Mapping[str, str]) -> str:
    return keys.get("hint") or (keys.get("target") or "").partition("?hint=")[2]


def _hinted_url(keys: Mapping[str, str]) -> str:
    """Return the URL of the node that a hint names; empty without one that is a URL."""
    try:
        return read_url(_hint_of(keys)).origin.url
    except OutboundError:
        return ""


def _address(call: Call) -> str:
    return encode_id(call.node.address) if call.node.wallet else ""
