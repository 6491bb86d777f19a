"""What a client hands in: one message on its way to one process, read but not yet placed."""

from __future__ import annotations

from typing import Final, NamedTuple

from seriatim.formats.ans104.item import DataItem
from seriatim.formats.codecs.cbor import CborCodec, unsigned_id
from seriatim.formats.errors import (
    ForeignSchedulerError,
    LimitExceededError,
    MalformedError,
)
from seriatim.formats.ids import decode_id, encode_id
from seriatim.formats.limits import (
    ASSIGNMENT_PATH_MAX_BYTES,
    EXCLUDES_MAX,
    EXCLUDES_MAX_BYTES,
)
from seriatim.formats.message import Message
from seriatim.formats.schedule.record import Kind
from seriatim.formats.schedule.variant import Variant

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
        spawn: what it says as a spawn, ``None`` for any other message.
        path: the message's own ``path``, for ``ao.N.1`` assignments.
        excludes: values of the ``Exclude`` tags of a legacy assign.
        twin_id: the id of the same message in the other form of its signature; empty for none.
    """

    process: bytes
    message_id: bytes
    kind: Kind
    message: bytes
    spawn: Spawn | None = None
    path: str = DEFAULT_PATH
    excludes: tuple[str, ...] = ()
    twin_id: bytes = b""

    @property
    def has_one_slot(self) -> bool:
        """Whether it keeps the slot that it has when it comes again.

        Signed messages do, by their id; so does a spawn, which *is* its process. An unsigned
        message has no identity, and a reference may be wanted twice.
        """
        return self.kind is Kind.ITEM or self.spawn is not None


def submit_item(item: DataItem, *, process: bytes | None = None) -> Submission:
    """Return the submission that a (verified) data item makes.

    A spawn (tag ``Type`` or ``type`` is ``Process``) goes to the process that it starts, any
    other message to its target, or to *process* where it has none.

    Raises:
        MalformedError: ``wrong_process`` when the item's target and *process* differ,
            ``no_target`` when there is neither, ``unknown_variant``, ``bad_tag_text``,
            ``bad_id``.
        LimitExceededError: its path is over ``ASSIGNMENT_PATH_MAX_BYTES``.
    """
    message_id = item.id
    message = bytes(item.raw)
    if _text(item, "Type") == "Process":
        if process is not None and process != message_id:
            raise _wrong_process(given=message_id, expected=process)
        return Submission(
            message_id, message_id, Kind.ITEM, message, _spawn(item), twin_id=item.twin_id
        )
    place = _place(bytes(item.target) or _target_tag(item), process)
    path = _checked_path(_text(item, "Path"))
    return Submission(place, message_id, Kind.ITEM, message, None, path, twin_id=item.twin_id)


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
    message_id = unsigned_id(encoded)
    if message.fields.get("type") == "Process":
        if process is not None and process != message_id:
            raise _wrong_process(given=message_id, expected=process)
        tag = message.fields.get("variant")
        spawn = Spawn(
            Variant.from_tag(tag) if isinstance(tag, str) else None,
            _field_text(message, "scheduler"),
        )
        return Submission(message_id, message_id, Kind.UNSIGNED, encoded, spawn)
    target = _field_text(message, "target")
    place = _place(decode_id(target) if target else b"", process)
    path = _checked_path(_field_text(message, "path"))
    return Submission(place, message_id, Kind.UNSIGNED, encoded, None, path)


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


def _spawn(item: DataItem) -> Spawn:
    tag = _text(item, "Variant")
    return Spawn(Variant.from_tag(tag) if tag else None, _text(item, "Scheduler"))


def _text(item: DataItem, name: str) -> str:
    """Return the text of the first tag called *name*, in that case or in lower case."""
    value = item.tag(name.encode("ascii"))
    if value is None:
        value = item.tag(name.lower().encode("ascii"))
    if value is None:
        return ""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError(f"tag {name} is not UTF-8", code="bad_tag_text") from error


def _target_tag(item: DataItem) -> bytes:
    """Return the target from a ``target`` tag, which HyperBEAM's clients use at times."""
    text = item.tag(b"target")
    return decode_id(text.decode("ascii", "replace")) if text else b""


def _field_text(message: Message, key: str) -> str:
    value = message.fields.get(key, "")
    return value if isinstance(value, str) else ""


def _wrong_process(*, given: bytes, expected: bytes) -> MalformedError:
    return MalformedError(
        f"the message is for process {encode_id(given)}, it was sent to {encode_id(expected)}; "
        "send it to its own process",
        code="wrong_process",
    )
