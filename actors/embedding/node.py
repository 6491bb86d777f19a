"""A node inside your own program: text ids in and out, nothing to start, nothing to configure.

The public names are re-exported by ``seriatim`` itself; a blocking twin is in ``blocking.py``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, Unpack

from seriatim.actors.compute.computer import Computed as ComputedSlot
from seriatim.actors.compute.folds import Folds
from seriatim.actors.embedding.triggers import (
    EmbeddedTriggers,
    Function,
    TriggerOptions,
    every_text,
)
from seriatim.actors.executor.loading import refuse_while_loading
from seriatim.actors.keyring import read_wallet
from seriatim.actors.launch import open_node
from seriatim.actors.node import Node
from seriatim.actors.policy import Policy
from seriatim.actors.proof import LogCopy, Report, check_log
from seriatim.actors.runtime.clock import Clock
from seriatim.formats.ans104.item import DataItem
from seriatim.formats.errors import (
    MalformedError,
    NotFoundError,
    UnsupportedError,
)
from seriatim.formats.folds.fold import Fold
from seriatim.formats.folds.state import decode_state, state_hash
from seriatim.formats.ids import decode_id, encode_id
from seriatim.formats.limits import PROCESSES_PAGE
from seriatim.formats.message import Message, Value
from seriatim.formats.schedule.export import ExportHeader
from seriatim.formats.schedule.record import Head
from seriatim.formats.schedule.signed_fields import sign_fields
from seriatim.formats.schedule.submission import submit_item, submit_unsigned
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.wallet import Wallet
from seriatim.formats.wire.receipt import Receipt as RawReceipt
from seriatim.formats.wire.stored import StoredAssignment


class Receipt(NamedTuple):
    """The answer to a message: what it names is on disk.

    Attributes:
        process: id of the process, 43 characters, as are all ids here.
        slot: the message's slot.
        message_id: id of the message.
        timestamp_ms: the assignment's timestamp; rises strictly within a process.
        hash_chain: the chain value at this slot.
        repeated: the message had this slot before.
    """

    process: str
    slot: int
    message_id: str
    timestamp_ms: int
    hash_chain: str
    repeated: bool


class Entry(NamedTuple):
    """One slot of a process, as it is read back.

    Attributes:
        slot: the slot.
        message_id: id of the message, 43 characters.
        timestamp_ms: the assignment's timestamp.
        fields: the message's fields; empty for a reference to a message that lives elsewhere.
        item: the exact bytes of a signed message; empty otherwise.
    """

    slot: int
    message_id: str
    timestamp_ms: int
    fields: Mapping[str, Value]
    item: bytes


class Computed(NamedTuple):
    """A process at one of its slots.

    Attributes:
        slot: the slot.
        state: what its folds have made of all slots up to it.
        state_hash: SHA-256 of the state in deterministic CBOR, 43 characters.
        output: what they have said of this slot; ``None`` for nothing.
        error: why they have failed at it, ``code: reason``; empty where they have not. The state
            is then as it was before.
    """

    slot: int
    state: Any
    state_hash: str
    output: Any
    error: str


class EmbeddedNode:
    """A node in this OS process. Made by `open`; belongs to the event loop it was opened on."""

    def __init__(self, node: Node) -> None:
        self._node = node
        assert node.triggers is not None, "it places messages"
        self._triggers = EmbeddedTriggers(node.triggers)

    async def spawn(
        self,
        fields: Mapping[str, Value] | None = None,
        *,
        data: str | bytes = "",
        variant: str = Variant.NATIVE.tag,
    ) -> str:
        """Start a process and return its id.

        Unsigned, the same fields and data give the same id, and spawning it again gives the
        process that is there; so does an ed25519 or secp256k1 wallet. Add a field of your own
        to start another one. An RSA signature differs each time: each spawn is a new process.

        Args:
            fields: what the process is; text, numbers, truth values, lists, maps.
            data: the payload, which is the field ``data``.
            variant: ``seriatim.1`` needs no wallet; ``ao.N.1`` and ``ao.TN.1`` are signed with
                the node's wallet.

        Raises:
            MalformedError: no such variant, a field that cannot be carried, or *data* and a
                field ``data`` too.
            RefusedError: the variant is signed and the node has no wallet.
        """
        kind = Variant.from_tag(variant)
        own: dict[str, Value] = {"type": "Process", "variant": kind.tag}
        if self._node.wallet is not None:
            own["scheduler"] = encode_id(self._node.address)
        receipt = await self._place({**(fields or {}), **own}, data, None, kind)
        return encode_id(receipt.process)

    async def schedule(
        self,
        process: str,
        message: Mapping[str, Value] | bytes,
        *,
        data: str | bytes = "",
    ) -> Receipt:
        """Give *message* the next slot of *process*; return once it is on disk.

        Args:
            process: the process's id.
            message: fields of an unsigned message, which always takes a new slot; or the bytes
                of a signed ANS-104 item, which always has one slot.
            data: the payload of an unsigned message, which is its field ``data``.

        Raises:
            MalformedError: no item, a field that cannot be carried, or *data* where the message
                has its own already.
            NotFoundError: no such process.
            CommitmentError: the item's signature does not hold.
            UnavailableError: not now; the same again is safe.
        """
        place = decode_id(process)
        if isinstance(message, bytes):
            if data:
                raise MalformedError(
                    "an item has its own data; data= has no place", code="bad_data"
                )
            submission = submit_item(DataItem.decode(message), process=place)
            raw = await self._node.place(submission, variant_default=Variant.NATIVE)
        else:
            raw = await self._place(message, data, place, Variant.NATIVE)
        return _receipt(raw)

    async def compute(self, process: str, slot: int | None = None) -> Computed:
        """Return what the folds of *process* have made of its slots, up to *slot* or the last one.

        The process names its folds when it is spawned: ``{"execution-device": "tally@1.0"}``. What
        is returned is on disk.

        Raises:
            NotFoundError: no such process or slot.
            UnsupportedError: it names no fold, or one that this node was not opened with.
            FoldError: it cannot begin.
            FollowedError: it is a copy of another node's, which computes it.
        """
        computing = self._node.computing
        if computing is None:
            raise UnsupportedError("this node has no folds: open(path, folds=[…])")
        self._node.check_scheduled_here(decode_id(process))
        return _computed(await computing.at(decode_id(process), slot))

    def every(self, when: str, **options: Unpack[TriggerOptions]) -> Callable[[Function], Function]:
        """Have the function below called every ``5 minutes``, or every ``monday at 9``.

        It may be async or not (then it runs in a thread), and take a `Fire` or nothing. What it
        is called for is on disk before: it is called at least once for each time, by this program
        or by the next one that has it.

        Raises:
            MalformedError, RefusedError: see `EmbeddedTriggers.call`.
        """
        recurrence = every_text(when)
        return lambda function: self.triggers.call(recurrence, function, options)

    def cron(
        self, expression: str, **options: Unpack[TriggerOptions]
    ) -> Callable[[Function], Function]:
        """Have the function below called by a cron expression: ``0 9 * * mon-fri``; see `every`."""
        return lambda function: self.triggers.cron(expression, function, options)

    def on(
        self, watch: Mapping[str, Value], **options: Unpack[TriggerOptions]
    ) -> Callable[[Function], Function]:
        """Have the function below called for each event that *watch* sees; see `every`.

        What it is: ``docs/watches.md``.
        """
        return lambda function: self.triggers.call(watch, function, options)

    @property
    def triggers(self) -> EmbeddedTriggers:
        """The triggers of this node."""
        return self._triggers

    def read(self, process: str, first: int = 0, last: int | None = None) -> Iterator[Entry]:
        """Yield the slots from *first* to *last*, both inclusive; to the end without *last*.

        What is yielded is durable. Reading is synchronous and short, a chunk at a time; slots
        that come while you read are not part of it.

        Raises:
            NotFoundError: no such process.
        """
        end = self._known(process).slot
        last = end if last is None else min(last, end)
        for stored in self._node.schedule(decode_id(process), first, last):
            yield _entry(stored)

    def slot(self, process: str) -> int | None:
        """Return the last slot of *process*, or ``None`` when there is no such process."""
        head = self._node.head(decode_id(process))
        return None if head is None else head.slot

    def processes(self) -> Iterator[str]:
        """Yield the ids of all processes, in the order of their bytes."""
        after: bytes | None = None
        while page := self._node.processes(after=after, limit=PROCESSES_PAGE):
            yield from map(encode_id, page)
            after = page[-1]

    def verify(self, process: str) -> Report:
        """Check every slot of *process*: chain, ids, signatures, and what each one covers.

        Raises:
            NotFoundError: no such process.
            ChainBrokenError: names the slot, what was expected and what is there.
        """
        known = decode_id(process)
        head = self._known(process)
        stored = self._node.schedule(known, 0, head.slot)
        return check_log(
            LogCopy(
                ExportHeader(known, head.variant, head.slot + 1),
                ((each.slot, each.record) for each in stored),
            )
        )

    async def _place(
        self,
        fields: Mapping[str, Value],
        data: str | bytes,
        process: bytes | None,
        variant: Variant,
    ) -> RawReceipt:
        if data and "data" in fields:
            raise MalformedError("the field data and data= are the same thing", code="bad_data")
        every = {**fields, "data": data} if data else dict(fields)
        if variant.signed:
            item = sign_fields(self._node.wallet, every)
            return await self._node.place(submit_item(item), variant_default=variant)
        submission = submit_unsigned(Message(every), process=process)
        return await self._node.place(submission, variant_default=variant)

    def _known(self, process: str) -> Head:
        head = self._node.head(decode_id(process))
        if head is None:
            raise NotFoundError(f"process {process} is not known here; spawn it first")
        return head


@asynccontextmanager
async def open(  # noqa: A001  # seriatim.open is what its users expect
    path: str | Path,
    *,
    wallet: Wallet | str | Path | None = None,
    folds: Sequence[Fold] = (),
    clock: Clock | None = None,
) -> AsyncIterator[EmbeddedNode]:
    """Open the data folder *path*, made where it is missing, as a node in this OS process.

    Args:
        path: the folder; one node at a time.
        wallet: signs assignments of signed variants; a file with a wallet, or the wallet.
        folds: what processes compute, beside the folds of installed packages.
        clock: gives timestamps and timers; for tests, ``seriatim.testing.VirtualClock``.

    Raises:
        StoreLockedError: another node runs on the folder; the error names its pid.
        StoreError: the folder or the wallet cannot be used.
        RefusedError: a child imports the program; code ``imported``.
    """
    refuse_while_loading()
    key = read_wallet(Path(wallet)) if isinstance(wallet, str | Path) else wallet
    node, _ = await open_node(
        Path(path),
        wallet=key,
        policy=Policy(accept_unsigned=True, shows_own_logs=True),
        in_children=False,
        folds=Folds(folds=tuple(folds)),
        clock=clock,
    )
    try:
        embedded = EmbeddedNode(node)
        try:
            yield embedded
            await embedded.triggers.defined()
        finally:
            embedded.triggers.close()
    finally:
        await node.close()


def _receipt(raw: RawReceipt) -> Receipt:
    return Receipt(
        process=encode_id(raw.process),
        slot=raw.slot,
        message_id=encode_id(raw.message_id),
        timestamp_ms=raw.timestamp_ms,
        hash_chain=encode_id(raw.hash_chain),
        repeated=raw.repeated,
    )


def _computed(computed: ComputedSlot) -> Computed:
    slot, state, result = computed
    return Computed(
        slot,
        decode_state(state),
        encode_id(state_hash(state)),
        decode_state(result.output) if result.output else None,
        f"{result.code}: {result.reason}" if result.code else "",
    )


def _entry(stored: StoredAssignment) -> Entry:
    record = stored.record
    return Entry(
        slot=stored.slot,
        message_id=encode_id(record.message_id),
        timestamp_ms=record.timestamp_ms,
        fields=stored.fields,
        item=record.message if stored.item is not None else b"",
    )
