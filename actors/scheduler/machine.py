"""The pure heart of a server: which slot a message gets. No clock, no I/O, no threads.

State of one process::

              submit (spawn)                 submit
    EMPTY ───────────────────► OPEN ◄──────────────────┐
      │                         │ └──────────────────────┘
      │ submit (message)        │ settle(slot): everything up to slot is durable
      ▼                         │ the server drops the machine after a failed commit and
    NotFoundError               ▼ makes a new one from the store's head: un-assigned
                               OPEN

    submit of …                          gives      next slot
    a message of one slot, not seen      Placed     + 1
    a message of one slot, on its way    Waiting    -
    a message of one slot, on disk       (the server answers from the store)
    an unsigned message, a reference     Placed     + 1
"""

from __future__ import annotations

from typing import NamedTuple

from seriatim.formats.errors import NotFoundError, RefusedError, UnsupportedSchemeError
from seriatim.formats.ids import encode_id
from seriatim.formats.schedule.assignment import Block, Draft
from seriatim.formats.schedule.record import Head, Kind
from seriatim.formats.schedule.submission import Submission
from seriatim.formats.schedule.variant import Variant


class Placed(NamedTuple):
    """A new slot was given; the draft has to be made durable."""

    draft: Draft


class Waiting(NamedTuple):
    """The same signed message has a slot already, which is not durable yet."""

    draft: Draft


class Machine:
    """The assigned-but-not-durable end of one process's log."""

    __slots__ = ("_pending", "process", "slot_next", "timestamp_ms", "variant")

    def __init__(self, process: bytes, head: Head | None) -> None:
        """Continue after *head*; ``None`` is a process that has no slot yet."""
        self.process = process
        self.variant: Variant | None = None if head is None else head.variant
        self.slot_next = 0 if head is None else head.slot + 1
        self.timestamp_ms = -1 if head is None else head.timestamp_ms
        self._pending: dict[bytes, Draft] | None = None

    def submit(
        self,
        submission: Submission,
        *,
        variant_default: Variant,
        signs_http: bool,
        now_ms: int,
        block: Block,
    ) -> Placed | Waiting:
        """Give *submission* its slot.

        The timestamp is *now_ms*, or one more than the last one where the clock has not moved
        on: timestamps rise strictly within a process, so that they can serve as cursors.

        Args:
            submission: a verified message; not on disk yet.
            variant_default: the variant of a spawn that names none.
            signs_http: whether the node's wallet can sign assignments as HTTP messages.
            now_ms: wall clock.
            block: the newest known block.

        Raises:
            NotFoundError: the process has not been spawned.
            UnsupportedSchemeError: the process's assignments cannot be made for such a message.
            RefusedError: another message with the same id, or this one in the other form of its
                signature, is waiting (code ``id_taken``).
        """
        key = submission.slot_key
        if key and self._pending is not None:
            waiting = self._pending.get(key)
            if waiting is not None:
                check_same(waiting.message, submission)
                return Waiting(waiting)
            if submission.twin_id in self._pending:
                raise twin_error(self._pending[submission.twin_id].slot)
        variant = self.variant
        if variant is None:
            if submission.spawn is None:
                raise NotFoundError(
                    f"process {encode_id(self.process)} is not known here; spawn it first"
                )
            variant = submission.spawn.variant or variant_default
        if submission.kind is Kind.TABM and variant.signed:
            _check_http(variant, signs_http=signs_http)
        draft = Draft(
            self.process,
            self.slot_next,
            variant,
            max(now_ms, self.timestamp_ms + 1),
            submission.kind,
            submission.message_id,
            submission.message,
            submission.path,
            submission.excludes,
            block,
            submission.dedupe_key,
            submission.rows,
        )
        # Only now: whoever fails above has changed nothing.
        self._place(draft, key)
        return Placed(draft)

    def _place(self, draft: Draft, key: bytes) -> None:
        self.variant = draft.variant
        self.slot_next = draft.slot + 1
        self.timestamp_ms = draft.timestamp_ms
        if self._pending is None:
            self._pending = {}
        # Unsigned messages and references are pending too, under a key of their own: `settle`
        # goes by slot and needs to know of each one.
        self._pending[key or draft.slot.to_bytes(8, "big")] = draft

    def settle(self, slot: int) -> None:
        """Forget what is durable: everything up to *slot*, inclusive."""
        pending = self._pending
        if pending is None:
            return
        # Insertion order is slot order, so the durable ones are in front.
        for key in list(pending):
            if pending[key].slot > slot:
                break
            del pending[key]
        if not pending:
            self._pending = None


def _check_http(variant: Variant, *, signs_http: bool) -> None:
    """Refuse a HyperBEAM message where its assignment could not be signed in the same form."""
    if variant is Variant.LEGACY:
        raise UnsupportedSchemeError(
            f"Incorrect encoding. Scheduler has variant: {variant.tag}; sign the message as an "
            "ANS-104 item"
        )
    if not signs_http:
        raise UnsupportedSchemeError(
            "this node's wallet cannot sign HTTP messages; sign the message as an ANS-104 item, "
            "or send it to a node with an RSA wallet"
        )


def check_same(message: bytes, submission: Submission) -> None:
    """Refuse a message whose id is taken by other bytes.

    An id is the hash of a signature, and some schemes let one signature fit two keys. What has a
    dedupe key may say something else the second time: the first one stands.

    Raises:
        RefusedError: code ``id_taken``.
    """
    if message != submission.message and not submission.dedupe_key:
        raise RefusedError(
            f"another message with id {encode_id(submission.message_id)} is in this process",
            code="id_taken",
        )


def twin_error(slot: int) -> RefusedError:
    """Return the refusal of a message that has *slot* with its signature in the other form."""
    return RefusedError(
        f"this message has slot {slot} already, with its signature in another form",
        code="id_taken",
    )
