"""The server: one actor per process, the deliberate bottleneck that gives out its slots.

It owns a `Machine` and the callers that wait for the disk. It signs nothing and writes nothing:
drafts go to the committer, answers come back as `Durable` or `Undone`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import Any, Final

from seriatim.actors.runtime.actor import LightActor, LightRef
from seriatim.actors.runtime.dispatcher import Dispatcher
from seriatim.actors.scheduler.committer import Committer
from seriatim.actors.scheduler.machine import Machine, Placed, check_same, twin_error
from seriatim.actors.scheduler.mail import Durable, Retire, Retired, Submit, Undone
from seriatim.formats.errors import RefusedError, SchedulerError, UnavailableError
from seriatim.formats.ids import encode_id
from seriatim.formats.schedule.assignment import Block
from seriatim.formats.schedule.submission import Submission
from seriatim.formats.signing.wallet import RsaWallet, Wallet
from seriatim.formats.wire.receipt import Receipt, promise, receipt_of
from seriatim.formats.wire.stored import StoredAssignment
from seriatim.store.log import Log

_LOG: Final = logging.getLogger("seriatim.actors")


class World:
    """What every server of a node is handed: the outside, shared to keep a server small."""

    __slots__ = ("block", "committer", "live", "log", "registry", "wallet")

    def __init__(
        self, *, log: Log, committer: Committer, block: Callable[[], Block], wallet: Wallet | None
    ) -> None:
        self.wallet = wallet
        self.log = log
        self.committer = committer
        self.block = block
        self.registry: LightRef[Any] | None = None
        self.live: Collection[bytes] = ()


class Server(LightActor):
    """Gives the messages of one process their slots, one after another."""

    __slots__ = ("_epoch", "_machine", "_received", "_waiters", "_world", "process")

    def __init__(self, dispatcher: Dispatcher, process: bytes, world: World) -> None:
        """Serve *process*; the state is loaded with the first mail."""
        super().__init__(dispatcher)
        self.process = process
        self._world = world
        self._machine: Machine | None = None
        self._epoch = -1
        self._received = 0
        self._waiters: dict[int, list[Submit]] | None = None

    def on_receive(self, message: Any) -> None:  # pykka's signature
        """Handle one mail; see ``mail.py``."""
        kind = type(message)
        if kind is Submit:
            self._received += 1
            self._submit(message)
        elif kind is Durable:
            # News of an epoch that is over is about slots that were given out anew since.
            if message.epoch == self._epoch:
                self._durable(message)
        elif kind is Undone:
            if message.epoch == self._epoch:
                self._undo(message.error)
        elif kind is Retire:
            self._retire()
        else:
            raise TypeError(f"a server knows no mail {kind.__name__}")

    def _submit(self, mail: Submit) -> None:
        """Answer from the store, or give out a slot.

        An error that nobody has foreseen goes to the caller by the runtime's failure rule. It
        leaves the machine as it was: what is on its way to disk keeps its slot.
        """
        world = self._world
        submission = mail.submission
        try:
            machine = self._current_machine()
            key = submission.slot_key
            if key and machine.slot_next:
                slot = world.log.find_in(self.process, key)
                if slot is not None:
                    mail.reply.resolve(self._receipt_at(slot, mail))
                    return
                self._check_twin(submission)
            world.committer.check_room(len(submission.message), submission.rows)
            if mail.is_early:
                world.committer.check_promise()
            outcome = machine.submit(
                submission,
                variant_default=mail.variant_default,
                signs_http=isinstance(world.wallet, RsaWallet),
                now_ms=self.dispatcher.clock.now_ms(),
                block=world.block(),
            )
        except SchedulerError as error:
            mail.fail(error)
            return
        waiters = self._waiters
        if waiters is None:
            waiters = self._waiters = {}
        draft = outcome.draft
        if isinstance(outcome, Placed):
            waiters[draft.slot] = [mail]
            world.committer.append(draft, self.actor_ref)
        else:
            waiters[draft.slot].append(mail)
        if mail.is_early:
            mail.reply.resolve(promise(draft)._replace(repeated=not isinstance(outcome, Placed)))

    def _check_twin(self, submission: Submission) -> None:
        if submission.twin_id:
            slot = self._world.log.find_in(self.process, submission.twin_id)
            if slot is not None:
                raise twin_error(slot)

    def _current_machine(self) -> Machine:
        """Return the machine, loaded anew where a failed commit has made it worthless."""
        epoch = self._world.committer.epoch
        if self._machine is None or self._epoch != epoch:
            self._undo(UnavailableError("a commit failed; send the same again"))
            head = self._world.log.head(self.process)
            if head is not None and head.variant.signed:
                self._check_wallet(head.slot)
            self._machine = Machine(self.process, head)
            self._epoch = epoch
        return self._machine

    def _check_wallet(self, slot: int) -> None:
        """Refuse to go on with a log that another wallet signs: nobody could verify it.

        Raises:
            RefusedError: code ``another_wallet``.
        """
        record = self._world.log.read(self.process, slot)
        signer = record and StoredAssignment(self.process, slot, record).scheduler
        wallet = self._world.wallet
        if signer and (wallet is None or signer.address != wallet.address):
            raise RefusedError(
                f"the assignments of process {encode_id(self.process)} are signed by "
                f"{encode_id(signer.address)}; start the node with that wallet",
                code="another_wallet",
            )

    def _durable(self, mail: Durable) -> None:
        draft = mail.draft
        if self._machine is not None:
            self._machine.settle(draft.slot)
        if self._waiters is None:
            return
        receipt = Receipt(
            draft.process,
            draft.slot,
            draft.variant,
            draft.timestamp_ms,
            draft.message_id,
            *mail.sealed,
        )
        for position, waiter in enumerate(self._waiters.pop(draft.slot, ())):
            waiter.reply.resolve(receipt._replace(repeated=True) if position else receipt)
        if not self._waiters:
            self._waiters = None

    def _undo(self, error: SchedulerError) -> None:
        """Un-assign everything that is not durable: the store knows what really happened."""
        waiters, self._waiters, self._machine = self._waiters, None, None
        for slot, mails in (waiters or {}).items():
            if any(mail.is_early for mail in mails):
                _LOG.error(
                    "process %s, slot %d was promised, and is not known to be on disk: %s",
                    encode_id(self.process),
                    slot,
                    error,
                )
            for mail in mails:
                mail.fail(error)

    def _retire(self) -> None:
        registry = self._world.registry
        if registry is not None and not self._waiters:
            registry.tell(Retired(self.process, self.actor_ref, self._received))

    def on_stop(self) -> None:
        """Answer whoever still waits."""
        self._undo(UnavailableError("the node has stopped; send the same again"))

    def _receipt_at(self, slot: int, mail: Submit) -> Receipt:
        record = self._world.log.read(self.process, slot)
        if record is None:
            raise UnavailableError("the log ended before a known slot; send the same again")
        check_same(record.message, mail.submission)
        return receipt_of(self.process, slot, record)
