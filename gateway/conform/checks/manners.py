"""Claims about manners: what is refused and how, and what browsers need."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from hashlib import sha256
from typing import Final

from hypothesis import strategies as st

from seriatim.formats.ids import encode_id
from seriatim.gateway.conform.check import HYPERBEAM, LEGACY, Check
from seriatim.gateway.conform.claim import (
    expect,
    expect_equal,
    member,
    read_json,
)
from seriatim.gateway.conform.faces.face import Face
from seriatim.gateway.conform.faces.hyperbeam import HyperbeamFace
from seriatim.gateway.conform.faces.legacy import LegacyFace
from seriatim.gateway.conform.kind import Kind
from seriatim.gateway.conform.talk.exchange import Reply, Request
from seriatim.gateway.conform.talk.keys import Signing

_REFUSED: Final = range(400, 600)
_SUCCESS: Final = range(200, 300)
_ORIGIN: Final = "https://client.example"
_UNKNOWN: Final = encode_id(sha256(b"a process that nobody has spawned").digest())
_UNKNOWN_READS: Final = {
    Kind.LEGACY: f"/{_UNKNOWN}?process-id={_UNKNOWN}",
    Kind.HYPERBEAM: f"/~scheduler@1.0/schedule?target={_UNKNOWN}&from=0",
}
_TARGETS: Final = {
    Kind.LEGACY: ("/", "/timestamp", f"/processes/{_UNKNOWN}", _UNKNOWN_READS[Kind.LEGACY]),
    Kind.HYPERBEAM: ("/~meta@1.0/info/address", _UNKNOWN_READS[Kind.HYPERBEAM]),
}


class Fault(StrEnum):
    """A request that no node may take; those in `_LEGACY_ONLY` only an ao unit refuses."""

    GARBAGE = "garbage"
    TRUNCATED = "truncated"
    OTHER_SIGNATURE = "other-signature"
    OTHER_DATA = "other-data"
    UNKNOWN_PROCESS = "unknown-process"
    READ_UNKNOWN = "read-unknown"
    NO_TYPE = "no-type"
    NO_PROTOCOL = "no-protocol"
    LINK_TAG = "link-tag"
    BAD_BOUND = "bad-bound"


_LEGACY_ONLY: Final = (Fault.NO_TYPE, Fault.NO_PROTOCOL, Fault.LINK_TAG, Fault.BAD_BOUND)
_BARE_TAGS: Final[Mapping[Fault, Mapping[str, str]]] = {
    Fault.NO_TYPE: {"Data-Protocol": "ao"},
    Fault.NO_PROTOCOL: {"Type": "Message"},
    Fault.LINK_TAG: {"Data-Protocol": "ao", "Type": "Message", "Other+link": "a"},
}
_FAULTS: Final = tuple(fault for fault in Fault if fault not in _LEGACY_ONLY)


def legacy_faults_are_refused(face: LegacyFace, faults: Sequence[Fault]) -> None:
    """Make each fault; each is a 400 with a sentence, and none takes a slot."""

    def check(reply: Reply) -> None:
        plain = read_json(reply, dict, status=400)
        expect(member(plain, "error", str), "a refusal without a sentence")

    _make_faults(face, faults, check)


def hyperbeam_faults_are_refused(face: HyperbeamFace, faults: Sequence[Fault]) -> None:
    """Make each fault; each is an error, and none takes a slot."""

    def check(reply: Reply) -> None:
        said = f"a bad request was answered {reply.status}, expected 400 or more"
        expect(reply.status in _REFUSED, said)

    _make_faults(face, faults, check)


def _make_faults(face: Face, faults: Sequence[Fault], check: Callable[[Reply], None]) -> None:
    process = face.spawn().id
    for fault in faults:
        check(face.talk.send(_faulty(face, process, fault)))
    slots = [entry.slot for entry in face.entries(process)]
    expect_equal("the slots after refusals only", slots, [0])


def _faulty(face: Face, process: str, fault: Fault) -> Request:
    """Return the request that makes *fault*."""
    signing = Signing(face.signs_with.kind)
    if fault is Fault.READ_UNKNOWN:
        return Request("GET", _UNKNOWN_READS[face.kind], {})
    if fault is Fault.BAD_BOUND:
        return Request("GET", f"/{process}?process-id={process}&from-nonce=x", {})
    if fault is Fault.UNKNOWN_PROCESS:
        return face.posting(face.new_message(_UNKNOWN))
    if fault in _BARE_TAGS:
        return face.posting(face.keys.sign(signing, _BARE_TAGS[fault].items(), process=process))
    raw = face.new_message(process, data="as it was signed", signing=signing).item.raw
    return face.posting_item(_damaged(raw, fault))


def _damaged(raw: bytes, fault: Fault) -> bytes:
    if fault is Fault.TRUNCATED:
        return raw[: len(raw) // 2]
    if fault is Fault.OTHER_DATA:
        return raw[:-1] + bytes((raw[-1] ^ 1,))
    if fault is Fault.OTHER_SIGNATURE:
        return raw[:2] + bytes((raw[2] ^ 1,)) + raw[3:]
    return b"this is no item"


def every_reply_names_an_origin(face: Face, targets: Sequence[str]) -> None:
    """Ask as a browser does, for pages and for errors, each after its preflight."""
    for target in targets:
        preflight = Request(
            "OPTIONS",
            target,
            {
                "origin": _ORIGIN,
                "access-control-request-method": "POST",
                "access-control-request-headers": "content-type",
            },
        )
        reply = face.talk.send(preflight)
        expect(reply.status in _SUCCESS, f"a preflight was answered {reply.status}")
        _check_origin(reply)
        _check_allowed(reply, "access-control-allow-methods", "post")
        _check_allowed(reply, "access-control-allow-headers", "content-type")
        _check_origin(face.get(target, origin=_ORIGIN))


def _check_origin(reply: Reply) -> None:
    name = "access-control-allow-origin"
    origin = reply.headers.get(name)
    said = f"the header {name} of a {reply.status}: found {origin!r}, expected '*'"
    expect(origin in ("*", _ORIGIN), said)


def _check_allowed(reply: Reply, name: str, wanted: str) -> None:
    text = reply.headers.get(name, "")
    allowed = {each.strip().lower() for each in text.split(",")}
    expect(allowed & {"*", wanted}, f"the header {name}: found {text!r}, expected {wanted} in it")


CHECKS: Final = (
    Check(
        "refusals",
        'What cannot be scheduled or read is a 400 with {"error": text}, and takes no slot.',
        "ao unit, errors",
        LEGACY,
        st.lists(st.sampled_from(Fault), min_size=1, max_size=4),
        legacy_faults_are_refused,
    ),
    Check(
        "refusals",
        "What cannot be scheduled or read is an error, and takes no slot.",
        "HyperBEAM, statuses of results; seriatim, docs/protocol/hyperbeam.md",
        HYPERBEAM,
        st.lists(st.sampled_from(_FAULTS), min_size=1, max_size=4),
        hyperbeam_faults_are_refused,
    ),
    *(
        Check(
            "cors",
            "Browsers may read every reply, errors too, and get an answer to their preflight.",
            "ao unit, CORS on every route; HyperBEAM, headers of every reply",
            frozenset({kind}),
            st.lists(st.sampled_from(targets), min_size=1, max_size=3),
            every_reply_names_an_origin,
            writes=False,
        )
        for kind, targets in _TARGETS.items()
    ),
)
