"""The node: one log, its actors, and the rules by which messages come in.

Composed by ``launch.py``. Every way in (HTTP, command line, embedding) goes through `Node`, so
that a rule stands in one place. Lives on one event loop; only `Node.close` ends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from seriatim.actors.elsewhere import Elsewhere
from seriatim.actors.locations import Locations
from seriatim.actors.pages import RenderedPages
from seriatim.actors.policy import Policy
from seriatim.actors.reader import Reader
from seriatim.actors.renditions import Renditions
from seriatim.actors.runtime.future import Future
from seriatim.actors.scheduler.mail import Submit
from seriatim.actors.scheduler.writer import TreeValues
from seriatim.formats.errors import (
    DisabledError,
    ForeignSchedulerError,
    NotFoundError,
    RefusedError,
    StoppingError,
    UnavailableError,
    UnsignedError,
)
from seriatim.formats.folds.failure import check_is_no_failure
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import STOP_DEADLINE_MS
from seriatim.formats.message import Message
from seriatim.formats.schedule.assignment import Block
from seriatim.formats.schedule.mode import SchedulingMode
from seriatim.formats.schedule.record import Head, Kind
from seriatim.formats.schedule.stored_message import StoredMessage
from seriatim.formats.schedule.submission import submit_reference, submit_unsigned
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.tabm.cbor import encode_cbor
from seriatim.formats.wire.receipt import Receipt

if TYPE_CHECKING:
    from seriatim.actors.compute.computing import Computing
    from seriatim.actors.follow.catch_up import CatchUp
    from seriatim.actors.follow.marks import FollowMarks
    from seriatim.actors.monitor.monitor import Monitor
    from seriatim.actors.queue.queues import Queues
    from seriatim.actors.runtime.batcher import Batcher
    from seriatim.actors.scheduler.handlers import Verdict
    from seriatim.actors.scheduler.system import Scheduler
    from seriatim.actors.triggers.table import TriggerTable
    from seriatim.actors.uploads.uploader import Uploader
    from seriatim.formats.message import Value
    from seriatim.formats.schedule.location import Location
    from seriatim.formats.schedule.submission import Submission
    from seriatim.formats.signing.wallet import Wallet
    from seriatim.store.log import Log, Place
    from seriatim.store.tree.tree import Tree, TreePath


class Node(Reader):
    """A running scheduler node.

    Attributes:
        block: the newest known block; whoever learns of a newer one sets it.
        uploader: uploads what is placed, where the operator names a bundler.
        failed: settled with an error when the node cannot write any more and has to end.
        readers_catching_up: how many readers wait until a copy is brought up to its source.
        computing: computes processes, where the operator lets it.
        triggers: what is due by the time or by an event, where the node places messages.
        queues: what is to be done by workers, where the node places messages.
        monitor: looks at those, where somebody starts it or asks.
        is_stopping: whether it takes no new work any more.
        free_bytes: returns how much room the file system of the data folder has.
    """

    def __init__(  # the parts that launch.py composes
        self,
        *,
        log: Log,
        tree: Tree,
        wallet: Wallet | None,
        policy: Policy,
        scheduler: Scheduler,
        verifier: Batcher[StoredMessage, Verdict],
        release: Callable[[], Awaitable[None]],
        marks: FollowMarks,
        uploader: Uploader | None = None,
        catch_up: CatchUp | None = None,
    ) -> None:
        """Take over the parts; *release* gives back what `close` has not ended itself."""
        renditions = Renditions(
            log, wallet, scheduler.store, is_own=lambda process: marks.url_of(process) is None
        )
        super().__init__(log, RenderedPages(log), renditions)
        self._catch_up = catch_up
        self.readers_catching_up = 0
        self._locations = Locations(
            tree, self._keep, self.now_ms, own=wallet.address if wallet else None
        )
        self._elsewhere = Elsewhere(log, marks, self._locations)
        self._wallet = wallet
        self._policy = policy
        self._scheduler = scheduler
        self._verifier = verifier
        self.uploader = uploader
        self._release = release
        self.computing: Computing | None = None
        self.triggers: TriggerTable | None = None
        self.queues: Queues | None = None
        self.monitor: Monitor | None = None
        self.free_bytes: Callable[[], int] = lambda: 0
        self.is_stopping = False
        self._taken = 0
        self._idle: Future[None] = Future()
        self._closing: asyncio.Future[None] | None = None
        self.failed: Future[None] = scheduler.failed

    @property
    def block(self) -> Block:
        """The newest known block of the chain that the node publishes to."""
        return self._scheduler.block

    @block.setter
    def block(self, block: Block) -> None:
        self._scheduler.block = block

    @property
    def wallet(self) -> Wallet | None:
        """The wallet that signs assignments, or ``None``."""
        return self._wallet

    @property
    def address(self) -> bytes:
        """The address of the node's wallet, 32 raw bytes.

        Raises:
            RefusedError: the node has no wallet; code ``no_wallet``.
        """
        if self._wallet is None:
            raise RefusedError("this node has no wallet", code="no_wallet")
        return self._wallet.address

    @property
    def live(self) -> list[bytes]:
        """The processes that have a server now."""
        return [each for each in self._scheduler.live if not self._is_hidden(each)]

    @property
    def waiting(self) -> dict[str, int]:
        """How much waits, by queue."""
        return {"commit": self._scheduler.waiting, "verify": self._verifier.waiting}

    @property
    def readers_waiting(self) -> int:
        """How many readers wait for a slot."""
        return self._scheduler.arrivals.waiting

    def now_ms(self) -> int:
        """Return the node's wall clock."""
        return self._scheduler.clock.now_ms()

    # Looking, but not at what is hidden; see `Policy`.

    def head(self, process: bytes) -> Head | None:
        """See `Reader.head`."""
        return None if self._is_hidden(process) else super().head(process)

    def find(self, any_id: bytes) -> list[Place]:
        """See `Reader.find`."""
        return [place for place in super().find(any_id) if not self._is_hidden(place.process)]

    def processes(self, *, after: bytes | None = None, limit: int) -> list[bytes]:
        """See `Reader.processes`."""
        # One more, in place of the one that may be left out: an empty page is the end.
        found = super().processes(after=after, limit=limit + 1)
        return [each for each in found if not self._is_hidden(each)][:limit]

    def _is_hidden(self, process: bytes) -> bool:
        return not self._policy.shows_own_logs and self._is_own(process)

    # Coming in.

    async def place(self, submission: Submission, *, variant_default: Variant) -> Receipt:
        """Give a message its slot, its signature verified; return as the policy's mode says.

        That is when it is durable, if the operator has not said otherwise. The same signed
        message again, at any time, gives the same slot; an unsigned one takes a new one, where
        the node takes such messages at all.

        Args:
            submission: what was made of the message; its signature is checked here.
            variant_default: for a spawn that names none: the kind of the API that it came by.

        Raises:
            DisabledError: the node places no messages.
            UnsignedError: nobody signed it, and the node takes signed messages only.
            CommitmentError: the signature does not hold.
            UnsupportedSchemeError: the process, or the node's wallet, cannot take its form.
            FollowedError: the process is a copy of another node's.
            RefusedError: a rule of the node or the process forbids it.
            NotFoundError: the process has not been spawned.
            NotUploadedError: it has its slot, and the mode is to wait for its upload.
            UnavailableError: not now; the same again is safe.
        """
        self._elsewhere.check(submission.process)
        self._check_is_not_own(submission.process)
        if not submission.is_signed:
            self.check_takes_unsigned()
            check_is_no_failure(submission)
        self._check_spawn(submission, variant_default)
        self._check_places()
        self._scheduler.check_known(submission)
        self._take()
        try:
            if submission.is_signed:
                await self._verify(StoredMessage(submission.kind, submission.message))
            is_early = self._policy.mode is SchedulingMode.AGGRESSIVE
            receipt = await self._submit(submission, variant_default, is_early=is_early)
        finally:
            self._answered()
        return await self._confirmed(receipt)

    def check_scheduled_here(self, process: bytes) -> None:
        """Return when *process* is no copy of another node's; see `Elsewhere.check`."""
        self._elsewhere.check(process)

    def check_takes_unsigned(self) -> None:
        """Return when the node takes messages that nobody signed.

        Raises:
            UnsignedError: it takes signed messages only.
        """
        if not self._policy.accept_unsigned:
            raise UnsignedError(
                "this node takes signed messages only; sign it as an ANS-104 item, or start "
                "the node with --accept-unsigned"
            )

    async def say(self, process: bytes, fields: Mapping[str, Value]) -> Receipt:
        """Give a message of the node's own its slot in *process*; nobody signs it.

        Raises:
            SchedulerError: see `place`.
        """
        return await self.place_own(submit_unsigned(Message(fields), process=process))

    async def place_own(self, submission: Submission) -> Receipt:
        """Give *submission*, which the node has made itself, its slot; return when it is durable.

        Raises:
            SchedulerError: see `place`.
        """
        self._check_places()
        self._take()
        try:
            return await self._submit(submission, Variant.NATIVE)
        finally:
            self._answered()

    def check_target(self, process: bytes) -> None:
        """Return when *process* is one whose slots this node gives out.

        Raises:
            NotFoundError: it is not known.
            FollowedError: it is a copy of another node's.
            RefusedError: it is a log of the node's own; code ``reserved_process``.
        """
        if self._log.head(process) is None:
            raise NotFoundError(f"process {encode_id(process)} is not known here; spawn it first")
        self._elsewhere.check(process)
        self._check_is_not_own(process)

    async def schedule_reference(
        self, process: bytes, message_id: bytes, *, excludes: tuple[str, ...] = ()
    ) -> Receipt:
        """Give a message that lives elsewhere a new slot in *process* (legacy assign).

        Nobody signs an assign. Processes of `ao.TN.1` have to take them; others do where
        the node takes unsigned messages. Answered when it is durable, at the earliest: the
        answer names the assignment, which nobody sees before.

        Raises:
            DisabledError: the node places no messages.
            FollowedError: the process is a copy of another node's.
            NotFoundError: the process is not known.
            UnsignedError: it is none of `ao.TN.1`, and the node takes signed messages only.
            LimitExceededError, MalformedError: see `submit_reference`.
            UnavailableError: not now.
        """
        self._elsewhere.check(process)
        head = self._log.head(process)
        if head is None:
            raise NotFoundError(f"process {encode_id(process)} is not known here; spawn it first")
        if head.variant is not Variant.LEGACY and not self._policy.accept_unsigned:
            raise UnsignedError(
                f"process {encode_id(process)} is {head.variant.tag} and takes no assigns; "
                "send it the signed message itself, or start the node with --accept-unsigned"
            )
        self._check_is_not_own(process)
        self._check_places()
        submission = submit_reference(process, message_id, excludes=excludes)
        self._take()
        try:
            receipt = await self._submit(submission, Variant.LEGACY)
        finally:
            self._answered()
        return await self._confirmed(receipt)

    async def catch_up(self, process: bytes, *, hint: str = "") -> int | None:
        """Bring the copy of *process* up to its source, where this node may ask it; see `CatchUp`.

        Args:
            process: its id, 32 raw bytes.
            hint: URL of a node that has it, as the client says; empty for none.

        Returns:
            The last slot that the source says it has, if it has said so.

        Raises:
            DivergedError: what the source serves does not hold.
            SchedulerError: there is nothing to serve yet, for this reason.
        """
        if self._catch_up is None or self._scheduler.is_live(process):
            return None
        self.readers_catching_up += 1
        try:
            return await self._catch_up(process, hint)
        finally:
            self.readers_catching_up -= 1

    async def wait_for(self, process: bytes, slot: int, deadline_ms: int) -> bool:
        """Return when *slot* of *process* is durable, or *deadline_ms* from now.

        Whoever is cancelled in here leaves nothing behind.

        Returns:
            Whether the wait was kept: not, and at once, where ``LONG_POLLS_MAX`` readers wait
            already, or when the node stops.
        """
        head = self._log.head(process)
        if head is not None and slot <= head.slot:
            return True
        return await self._scheduler.arrivals.wait(process, slot, deadline_ms)

    # Where other schedulers are.

    def location(self, address: bytes) -> Location | None:
        """Return where the scheduler *address* says that it is; see `Locations.find`."""
        return self._locations.find(address)

    async def keep_location(self, location: Location) -> None:
        """Verify *location* and keep it in place of an older one; see `Locations.keep`.

        Raises:
            CommitmentError: its signature does not hold.
            RefusedError, UnavailableError: see `Locations.keep`.
        """
        self._take()
        try:
            await self._verify(StoredMessage(Kind.TABM, encode_cbor(location.message)))
            await self._locations.keep(location)
        finally:
            self._answered()

    async def _keep(self, path: TreePath, value: bytes | None) -> None:
        await self._scheduler.store(TreeValues(((path, value),)))

    # The end.

    def refuse_new_work(self) -> None:
        """Answer every new message with `StoppingError`; what was taken goes on.

        Readers that wait for a slot, or for the source of a copy, wait no longer.
        """
        self.is_stopping = True
        self._scheduler.arrivals.release()
        parts = (self._catch_up, self.uploader, self.computing, self.queues)
        for part in (*parts, self.triggers, self.monitor):
            if part is not None:
                part.release()

    async def close(self) -> None:
        """Refuse new work, finish what was taken, release everything. Idempotent.

        Whoever is cancelled in here only stops waiting: the node goes on closing.
        """
        self.refuse_new_work()
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        async with AsyncExitStack() as ending:
            # Last in, first out; each one runs whatever became of the others.
            ending.push_async_callback(self._release)
            ending.push_async_callback(self._scheduler.close)
            if self.uploader is not None:
                ending.push_async_callback(self.uploader.close)
            ending.callback(self._renditions.close)
            ending.push_async_callback(self._verifier.close)
            if self._catch_up is not None:
                ending.push_async_callback(self._catch_up.close)
            if self.computing is not None:
                ending.push_async_callback(self.computing.close)
            if self.queues is not None:
                ending.push_async_callback(self.queues.close)
            if self.triggers is not None:
                await self.triggers.close()
            if self._taken:
                deadline = self._scheduler.clock.call_later(STOP_DEADLINE_MS, self._idle.resolve)
                ending.callback(deadline.cancel)
                await self._idle

    async def _verify(self, message: StoredMessage) -> None:
        checking = self._verifier.submit(message)
        self._scheduler.watch(checking, "the verifier")
        verdict = await checking
        if verdict is not None:
            raise verdict

    async def _submit(
        self, submission: Submission, variant_default: Variant, *, is_early: bool = False
    ) -> Receipt:
        # Once more: its first slots may have been copied since, and a mark comes before them.
        self._elsewhere.check(submission.process)
        is_fetching = self._catch_up is not None and self._catch_up.is_fetching(submission.process)
        if is_fetching or self._scheduler.is_copying(submission.process):
            raise UnavailableError(
                f"process {encode_id(submission.process)} is being copied from another node; send "
                "the same again"
            )
        reply: Future[Receipt] = Future()
        self._scheduler.submit(Submit(submission, variant_default, reply, is_early=is_early))
        return await reply

    async def _confirmed(self, receipt: Receipt) -> Receipt:
        """Wait for the upload, where that is the mode; what has its slot keeps it in any case."""
        uploader = self.uploader
        if self._policy.mode is not SchedulingMode.REMOTE or uploader is None:
            return receipt
        is_uploaded = await uploader.confirm(receipt.process, receipt.slot)
        return receipt._replace(mode=SchedulingMode.REMOTE) if is_uploaded else receipt

    def _take(self) -> None:
        """Count a message that is taken: `close` waits until each one has its answer.

        Raises:
            StoppingError: the node takes no more.
        """
        if self.is_stopping:
            raise StoppingError("the node is stopping; send the same again to the next one")
        self._taken += 1

    def _answered(self) -> None:
        self._taken -= 1
        if self.is_stopping and not self._taken:
            self._idle.resolve()

    def _check_is_not_own(self, process: bytes) -> None:
        """Refuse what others say in a log of the node's own."""
        if self._is_own(process):
            raise RefusedError(
                "this process is a log of the node's own, of its triggers or of a queue; define a "
                "trigger, or submit a job, instead",
                code="reserved_process",
            )

    def _is_own(self, process: bytes) -> bool:
        if self.queues is not None and self.queues.is_own(process):
            return True
        return self.triggers is not None and process == self.triggers.process

    def _check_places(self) -> None:
        """Refuse every message that belongs here where the operator says so."""
        if self._policy.mode is SchedulingMode.DISABLED:
            raise DisabledError("this node places no messages; send it to another one")

    def _check_spawn(self, submission: Submission, variant_default: Variant) -> None:
        spawn = submission.spawn
        if spawn is None:
            return
        variant = spawn.variant or variant_default
        if variant.signed and self._wallet is None:
            raise RefusedError(
                "this node has no wallet to sign assignments with; give it one, or spawn with "
                f"Variant {Variant.NATIVE.tag}",
                code="no_wallet",
            )
        if self._policy.any_scheduler:
            return
        own = "(no wallet)" if self._wallet is None else encode_id(self._wallet.address)
        try:
            spawn.check_scheduler(own)
        except ForeignSchedulerError as error:
            self._elsewhere.check_spawn(submission.process, variant, error)
            raise
