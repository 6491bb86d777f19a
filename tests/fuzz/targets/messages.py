"""Our own messages in JSON and CBOR: what one codec takes, the other one gives back."""

from __future__ import annotations

from typing import Final

from seriatim.formats.ans104.codec import to_message
from seriatim.formats.ans104.item import DataItem
from seriatim.formats.codecs.cbor import CborCodec
from seriatim.formats.codecs.json import JsonCodec
from seriatim.formats.errors import SchedulerError
from seriatim.formats.message import Message
from seriatim.formats.schedule.submission import submit_unsigned
from seriatim.formats.tabm.structured import from_tabm, to_tabm
from tests.fuzz import seeds as recorded
from tests.support.records import make_id

JSON: Final = JsonCodec()
CBOR: Final = CborCodec()
PROCESS: Final = make_id("process")
MESSAGE: Final = Message(
    {"data": b"\xff", "float": 1.5, "list": (1, "a", {"b": True}), "text": "ä", "zero": -(2**53)}
)


def seeds() -> list[bytes]:
    """Return a message of every type, recorded ones, and items as messages."""
    decoded = [MESSAGE]
    for raw in recorded.items():
        try:
            decoded.append(to_message(DataItem.decode(raw)))
        except SchedulerError:
            continue
    texts = [each["json"] for each in recorded.hyperbeam_messages()]
    return [
        *(codec.encode(message) for message in decoded for codec in (JSON, CBOR)),
        *(text.encode() for text in texts if isinstance(text, str)),
        b'{"a":1e400,"b":18446744073709551616}',
    ]


def check(raw: bytes) -> None:
    """See ``target.py``."""
    for codec in (JSON, CBOR):
        try:
            message = codec.decode(raw)
        except SchedulerError:
            continue
        in_cbor, in_json = CBOR.encode(message), JSON.encode(message)
        assert codec is JSON or in_cbor == raw
        # Equal messages may differ in type (1, 1.0, true); equal bytes do not.
        assert CBOR.encode(JSON.decode(in_json)) == in_cbor
        assert JSON.encode(CBOR.decode(in_cbor)) == in_json
        check_submission(message)
        check_values(message)


def check_submission(message: Message) -> None:
    """Return when what is stored of *message* is the message."""
    try:
        submission = submit_unsigned(message, process=PROCESS)
    except SchedulerError:
        return
    assert CBOR.decode(submission.message) == message


def check_values(message: Message) -> None:
    """Return when *message* has a form as HyperBEAM's, or is refused one."""
    try:
        tabm = to_tabm(message.fields)
    except SchedulerError:
        return
    normal = to_tabm(from_tabm(tabm))  # without the defaults
    assert to_tabm(from_tabm(normal)) == normal
