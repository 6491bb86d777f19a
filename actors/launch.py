"""Opening a data folder as a running node: where its parts are made and put together.

Two compositions of the same parts:

* ``in_children=True``: the writer and the verifier are child OS processes; the node itself only
  reads the log. For a serving node, whose event loop must stay free.
* ``in_children=False``: they are threads of this OS process. For embedding: nothing is started.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable, Collection
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from shutil import disk_usage
from typing import TYPE_CHECKING, Any, Final, TypeVar

from seriatim.actors.compute.computer import World
from seriatim.actors.compute.folds import Folds, open_computing
from seriatim.actors.follow.catch_up import CatchUp
from seriatim.actors.follow.marks import FollowMarks
from seriatim.actors.lock import acquire_lock
from seriatim.actors.monitor.look import look
from seriatim.actors.monitor.monitor import Monitor
from seriatim.actors.node import Node
from seriatim.actors.own_log import OwnLog
from seriatim.actors.policy import Policy
from seriatim.actors.queue.beats import LastBeats, machine_boot
from seriatim.actors.queue.queues import Queues
from seriatim.actors.queue.world import World as QueueWorld
from seriatim.actors.runtime.batcher import BatchBounds, Batcher
from seriatim.actors.runtime.child_offload import ChildOffload
from seriatim.actors.runtime.dispatcher import LoopDispatcher
from seriatim.actors.runtime.future import Future
from seriatim.actors.runtime.offload import ThreadOffload
from seriatim.actors.scheduler import handlers
from seriatim.actors.scheduler.committer import job_bytes
from seriatim.actors.scheduler.system import Scheduler
from seriatim.actors.triggers.book import World as TriggerWorld
from seriatim.actors.triggers.jobs import submitting
from seriatim.actors.triggers.table import TriggerTable
from seriatim.actors.uploads.uploader import Uploader
from seriatim.actors.watches.metrics import machine_metrics
from seriatim.actors.watches.registry import load_watch_kinds
from seriatim.actors.watches.watch import World as WatchWorld
from seriatim.formats.errors import RefusedError
from seriatim.formats.folds.state import decode_state
from seriatim.formats.limits import (
    COMMIT_BATCH_MAX,
    COMMIT_BATCH_MAX_BYTES,
    COMMIT_BATCHES_MAX,
    COMMIT_QUEUE_MAX,
    COMMIT_QUEUE_MAX_BYTES,
    VERIFY_BATCH_MAX,
    VERIFY_BATCH_MAX_BYTES,
    VERIFY_BATCHES_MAX,
    VERIFY_QUEUE_MAX,
    VERIFY_QUEUE_MAX_BYTES,
)
from seriatim.formats.schedule.mode import SchedulingMode
from seriatim.formats.triggers.definition import JOBS
from seriatim.store.beats import BeatStore
from seriatim.store.environment import Environment
from seriatim.store.folder import DataFolder
from seriatim.store.lmdb_log import LmdbLog
from seriatim.store.lock import FolderLock
from seriatim.store.tree.lmdb_tree import LmdbTree

if TYPE_CHECKING:
    from seriatim.actors.follow.catch_up import OpenSource
    from seriatim.actors.runtime.clock import Clock
    from seriatim.actors.runtime.dispatcher import Dispatcher
    from seriatim.actors.runtime.offload import Offload
    from seriatim.actors.scheduler.handlers import Verdict
    from seriatim.actors.scheduler.writer import Job, Sealed
    from seriatim.actors.uploads.carrier import Carrier
    from seriatim.formats.folds.run import Result
    from seriatim.formats.schedule.record import Kind
    from seriatim.formats.schedule.stored_message import StoredMessage
    from seriatim.formats.signing.wallet import Wallet
    from seriatim.store.log import Log
    from seriatim.store.tree.tree import Tree

Closing = TypeVar("Closing", bound="Offload[Any, Any]")

# A second batch waits at the writer while the first is written, so that the writer never waits
# for the loop. When the first fails, the log refuses whatever of the second builds on it.
COMMIT_BOUNDS: Final = BatchBounds(
    queue_max=COMMIT_QUEUE_MAX,
    queue_max_bytes=COMMIT_QUEUE_MAX_BYTES,
    batch_max=COMMIT_BATCH_MAX,
    batch_max_bytes=COMMIT_BATCH_MAX_BYTES,
    in_flight_max=COMMIT_BATCHES_MAX,
)
# Small batches: what is verified goes on to its slot while the next ones are checked.
_VERIFY_BOUNDS: Final = BatchBounds(
    queue_max=VERIFY_QUEUE_MAX,
    queue_max_bytes=VERIFY_QUEUE_MAX_BYTES,
    batch_max=VERIFY_BATCH_MAX,
    batch_max_bytes=VERIFY_BATCH_MAX_BYTES,
    in_flight_max=VERIFY_BATCHES_MAX,
)


async def open_node(
    path: Path,
    *,
    wallet: Wallet | None,
    policy: Policy,
    in_children: bool,
    carrier: Carrier | None = None,
    open_source: OpenSource | None = None,
    folds: Folds | None = None,
    clock: Clock | None = None,
) -> tuple[Node, FolderLock]:
    """Open the data folder *path*, made where it is missing, and run a node on it.

    The lock is the node's; it is released when the node is closed. Announce the node's URL
    through it. What *carrier* takes is uploaded from now on, and what the last run has left.

    Args:
        path: the folder.
        wallet: what assignments are signed with.
        policy: what the node takes.
        in_children: whether writer and verifier are OS processes of their own.
        carrier: takes uploads, where the operator names a bundler.
        open_source: by it, copies are brought up to their sources when they are read; without
            it, the node asks no other one.
        folds: what processes compute; without any, this node only schedules.
        clock: gives timestamps and timers; the machine's by default.

    Raises:
        RefusedError: uploads are to be waited for, and there is no *carrier*; ``no_bundler``.
        UnsupportedError: one of *folds* cannot be loaded.
        StoreLockedError: another node runs on the folder.
        StoreError: the folder cannot be used.
    """
    if policy.mode is SchedulingMode.REMOTE and carrier is None:
        raise RefusedError(
            "remote_confirmation waits for uploads; name a bundler", code="no_bundler"
        )
    registry = None if folds is None else folds.load()
    loop = asyncio.get_running_loop()
    dispatcher = LoopDispatcher(loop, clock)
    folder = DataFolder(path)
    folder.create()
    async with AsyncExitStack() as stack:
        lock = await acquire_lock(folder, started_ms=dispatcher.clock.now_ms())
        stack.callback(lock.release)
        parts = _Parts(folder, wallet, lock, stack, () if carrier is None else carrier.kinds)
        environment, writer, verifier = await (
            parts.in_children() if in_children else parts.in_threads()
        )
        log = LmdbLog(environment)
        scheduler = Scheduler(
            dispatcher=dispatcher,
            log=log,
            writer=_commit_queue(writer, loop),
            wallet=wallet,
        )
        parts.death.add_done_callback(scheduler.failed.follow)
        tree = LmdbTree(environment)
        beats = _open_beats(folder, dispatcher.clock, stack)
        marks = FollowMarks(tree)
        catch_up = open_source and CatchUp(
            log=log,
            marks=marks,
            store=scheduler.store,
            open_source=open_source,
            clock=dispatcher.clock,
            draw=secrets.randbelow,
            evidence=folder.evidence,
        )
        node = Node(
            log=log,
            tree=tree,
            marks=marks,
            catch_up=catch_up,
            wallet=wallet,
            policy=policy,
            scheduler=scheduler,
            verifier=_verify_queue(verifier, loop),
            uploader=_start_uploader(log, carrier, scheduler),
            release=stack.pop_all().aclose,
        )
        node.free_bytes = lambda: disk_usage(path).free
        if registry:
            node.computing = open_computing(
                registry,
                places=folds.places if folds and in_children else None,
                world=World(log, tree, scheduler.store, node.say),
                clock=scheduler.clock,
            )
        if policy.mode is not SchedulingMode.DISABLED:
            await _open_own_logs(node, log, tree, scheduler, folder, dispatcher, beats)
    return node, lock


async def _open_own_logs(
    node: Node,
    log: Log,
    tree: Tree,
    scheduler: Scheduler,
    folder: DataFolder,
    dispatcher: Dispatcher,
    beats: LastBeats,
) -> None:
    """Have *node* see to its queues and its triggers."""
    queues = _open_queues(node, tree, scheduler, dispatcher, beats)
    node.triggers = await _open_triggers(node, log, tree, scheduler, folder)
    node.triggers.provide(JOBS, submitting(queues))


def _open_beats(folder: DataFolder, clock: Clock, stack: AsyncExitStack) -> LastBeats:
    beats = LastBeats(BeatStore.open_writer(folder.beats, boot=machine_boot()), clock)
    stack.callback(beats.close)
    return beats


def _open_queues(
    node: Node, tree: Tree, scheduler: Scheduler, dispatcher: Dispatcher, beats: LastBeats
) -> Queues:
    world = QueueWorld(
        dispatcher=dispatcher,
        tree=tree,
        own=OwnLog(node.place_own, scheduler.store),
        entropy=secrets.token_bytes,
        draw=Random().random,  # noqa: S311  # for the length of pauses
    )
    queues = node.queues = Queues(world)
    queues.on_status, queues.last_beat, queues.running = beats.note, beats.last, beats.running
    queues.start()
    clock = dispatcher.clock
    node.monitor = Monitor(
        lambda: look(tree, beats.store, clock.now_ms()), clock, home="node", pid=os.getpid()
    )
    return queues


async def _open_triggers(
    node: Node, log: Log, tree: Tree, scheduler: Scheduler, folder: DataFolder
) -> TriggerTable:
    world = TriggerWorld(
        log=log,
        tree=tree,
        clock=scheduler.clock,
        own=OwnLog(node.place_own, scheduler.store),
        check_target=node.check_target,
        wallet=node.wallet,
        entropy=secrets.token_bytes,
    )
    try:
        table = TriggerTable(
            world, kinds=load_watch_kinds(), watch_world=_watch_world(node, log, scheduler, folder)
        )
        await table.start()
    except BaseException:
        await node.close()
        raise
    return table


def _watch_world(node: Node, log: Log, scheduler: Scheduler, folder: DataFolder) -> WatchWorld:
    computing = node.computing
    queues: dict[str, Callable[[], float]] = {
        name: lambda name=name: float(node.waiting[name])  # type: ignore[misc]  # bound now
        for name in node.waiting
    }

    async def compute(process: bytes) -> object:
        assert computing is not None, "only then it is handed on"
        return decode_state((await computing.at(process)).state)

    async def result_of(process: bytes, slot: int) -> Result:
        assert computing is not None, "only then it is handed on"
        return (await computing.at(process, slot)).result

    return WatchWorld(
        clock=scheduler.clock,
        log=log,
        wait_for=node.wait_for,
        compute=None if computing is None else compute,
        metrics={**machine_metrics(folder.path, scheduler.clock), **queues},
        result_of=None if computing is None else result_of,
    )


def _commit_queue(
    writer: Offload[Job, Sealed], loop: asyncio.AbstractEventLoop
) -> Batcher[Job, Sealed]:
    return Batcher(
        writer,
        name="the commit queue",
        bounds=COMMIT_BOUNDS,
        size=job_bytes,
        call_soon=loop.call_soon,
        fails_together=True,
    )


def _verify_queue(
    verifier: Offload[StoredMessage, Verdict], loop: asyncio.AbstractEventLoop
) -> Batcher[StoredMessage, Verdict]:
    return Batcher(
        verifier,
        name="the verification queue",
        bounds=_VERIFY_BOUNDS,
        size=_message_bytes,
        call_soon=loop.call_soon,
    )


def _start_uploader(log: Log, carrier: Carrier | None, scheduler: Scheduler) -> Uploader | None:
    if carrier is None:
        return None
    random = Random()  # noqa: S311  # for the length of pauses
    uploader = Uploader(log, carrier, store=scheduler.store, clock=scheduler.clock, random=random)
    scheduler.on_commit = uploader.wake
    uploader.start()
    return uploader


class _Parts:
    """What differs between the two compositions: where the writer and the verifier live.

    Attributes:
        death: fails when a child ends that was not closed, from its start on.
    """

    def __init__(
        self,
        folder: DataFolder,
        wallet: Wallet | None,
        lock: FolderLock,
        stack: AsyncExitStack,
        uploads: Collection[Kind],
    ) -> None:
        self._folder = folder
        self._wallet = wallet
        self._lock = lock
        self._stack = stack
        self._uploads = uploads
        self.death: Future[None] = Future()

    async def in_threads(
        self,
    ) -> tuple[Environment, Offload[Job, Sealed], Offload[StoredMessage, Verdict]]:
        environment = Environment.open_writer(self._folder.log)
        self._stack.callback(environment.close)
        writer = handlers.make_writer(environment, self._wallet, uploads=self._uploads)
        self._stack.callback(writer.close)
        writing = await self._start(ThreadOffload.start(lambda: writer.write, name="writer"))
        verifying = await self._start(
            ThreadOffload.start(lambda: handlers.verify_messages, name="verifier")
        )
        return environment, writing, verifying

    async def in_children(
        self,
    ) -> tuple[Environment, Offload[Job, Sealed], Offload[StoredMessage, Verdict]]:
        wallet_json = b"" if self._wallet is None else self._wallet.to_json()
        writing = await self._start(
            ChildOffload.start(
                handlers.WRITER_CHILD,
                handlers.writer_init(self._folder.log, wallet_json, self._uploads),
                name="the writer",
                encode=handlers.jobs_to_plain,
                decode=handlers.seals_from_plain,
                on_death=self.death.fail,
                # Nobody else gets the folder while this child can still write to it.
                inherit=(self._lock.fileno(),),
            )
        )
        verifying: ChildOffload[StoredMessage, handlers.Verdict] = await self._start(
            ChildOffload.start(
                handlers.VERIFIER_CHILD,
                b"",
                name="the verifier",
                encode=handlers.messages_to_plain,
                decode=handlers.verdicts_from_plain,
                on_death=self.death.fail,
            )
        )
        # The child has made the store by now; this OS process never writes to it.
        environment = Environment.open_reader(self._folder.log)
        self._stack.callback(environment.close)
        return environment, writing, verifying

    async def _start(self, starting: Awaitable[Closing]) -> Closing:
        offload = await starting
        self._stack.push_async_callback(offload.close)
        return offload


def _message_bytes(message: StoredMessage) -> int:
    return len(message.raw)
