"""What a client hands in: one message on its way to one process, read but not yet placed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from seriatim.formats.ans104.item import DataItem
from seriatim.formats.codecs.cbor import CborCodec, unsigned_id
from seriatim.formats.codecs.fields import freeze
from seriatim.formats.errors import (
    ForeignSchedulerError,
    LimitExceededError,
    MalformedError,
)
from seriatim.formats.httpsig.commitments import check_placeable, message_id, signed_of
from seriatim.formats.ids import decode_id, encode_id
from seriatim.formats.limits import (
    ASSIGNMENT_PATH_MAX_BYTES,
    EXCLUDES_MAX,
    EXCLUDES_MAX_BYTES,
)
from seriatim.formats.message import Message
from seriatim.formats.schedule.assignment import Rows
from seriatim.formats.schedule.record import Kind
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.tabm.cbor import encode_cbor
from seriatim.formats.tabm.model import COMMITMENTS_KEY, Tabm
from seriatim.formats.tabm.structured import from_tabm

DEFAULT_PATH: Final = "compute"

_CBOR: Final = CborCodec()


class Spawn(NamedTuple):
    """What a spawn says about the process that it starts.

    Attributes:
        variant: what its ``Variant`` tag says, or ``None`` where there is no such tag.
        scheduler: what its ``Scheduler`` tag says; empty where there is none.
    """

    variant: Variant | None
    scheduler: str

    def check_scheduler(self, address: str) -> None:
        """Refuse a spawn that is meant for another node.

        Args:
            address: this node's address, 43 characters.

        Raises:
            ForeignSchedulerError: the spawn names a scheduler, and not *address*.
        """
        if self.scheduler and address not in self.scheduler.replace(" ", "").split(","):
            raise ForeignSchedulerError(given=self.scheduler, expected=address)


class Submission(NamedTuple):
    """A message for a process.

    Attributes:
        process: the process that it goes to, 32 raw bytes.
        message_id: 32 raw bytes.
        kind: what ``message`` is.
        message: the exact bytes to store; empty for a reference.
        is_signed: whether somebody commits to the message.
        spawn: what it says as a spawn, ``None`` for any other message.
        path: the message's own ``path``, for ``ao.N.1`` assignments.
        excludes: values of the ``Exclude`` tags of a legacy assign.
        twin_id: the id of the same message in the other form of its signature; empty for none.
        dedupe_key: 32 bytes that say which message of the node's own it is, whatever it says:
            a second one with the same key has the slot of the first; empty for none.
        rows: become durable with it, in one transaction; not if it has its slot already.
    """

    process: bytes
    message_id: bytes
    kind: Kind
    message: bytes
    is_signed: bool = False
    spawn: Spawn | None = None
    path: str = DEFAULT_PATH
    excludes: tuple[str, ...] = ()
    twin_id: bytes = b""
    dedupe_key: bytes = b""
    rows: Rows = ()

    @property
    def slot_key(self) -> bytes:
        """What it keeps its slot by when it comes again; empty where it takes a new one.

        For a signed message that is its id, and for a spawn, which *is* its process. An unsigned
        message has no identity, and a reference may be wanted twice.
        """
        if self.dedupe_key:
            return self.dedupe_key
        return self.message_id if self.is_signed or self.spawn is not None else b""


def submit_item(item: DataItem, *, process: bytes | None = None) -> Submission:
    """Return the submission that a data item makes; its signature is not checked here.

    A spawn (tag ``Type`` or ``type`` is ``Process``) goes to the process that it starts, any
    other message to its target, or to *process* where it has none.

    Raises:
        MalformedError: ``wrong_process`` when the item's target and *process* differ,
            ``no_target`` when there is neither, ``unknown_variant``, ``bad_tag_text``,
            ``bad_id``.
        LimitExceededError: its path is over ``ASSIGNMENT_PATH_MAX_BYTES``.
    """
    submission = Submission(
        item.id, item.id, Kind.ITEM, bytes(item.raw), is_signed=True, twin_id=item.twin_id
    )
    return _addressed(submission, partial(_tag_text, item), bytes(item.target), process)


def submit_unsigned(message: Message, *, process: bytes | None = None) -> Submission:
    """Return the submission that an unsigned message makes.

    The same rules as for items, over the fields ``type``, ``target``, ``variant``,
    ``scheduler`` and ``path``.

    Raises:
        MalformedError: as for `submit_item`; it has commitments, code ``bad_commitments``.
        LimitExceededError: as for `submit_item`.
    """
    if message.commitments:
        raise MalformedError("a message with commitments is signed", code="bad_commitments")
    encoded = _CBOR.encode(message)
    own_id = unsigned_id(encoded)
    submission = Submission(own_id, own_id, Kind.UNSIGNED, encoded)
    return _addressed(submission, partial(_field_text, message), b"", process)


def submit_tabm(tabm: Tabm, *, process: bytes | None = None) -> Submission:
    """Return the submission that a HyperBEAM message makes; its signature is not checked here.

    The same rules as for items, over its keys.

    Args:
        tabm: in its `canonical` form, signed or not.
        process: where it goes if it names no target, 32 raw bytes.

    Raises:
        MalformedError: as for `submit_item`; two messages would have its id, or its assignment's
            (code ``not_placeable``); its types do not fit its values (``bad_types``); it holds
            what not every codec can carry (``bad_key``, ``bad_value``), or a path that no
            header can (``bad_path``).
        LimitExceededError: as for `submit_item`.
    """
    own_id = decode_id(message_id(tabm))
    if any(char < " " or char == "\x7f" for char in _key_text(tabm, "path")):
        raise MalformedError("the path has a control character in it", code="bad_path")
    # Whoever computes reads the values, and every page carries the message within another one.
    freeze(from_tabm({key: value for key, value in tabm.items() if key != COMMITMENTS_KEY}))
    check_placeable({"body": tabm})
    is_signed = bool(signed_of(tabm))
    submission = Submission(own_id, own_id, Kind.TABM, encode_cbor(tabm), is_signed=is_signed)
    return _addressed(submission, partial(_key_text, tabm), b"", process)


def submit_reference(
    process: bytes, message_id: bytes, *, excludes: tuple[str, ...] = ()
) -> Submission:
    """Return the submission of a legacy assign: a place for a message that lives elsewhere.

    Raises:
        LimitExceededError: *excludes* do not fit into the tags of an assignment.
        MalformedError: one of them is not Unicode text; code ``bad_tag_text``.
    """
    if len(excludes) > EXCLUDES_MAX:
        raise LimitExceededError("number of excludes", given=len(excludes), maximum=EXCLUDES_MAX)
    try:
        size = sum(len(exclude.encode()) for exclude in excludes)
    except UnicodeEncodeError as error:
        raise MalformedError("an exclude is not Unicode text", code="bad_tag_text") from error
    if size > EXCLUDES_MAX_BYTES:
        raise LimitExceededError("bytes of excludes", given=size, maximum=EXCLUDES_MAX_BYTES)
    return Submission(process, message_id, Kind.REFERENCE, b"", excludes=excludes)


def _addressed(
    submission: Submission, text: Callable[[str], str], target: bytes, process: bytes | None
) -> Submission:
    """Return *submission* with its process, and what it says as a spawn or to a device.

    Args:
        submission: a message without its place.
        text: gives what the message says under a name, empty text for nothing.
        target: its target where that is no such text.
        process: where it was sent.
    """
    own_id = submission.message_id
    if text("type") == "Process":
        if process is not None and process != own_id:
            raise _wrong_process(given=own_id, expected=process)
        tag = text("variant")
        spawn = Spawn(Variant.from_tag(tag) if tag else None, text("scheduler"))
        return submission._replace(process=own_id, spawn=spawn)
    if not target and (named := text("target")):
        target = decode_id(named)
    return submission._replace(process=_place(target, process), path=_checked_path(text("path")))


def _place(target: bytes, process: bytes | None) -> bytes:
    """Return the one process that *target* (empty: none given) and *process* agree on."""
    if process is not None and target and target != process:
        raise _wrong_process(given=target, expected=process)
    place = target or process
    if not place:
        raise MalformedError(
            "the message has no target; set it to the process id", code="no_target"
        )
    return place


def _checked_path(path: str) -> str:
    size = len(path.encode("utf-8", "surrogatepass"))
    if size > ASSIGNMENT_PATH_MAX_BYTES:
        raise LimitExceededError("path", given=size, maximum=ASSIGNMENT_PATH_MAX_BYTES)
    return path or DEFAULT_PATH


def _tag_text(item: DataItem, name: str) -> str:
    """Return the text of the first tag called *name*, with a capital letter or without.

    The target is one of lower case only: HyperBEAM's clients name it so at times.
    """
    value = None if name == "target" else item.tag(name.title().encode("ascii"))
    if value is None:
        value = item.tag(name.encode("ascii"))
    return "" if value is None else _utf8(name, value)


def _field_text(message: Message, key: str) -> str:
    value = message.fields.get(key, "")
    return value if isinstance(value, str) else ""


def _key_text(tabm: Tabm, key: str) -> str:
    value = tabm.get(key, b"")
    return _utf8(key, value) if isinstance(value, bytes) else ""


def _utf8(name: str, value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError(f"tag {name} is not UTF-8", code="bad_tag_text") from error


def _wrong_process(*, given: bytes, expected: bytes) -> MalformedError:
    return MalformedError(
        f"the message is for process {encode_id(given)}, it was sent to {encode_id(expected)}; "
        "send it to its own process",
        code="wrong_process",
    )
