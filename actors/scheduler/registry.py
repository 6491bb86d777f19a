"""The registry: finds or starts the one server of a process, and lets idle ones go.

Every submission passes through it, in order, so two first messages cannot start two servers.

States of a process here::

                 Submit                    Sweep, not used for long
    (absent) ───────────► SERVED ────────────────────► SERVED, asked to retire
        ▲                   ▲                               │ Retired(received)
        │  received = sent  └──── received < sent ──────────┤ (mail was on its way: it stays)
        └───────────────────────────────────────────────────┘
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import islice
from typing import Any

from seriatim.actors.runtime.actor import LightActor, LightRef
from seriatim.actors.runtime.dispatcher import Dispatcher
from seriatim.actors.scheduler.mail import Retire, Retired, Submit, Sweep
from seriatim.actors.scheduler.server import Server, World
from seriatim.formats.errors import NotFoundError, SchedulerError
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import IDLE_PASSIVATE_MS, PASSIVATE_BATCH_MAX, PASSIVATE_PAUSE_MS
from seriatim.formats.schedule.submission import Submission
from seriatim.store.log import Log


def check_known(log: Log, submission: Submission) -> None:
    """Return when *submission* has a process to go to, or starts one.

    Anybody can make up ids: they get no server, and cost no signature check.

    Raises:
        NotFoundError: the process has not been spawned.
    """
    if submission.spawn is None and log.head(submission.process) is None:
        process = encode_id(submission.process)
        raise NotFoundError(f"process {process} is not known here; spawn it first")


class _Entry:
    __slots__ = ("ref", "sent", "used_ms")

    def __init__(self, ref: LightRef[Server]) -> None:
        self.ref = ref
        self.sent = 0
        self.used_ms = 0


class Registry(LightActor):
    """Routes submissions to servers; see the module."""

    def __init__(self, dispatcher: Dispatcher, world: World) -> None:
        """Start servers on *dispatcher*, each with *world*."""
        super().__init__(dispatcher)
        self._world = world
        # Least recently used first, so that a sweep ends at the first one that is in use.
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        world.live = self._entries.keys()

    def on_start(self) -> None:
        """Make this the registry that retired servers answer to, and sweep from time to time."""
        self._world.registry = self.actor_ref
        self._sweep_later(IDLE_PASSIVATE_MS // 4)

    def on_receive(self, message: Any) -> None:  # pykka's signature
        """Handle one mail; see ``mail.py``."""
        kind = type(message)
        if kind is Submit:
            self._route(message)
        elif kind is Retired:
            self._retired(message)
        elif kind is Sweep:
            self._sweep()
        else:
            raise TypeError(f"the registry knows no mail {kind.__name__}")

    def _route(self, mail: Submit) -> None:
        try:
            entry = self._find_or_start(mail.submission)
            entry.used_ms = self.dispatcher.clock.monotonic_ms()
            entry.ref.tell(mail)
            entry.sent += 1
        except SchedulerError as error:
            mail.fail(error)

    def _find_or_start(self, submission: Submission) -> _Entry:
        entries, process = self._entries, submission.process
        entry = entries.get(process)
        if entry is not None and entry.ref.is_alive():
            entries.move_to_end(process)
            return entry
        # No server yet, or one that ended by an error of ours: the log knows what it knew.
        check_known(self._world.log, submission)
        entry = entries[process] = _Entry(Server.start(self.dispatcher, process, self._world))
        return entry

    def _sweep(self) -> None:
        """Ask the idlest servers to retire; few at a time, because all of them answer here."""
        limit_ms = self.dispatcher.clock.monotonic_ms() - IDLE_PASSIVATE_MS
        idlest = list(islice(self._entries.items(), PASSIVATE_BATCH_MAX))
        idle = [(process, entry.ref) for process, entry in idlest if entry.used_ms <= limit_ms]
        is_full = len(idle) == PASSIVATE_BATCH_MAX
        self._sweep_later(PASSIVATE_PAUSE_MS if is_full else IDLE_PASSIVATE_MS // 4)
        for process, server in idle:
            if server.is_alive():
                server.tell(Retire())
            else:
                del self._entries[process]

    def _sweep_later(self, delay_ms: int) -> None:
        self.dispatcher.clock.call_later(delay_ms, self._tell_sweep)

    def _tell_sweep(self) -> None:
        if self.actor_ref.is_alive():
            self.actor_ref.tell(Sweep())

    def _retired(self, mail: Retired) -> None:
        entry = self._entries.get(mail.process)
        if entry is not None and entry.ref is mail.server and entry.sent == mail.received:
            del self._entries[mail.process]
            entry.ref.stop()
