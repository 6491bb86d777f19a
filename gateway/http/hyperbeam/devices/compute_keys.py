"""``compute`` and ``now`` of a process: what its folds have made of its slots.

``now`` is ``compute`` at the last slot. ``compute`` takes a ``slot`` or the id of a ``message``, as
in ``compute&slot=5``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from seriatim.actors.compute.computer import Computed as ComputedSlot
from seriatim.actors.compute.computing import Computing
from seriatim.formats.errors import MalformedError, NotFoundError
from seriatim.formats.folds.state import decode_state, state_hash
from seriatim.formats.ids import b64url, decode_id, encode_id
from seriatim.formats.tabm.structured import Rich
from seriatim.gateway.http.hyperbeam.answer import Answer, Computed
from seriatim.gateway.http.hyperbeam.device import Call, Handler, refuse_key
from seriatim.gateway.http.hyperbeam.devices.scheduler_device import target_of
from seriatim.gateway.http.paging import parse_integer


async def _get_now(call: Call) -> Answer:
    """Answer with the state behind the last slot."""
    return _answer(await _computing(call).at(_process(call)), is_fixed=False)


async def _get_compute(call: Call) -> Answer:
    """Answer with the state behind a slot, by default the last one."""
    computing, process = _computing(call), _process(call)
    if call.keys.get("slot"):
        slot = parse_integer("slot", call.keys["slot"])
    elif "message" in call.keys:
        slot = _slot_of(call, process, call.keys["message"])
    else:
        return await _get_now(call)
    return _answer(await computing.at(process, slot), is_fixed=True)


def _computing(call: Call) -> Computing:
    if call.node.computing is None:
        refuse_key(call)
    return call.node.computing


def _process(call: Call) -> bytes:
    process = call.process or target_of(call.keys)
    if process is None:
        raise MalformedError("name the process: target=<process id>", code="no_target")
    call.node.check_scheduled_here(process)  # whoever gives out its slots says what they become
    return process


def _slot_of(call: Call, process: bytes, id_text: str) -> int:
    places = [place for place in call.node.find(decode_id(id_text)) if place.process == process]
    if not places:
        raise NotFoundError(f"process {encode_id(process)} has no message {id_text}")
    return places[0].slot


def _answer(computed: ComputedSlot, *, is_fixed: bool) -> Computed:
    state = rich_of(decode_state(computed.state))
    result = computed.result
    results: dict[str, Rich] = {}
    if result.output:
        results["output"] = rich_of(decode_state(result.output))
    if result.code:
        results["error"] = {"code": result.code, "reason": result.reason}
    fields: dict[str, Rich] = {
        "at-slot": computed.slot,
        "results": results,
        "state": state,
        "state-hash": b64url(state_hash(computed.state)),
    }
    return Computed(fields, is_fixed, state=state if isinstance(state, Mapping) else {})


def rich_of(state: Any) -> Any:
    """Return a state, or an output, as replies carry values.

    Lists are tuples, and bytes in them base64url: JSON marks the others at their keys.
    """
    if isinstance(state, list):
        return tuple(b64url(each) if isinstance(each, bytes) else rich_of(each) for each in state)
    if isinstance(state, dict):
        return {key: rich_of(value) for key, value in state.items()}
    return state


COMPUTE_KEYS: Final[Mapping[tuple[str, str], Handler]] = MappingProxyType(
    {
        (method, key): handler
        for method in ("GET", "POST")  # clients of HyperBEAM send signed requests for reading
        for key, handler in (("now", _get_now), ("compute", _get_compute))
    }
)
