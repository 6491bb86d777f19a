"""Long poll: a reader that asks for a slot which is not there yet may wait for it.

``Prefer: wait=SECONDS`` (RFC 7240): the reply comes when the slot is durable, or after so long,
and says ``Preference-Applied`` where the node would have waited as long as it says there.
"""

from __future__ import annotations

from seriatim.formats.limits import LONG_POLL_MAX_MS
from seriatim.gateway.http.hyperbeam.device import Call
from seriatim.gateway.http.preference import preferred_wait_s
from seriatim.gateway.http.request import Request


async def await_slot(call: Call, process: bytes, slot: int) -> bool:
    """Return when the request of *call* need not, or would not, wait any longer for *slot*.

    Args:
        call: a request to read.
        process: a process that is known, 32 raw bytes.
        slot: the first slot that is asked for; from 0.

    Returns:
        Whether it has waited, or would have: the copy of a source may be behind again by now.
    """
    request = call.request
    if not isinstance(request, Request):
        return False
    wait_s = preferred_wait_s(request.headers.getall("prefer", ()))
    if wait_s is None:
        return False
    wait_s = min(wait_s, LONG_POLL_MAX_MS // 1000)
    with request.resting():
        is_kept = await call.node.wait_for(process, slot, wait_s * 1000)
    if is_kept:
        request.applied = f"wait={wait_s}"
    return is_kept
