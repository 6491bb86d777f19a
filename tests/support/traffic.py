"""Traffic against the scheduler, and the list that says what must come of it.

Every action is one method; `check` holds what may never be otherwise, after any of them. A rule
based state machine chooses actions with hypothesis, a simulation chooses them from a seed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from random import Random
from typing import NamedTuple

from seriatim.actors.runtime.clock import ManualClock
from seriatim.actors.runtime.future import Future
from seriatim.formats.errors import NotFoundError, UnavailableError
from seriatim.formats.message import Message
from seriatim.formats.schedule.audit import Audit
from seriatim.formats.schedule.record import Kind, Record
from seriatim.formats.schedule.submission import (
    Submission,
    submit_reference,
    submit_unsigned,
)
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.wire.receipt import Receipt
from seriatim.store.memory_log import MemoryLog
from tests.support.builders import NODE, messages, spawn, unsigned
from tests.support.faulty_log import Fault
from tests.support.nodes import START_MS, SteppedScheduler
from tests.support.records import make_id
from tests.support.strategies import known_wallet

MESSAGES = 6
PROCESSES = 4
SPAWNED = 0.8
"""How many of the processes a simulation spawns before anything else."""


class Offer(NamedTuple):
    """What clients of one process can send."""

    spawn: Submission
    messages: Sequence[Submission]


@cache
def offers() -> list[Offer]:
    """Return what is sent in every run: signed once, because signing is what takes time."""
    spawns = [spawn(variant, "traffic") for variant in Variant]
    spawns.append(submit_unsigned(Message({"type": "Process", "variant": Variant.NATIVE.tag})))
    return [Offer(each, messages(each.process, MESSAGES)) for each in spawns]


class _Sent(NamedTuple):
    submission: Submission
    reply: Future[Receipt]
    is_known: bool
    disturbances: int


class Traffic:
    """A scheduler under test, its model, and what has been promised so far.

    Attributes:
        model: by process, the records in slot order, as they were when they first appeared.
        acknowledged: receipts, by process and slot.
    """

    def __init__(self, random: Random) -> None:
        """Start on an empty log."""
        self._random = random
        self._clock = ManualClock(START_MS)
        self._log = MemoryLog()
        self._disturbances = 0
        self._open: list[_Sent] = []
        self._sent: Counter[tuple[bytes, bytes, Kind]] = Counter()
        self._written: Counter[tuple[bytes, bytes, Kind]] = Counter()
        self._placed: dict[tuple[bytes, bytes], int] = {}
        self._audits = {each.spawn.process: Audit(each.spawn.process) for each in offers()}
        self.model: dict[bytes, list[Record]] = {each.spawn.process: [] for each in offers()}
        self.acknowledged: dict[tuple[bytes, int], Receipt] = {}
        self.node = self._start()

    def _start(self) -> SteppedScheduler:
        return SteppedScheduler(
            self._log, clock=self._clock, random=self._random, wallet=known_wallet(NODE)
        )

    # Actions.

    def post(self, process: int, number: int | None, *, copies: int = 1) -> None:
        """Send a signed message *copies* times at once; the spawn where *number* is ``None``."""
        offer = offers()[process]
        submission = offer.spawn if number is None else offer.messages[number]
        for _ in range(copies):
            self._send(submission)

    def post_unsigned(self, process: int, number: int) -> None:
        """Send a message without a signature: a new slot each time."""
        self._send(unsigned(offers()[process].spawn.process, f"unsigned {number}"))

    def post_reference(self, process: int, number: int) -> None:
        """Assign a message that lives elsewhere: a new slot each time."""
        place = offers()[process].spawn.process
        excludes = ("Data",) * (number % 3)
        self._send(submit_reference(place, make_id(f"elsewhere {number}"), excludes=excludes))

    def turn(self, count: int) -> None:
        """Let up to *count* mails be handled."""
        for _ in range(count):
            if not self.node.turn():
                return

    def commit(self, fault: Fault | None = None) -> None:
        """Decide about the oldest batch that waits, if there is one."""
        if not self.node.writer.held:
            return
        self._disturbances += fault is not None
        self.node.writer.release(fault)

    def settle(self) -> None:
        """Let everything happen that can: every reply comes."""
        self.node.settle()
        self.check()
        assert not self._open, "a reply never came"

    def post_alone(self, process: int, number: int) -> None:
        """Send a message when nothing else is going on: the model knows its very slot."""
        self.settle()
        submission = offers()[process].messages[number]
        records = self.model[submission.process]
        known = self._placed.get((submission.process, submission.message_id))
        reply = self._send(submission)
        self.node.settle()
        if not records:
            assert isinstance(reply.error(), NotFoundError)
            return
        receipt = reply.get(timeout=0)
        assert receipt.slot == (len(records) if known is None else known)
        assert receipt.repeated == (known is not None)

    def restart(self, *, is_written: bool) -> None:
        """Kill the node with a batch on its way, on disk already or not; start the next one."""
        self._disturbances += 1
        self.node.kill(is_written=is_written)
        self.check()
        assert not self._open, "a node that ends answers everybody"
        self.node = self._start()

    def advance(self, delay_ms: int) -> None:
        """Let time pass: deadlines come due, idle servers go."""
        self._disturbances += 1
        self._clock.advance(delay_ms)

    def set_clock_back(self, delay_ms: int) -> None:
        """Set the wall clock back."""
        self._clock.set_now_ms(self._clock.now_ms() - delay_ms)

    def page(self, process: int, sizes: Sequence[int]) -> None:
        """Read the whole log in pages of *sizes*: it is the model, whatever the sizes."""
        place = offers()[process].spawn.process
        self.check()
        records: list[Record] = []
        turn = 0
        while chunk := list(
            self._log.read_range(place, len(records), len(records) + sizes[turn % len(sizes)] - 1)
        ):
            assert chunk[0][0] == len(records)
            records += [record for _, record in chunk]
            turn += 1
        assert records == self.model[place]

    def _send(self, submission: Submission) -> Future[Receipt]:
        self._sent[submission.process, submission.message_id, submission.kind] += 1
        reply = self.node.submit(submission)
        is_known = bool(self.model[submission.process])
        disturbances = self._disturbances - self.node.writer.in_doubt
        self._open.append(_Sent(submission, reply, is_known, disturbances))
        return reply

    # What must hold.

    def check(self) -> None:
        """Compare everything that can be seen with the model.

        Raises:
            AssertionError: a promise is broken.
            ChainBrokenError: the log is not sound.
        """
        self._check_log()
        self._check_replies()
        servers = self.node.servers()
        assert len(servers) == len(set(servers)), "two servers for one process"
        assert self.node.writer.conflicts == 0, "a slot was given out twice"

    def check_all_bytes(self) -> None:
        """Compare every record with what it was when it first appeared."""
        for process, records in self.model.items():
            stored = [record for _, record in self._log.read_range(process, 0, len(records))]
            assert stored == records
            for (place, slot), receipt in self.acknowledged.items():
                if place == process:
                    _check_receipt(receipt, records[slot])

    def _check_log(self) -> None:
        for process, records in self.model.items():
            for slot, record in self._log.read_range(process, len(records), 1 << 32):
                self._audits[process].add(slot, record)
                key = (process, record.message_id, record.kind)
                self._written[key] += 1
                assert self._written[key] <= self._sent[key], "a record that nobody sent"
                if record.kind is Kind.ITEM or record.message_id == process:
                    place = (process, record.message_id)
                    assert place not in self._placed, "one signed message in two slots"
                    self._placed[place] = slot
                records.append(record)

    def _check_replies(self) -> None:
        waiting: list[_Sent] = []
        for sent in self._open:
            if not sent.reply.done():
                waiting.append(sent)
            elif sent.reply.error() is None:
                self._check_acknowledged(sent)
            else:
                self._check_failed(sent)
        self._open = waiting

    def _check_acknowledged(self, sent: _Sent) -> None:
        submission = sent.submission
        receipt = sent.reply.get(timeout=0)
        assert (receipt.process, receipt.message_id) == submission[:2]
        place = (receipt.process, receipt.slot)
        records = self.model[submission.process]
        assert receipt.slot < len(records), "acknowledged, and not on disk"
        _check_receipt(receipt, records[receipt.slot])
        if not submission.slot_key:
            assert not receipt.repeated
            assert place not in self.acknowledged, "two messages were told one slot"
        first = self.acknowledged.setdefault(place, receipt)
        assert receipt._replace(repeated=first.repeated) == first

    def _check_failed(self, sent: _Sent) -> None:
        error = sent.reply.error()
        if isinstance(error, NotFoundError):
            assert not sent.is_known, "a known process was not found"
        else:
            assert isinstance(error, UnavailableError), repr(error)
            assert self._disturbances > sent.disturbances, f"failed for no reason: {error!r}"


def _check_receipt(receipt: Receipt, record: Record) -> None:
    assert receipt[2:8] == (
        record.variant,
        record.timestamp_ms,
        record.message_id,
        record.assignment_id,
        record.hash_chain,
        record.assignment,
    )


_ACTIONS: Sequence[tuple[int, Callable[[Traffic, Random, int, int], None]]] = (
    (30, lambda t, r, at, number: t.post(at, number, copies=r.choice((1, 1, 1, 3)))),
    (4, lambda t, _, at, number: t.post(at, None)),
    (6, lambda t, _, at, number: t.post_unsigned(at, number)),
    (5, lambda t, _, at, number: t.post_reference(at, number)),
    (25, lambda t, r, at, number: t.turn(r.randrange(1, 12))),
    (15, lambda t, r, at, number: t.commit(r.choice((None, None, None, *Fault)))),
    (3, lambda t, r, at, number: t.advance(r.choice((1, 1_000, 40_000, 900_000)))),
    (3, lambda t, r, at, number: t.set_clock_back(r.choice((1, 1_000, 10**9)))),
    (2, lambda t, r, at, number: t.restart(is_written=r.random() < 0.5)),
    (3, lambda t, _, at, number: t.post_alone(at, number)),
    (2, lambda t, r, at, number: t.page(at, [r.randrange(1, 5), r.randrange(1, 5)])),
    (2, lambda t, _, at, number: t.settle()),
)
"""What a simulation does, by weight; each with a process and a number of a message."""


def simulate(seed: int, *, actions: int = 60) -> Traffic:
    """Run *actions* actions that *seed* chooses, then everything once in good order.

    Returns:
        The traffic, with every reply settled and every promise checked.
    """
    random = Random(seed)
    traffic = Traffic(random)
    for process in range(PROCESSES):
        if random.random() < SPAWNED:
            traffic.post(process, None)
    weights = [weight for weight, _ in _ACTIONS]
    for _, act in random.choices(_ACTIONS, weights, k=actions):
        act(traffic, random, random.randrange(PROCESSES), random.randrange(MESSAGES))
        traffic.check()
    traffic.settle()
    for process in range(PROCESSES):
        traffic.post(process, None)
        for number in range(MESSAGES):
            traffic.post_alone(process, number)
    traffic.check()
    traffic.check_all_bytes()
    return traffic
