"""Messages for the processes of ao units, which know one way to be sent one.

A unit takes the raw data item at ``POST /`` and answers ``{"id", "timestamp"}``, no assignment.
That is read from the unit then, verified as any copy is, and so the client gets what it would get
of a process of HyperBEAM's.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from seriatim.formats.errors import (
    ElsewhereError,
    FollowedError,
    LimitExceededError,
    OutboundError,
    SchedulerError,
    UnavailableError,
    UnsupportedSchemeError,
)
from seriatim.formats.ids import encode_id
from seriatim.formats.schedule.record import Kind
from seriatim.formats.schedule.variant import Variant
from seriatim.gateway.http.hyperbeam.answer import Answer, Placed, Promised
from seriatim.gateway.reply import field, read_reply

if TYPE_CHECKING:
    from seriatim.actors.node import Node
    from seriatim.formats.schedule.submission import Submission
    from seriatim.formats.tabm.structured import Rich
    from seriatim.formats.wire.receipt import Receipt
    from seriatim.gateway.http.forward import Forwarder
    from seriatim.gateway.http.hyperbeam.device import Call

# A fetch that others have begun may have asked for the unit's last slot before this one was there.
_FETCHES: Final = 2


class AoUnits:
    """Places messages at units in the name of clients."""

    def __init__(self, forwarder: Forwarder) -> None:
        """Send by *forwarder*."""
        self._forwarder = forwarder

    async def place(self, call: Call, submission: Submission, elsewhere: ElsewhereError) -> Answer:
        """Return the assignment that a unit gives to *submission*, or what the unit says itself.

        Args:
            call: what brought the message.
            submission: the message, not placed here.
            elsewhere: says where it belongs; what it is when that is no unit's, it is again.

        Raises:
            ElsewhereError: it is for the client to go there: it is no unit, or the operator does
                not let this node.
            UnsupportedSchemeError: the message is no data item, and units take nothing else.
            SchedulerError: see `Forwarder.post_item`; the unit's own, where it refuses.
        """
        variant = elsewhere.variant
        if not variant and isinstance(elsewhere, FollowedError):
            variant = await _variant_of(call.node, submission.process)
        if variant != Variant.LEGACY.tag:
            raise elsewhere
        if submission.kind is not Kind.ITEM:
            raise UnsupportedSchemeError(
                f"Incorrect encoding. Scheduler has variant: {variant}; sign the message "
                "as an ANS-104 item"
            )
        url = elsewhere.url.rstrip("/") + "/"
        try:
            reply = await self._forwarder.post_item(
                call.request, url, submission.message, is_named=elsewhere.is_named
            )
        except OutboundError as error:
            raise elsewhere from error
        except LimitExceededError as error:
            raise UnavailableError(
                f"{url} answers at too great length; whether the message was placed is not known, "
                "and sending the same again is safe"
            ) from error
        said = read_reply(reply.url, reply.status, reply.body)
        own_id = encode_id(submission.message_id)
        if field(said, "id", str) != own_id:
            raise UnavailableError("a reply with another message's id: what answers is no ao unit")
        receipt = await _fetch(call, submission, elsewhere.url)
        if receipt is not None:
            return Placed(call.node, submission, receipt)
        own: dict[str, Rich] = {
            "id": own_id,
            "process": encode_id(submission.process),
            "timestamp": field(said, "timestamp", int),
        }
        return Promised(own, is_fixed=False, kind=submission.kind, via=self._forwarder.name)


async def _variant_of(node: Node, process: bytes) -> str:
    """Return what kind of process a copy is that is still empty, as far as its source says."""
    with suppress(SchedulerError):
        await node.catch_up(process)
    head = node.head(process)
    return "" if head is None else head.variant.tag


async def _fetch(call: Call, submission: Submission, url: str) -> Receipt | None:
    """Return what the unit at *url* has made of *submission*, if it shows that, and it holds."""
    node, process = call.node, submission.process
    for _ in range(_FETCHES):
        try:
            await node.catch_up(process, hint=url)
        except SchedulerError:
            return None  # the message has its slot: that what is read does not hold says no less
        receipt = node.receipt(process, submission.message_id)
        if receipt is not None:
            return receipt
    return None
