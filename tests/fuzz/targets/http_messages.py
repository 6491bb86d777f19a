"""HTTP messages, signed and not: one signature is one message, in one form, under one id.

An input is what a request is without its first line: lines of headers, an empty one, and the body.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

from seriatim.formats.errors import SchedulerError
from seriatim.formats.httpsig.canonical import canonical, keep, keep_received
from seriatim.formats.httpsig.commitments import (
    Fields,
    check_placeable,
    committed_keys,
    message_id,
    sign,
    signed_of,
    to_http,
    verify,
)
from seriatim.formats.httpsig.placement import HttpMessage
from seriatim.formats.httpsig.received import receive
from seriatim.formats.httpsig.signature import signature_of
from seriatim.formats.schedule.submission import submit_tabm
from seriatim.formats.tabm.cbor import decode_cbor
from seriatim.formats.tabm.model import Tabm, normal_key
from seriatim.formats.tabm.structured import from_tabm
from tests.fuzz import seeds as recorded
from tests.support.hyperbeam import client_wallet
from tests.support.records import make_id

PROCESS = make_id("process")
# A key, an id and a signature are said by each of two commitments, at 4/3 of their size.
GROWTH_MAX = 16


def seeds() -> list[bytes]:
    """Return recorded requests, and recorded messages that we have signed."""
    return [
        *recorded.requests(),
        *map(wire, recorded.placed()),
        *(wire(to_http(signed)) for tabm in recorded.tabms() if (signed := signed_or_none(tabm))),
    ]


def signed_or_none(tabm: Tabm) -> Fields | None:
    """Return *tabm* signed, where it can be."""
    try:
        return sign(tabm, client_wallet())
    except SchedulerError:
        return None


def wire(message: HttpMessage) -> bytes:
    """Return *message* as an input."""
    lines = [b"%b: %b\r\n" % (name.encode(), value) for name, value in message.headers.items()]
    return b"".join(lines) + b"\r\n" + message.body


def read(raw: bytes) -> HttpMessage:
    """Return the message that an input is, with the names that a request can have."""
    head, _, body = raw.partition(b"\r\n\r\n")
    headers: dict[str, bytes] = {}
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b": ")
        headers[normal_key(name.decode("ascii", "ignore"))] = value
    return HttpMessage(headers, body)


def check(raw: bytes) -> None:
    """See ``target.py``."""
    try:
        received = receive(read(raw))
    except SchedulerError:
        return
    tabm = received.tabm
    assert refusal(lambda: keep_received(received)) == refusal(lambda: keep(tabm))
    with suppress(SchedulerError):
        assert keep_received(received).tabm == canonical(tabm)
    check_kept(tabm, len(raw))
    body = tabm.get("body")
    if isinstance(body, Mapping):
        check_kept(body, len(raw))


def check_kept(tabm: Tabm, size: int) -> None:
    """Return when what is kept of *tabm* is its signed part, and stays so through every form."""
    for ask in (committed_keys, from_tabm):
        with suppress(SchedulerError):
            ask(tabm)
    try:
        kept = canonical(tabm)
    except SchedulerError:
        return
    assert canonical(kept) == kept
    assert refusal(keep(kept).verify) == refusal(lambda: verify(kept))
    if signed_of(kept):
        check_signed(tabm, kept)
    try:
        submission = submit_tabm(kept, process=PROCESS)
    except SchedulerError:
        return
    assert decode_cbor(submission.message) == kept
    assert len(submission.message) <= GROWTH_MAX * (size + 64)


def refusal(ask: Callable[[], object]) -> str | None:
    """Return the code with which *ask* refuses, ``None`` where it does not."""
    try:
        ask()
    except SchedulerError as error:
        return error.code
    return None


def check_signed(tabm: Tabm, kept: Fields) -> None:
    """Return when *kept* is *tabm* to everybody who checks its signature."""
    (commitment,) = signed_of(kept).values()
    assert message_id(kept) == signature_of(commitment).id_text
    try:
        check_placeable(kept)
    except SchedulerError:
        return  # no signature over it is read
    assert canonical(receive(to_http(kept)).tabm) == kept
    try:
        committers = verify(tabm)
    except SchedulerError:
        return
    assert message_id(kept) == message_id(tabm)
    assert verify(kept).keys() == committers.keys()
