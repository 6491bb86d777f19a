"""One look: everything at one moment, bounded, and what it says is what the jobs say."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.actors.monitor import look as module
from seriatim.actors.monitor.look import look
from seriatim.actors.triggers import rows as trigger_rows
from seriatim.formats.errors import StoreError
from seriatim.formats.jobs.rows import name_path, settings_path
from seriatim.formats.jobs.status import RunningJob
from seriatim.formats.monitor.beat import Beat, encode_beat
from seriatim.formats.monitor.flags import FLAGS_PATH, Flags, encode_flags
from seriatim.formats.monitor.idle import idle_of
from seriatim.formats.monitor.sight import Sight, TriggerSight
from seriatim.formats.monitor.view import summary_of
from seriatim.formats.triggers.progress import Progress, State, encode_progress
from seriatim.store.beats import BeatStore
from seriatim.store.environment import Environment
from seriatim.store.tree.lmdb_tree import LmdbTree
from seriatim.store.tree.memory_tree import MemoryTree
from seriatim.store.tree.tree import Tree, TreePath
from tests.support.queues_on_disk import QueueOnDisk, cancelled, granted, submitted
from tests.support.statuses import status_of


@pytest.fixture
def beats(tmp_path: Path) -> Iterator[BeatStore]:
    store = BeatStore.open_writer(tmp_path / "beats", boot="b")
    yield store
    store.close()


class NoBeats(BeatStore):
    """Nobody has said anything."""

    def __init__(self) -> None:
        pass

    def all(self, limit: int = 0) -> list[tuple[str, bytes]]:
        return []


def seen(tree: Tree) -> Sight:
    return look(tree, NoBeats(), 5)


def test_an_empty_folder_shows_nothing() -> None:
    assert seen(MemoryTree()) == Sight(5, [], TriggerSight(), Flags(), [])


EVENTS = st.lists(
    st.tuples(st.sampled_from(["submit", "grant", "cancel"]), st.integers(0, 9)), max_size=40
)


@given(EVENTS)
def test_the_numbers_are_a_recount_of_the_jobs(steps: list[tuple[str, int]]) -> None:
    tree = MemoryTree()
    queue = QueueOnDisk(tree)
    for number, (step, choice) in enumerate(steps):
        live = [job for job in queue.fold.live.values() if job.state != "leased"]
        if step == "submit" or not live:
            due = {"due_ms": 10**9} if choice == 0 else {}
            queue.say(submitted(f"j{number}", f"type{choice % 3}", **due))
        elif step == "grant":
            pending = [job.id for job in live if job.state == "pending"]
            queue.say(granted(*pending[:1]))
        else:
            queue.say(cancelled(live[choice % len(live)].id))
    [found] = seen(tree).queues
    recount: dict[str, Counter[str]] = {}
    for state in ("blocked", "pending", "scheduled", "leased", "cancelled"):
        for _, raw in tree.values(("jobs", "default", state)):
            job = orjson.loads(raw)
            recount.setdefault(job["type"], Counter())[state] += 1
    assert {kind: Counter(states) for kind, states in found.types.items()} == recount
    assert Counter(found.states) == sum(recount.values(), Counter())
    assert (found.slot, found.at_ms) == (queue.fold.slot, queue.fold.at_ms)
    assert found.live == len(queue.fold.live)


def test_settings_flags_beats_and_triggers_are_seen(beats: BeatStore) -> None:
    tree = MemoryTree()
    queue = QueueOnDisk(tree, "q")
    queue.say({"event": "settings", "change": {"paused": True}})
    tree.put(FLAGS_PATH, encode_flags(Flags(stop=True)))
    for number, next_ms in enumerate((9, 7, None)):
        progress = Progress(State.LIVE, 0, next_ms, 0)
        tree.put(("triggers", "live", f"t{number}"), encode_progress(progress))
    tree.put(("triggers", "runs", "r"), b"")
    beat = Beat(status_of("w")._replace(running=[]), 3)
    beats.change([("w", encode_beat(beat)), ("damaged", b"{")])
    sight = look(tree, beats, 5)
    assert sight.queues[0].is_paused
    assert sight.flags == Flags(stop=True)
    assert sight.triggers == TriggerSight(next_ms=7, is_running=True)
    assert sight.beats == [beat]


def test_a_look_is_bounded_and_says_what_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MONITOR_TYPES_MAX", 3)
    monkeypatch.setattr(module, "MONITOR_TRIGGERS_MAX", 1)
    tree = MemoryTree()
    for name in ("a", "b", "c"):
        queue = QueueOnDisk(tree, name)
        queue.say(*[submitted(f"{name}{n}", f"type{n}") for n in range(2)])
    for number in range(2):
        path = ("triggers", "live", f"t{number}")
        tree.put(path, encode_progress(Progress(State.LIVE, 0, 9, 0)))
    sight = seen(tree)
    assert [(len(each.types), each.has_more_types) for each in sight.queues] == [
        (2, False),
        (1, True),
        (0, True),
    ]
    assert [each.live for each in sight.queues] == [2, 2, 2], "the sums are whole"
    assert sight.triggers.has_more


@pytest.mark.parametrize("raw", [b"\xff", b"{}", b"7"])
@pytest.mark.parametrize(
    "path", [FLAGS_PATH, ("triggers", "live", "t"), ("queues", "heads", "default")]
)
def test_a_damaged_row_is_named(path: tuple[str, ...], raw: bytes) -> None:
    tree = MemoryTree()
    QueueOnDisk(tree)
    tree.put(path, raw)
    with pytest.raises(StoreError, match="restore the data folder from a copy"):
        seen(tree)


def test_what_a_worker_has_no_lease_of_any_more_it_does_not_run(
    beats: BeatStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was killed, say: its job waits again, or is with another one, long before it is stale."""
    tree = MemoryTree()
    queue = QueueOnDisk(tree)
    queue.say(submitted("one"), submitted("two"), granted("one", "two"))
    jobs = [RunningJob(name, "t", 1) for name in ("one", "two", "forgotten")]
    elsewhere = status_of("v", 1, jobs[0], queue="nobody")
    said = {"w": status_of("w", 1, *jobs), "v": elsewhere}
    beats.change([(name, encode_beat(Beat(each, 3))) for name, each in said.items()])

    def running() -> list[list[str]]:
        return [[job.id for job in each.status.running] for each in look(tree, beats, 5).beats]

    assert running() == [[], ["one", "two"]]
    queue.say(cancelled("one"))
    assert running() == [[], ["two"]]
    queue.say(cancelled("two"))
    sight = look(tree, beats, 5)
    assert (idle_of(sight).is_idle, summary_of(sight.beats)) == (True, [])
    monkeypatch.setattr(module, "MONITOR_LEASED_MAX", 1)
    queue.say(submitted("a"), submitted("b"), granted("a", "b"))
    assert running() == [[], ["one", "two", "forgotten"]], "there are more than are looked at"


def test_a_look_reads_no_settings() -> None:
    """They may be long, and it comes once in a second."""
    tree = MemoryTree()
    queue = QueueOnDisk(tree, "q")
    queue.say({"event": "settings", "change": {"paused": True}})
    tree.put(settings_path("q"), b"no JSON")
    assert seen(tree).queues[0].is_paused


def pass_on(environment: Environment, stop: threading.Event) -> None:
    """Have one job always be somewhere: it goes from queue to queue, and comes before it goes."""
    tree = LmdbTree(environment)
    queues = [QueueOnDisk(tree, name) for name in ("a", "b")]
    queues[0].say(submitted("j0"))
    number = 0
    while not stop.is_set():
        here, there = queues[number % 2], queues[(number + 1) % 2]
        coming = there.rows(submitted(f"j{number + 1}"))
        tree.change([*coming, *here.rows(cancelled(f"j{number}"))])
        number += 1


class Torn(MemoryTree):
    """A planted fault: something happens between two reads of one look."""

    def __init__(self) -> None:
        super().__init__()
        self.between: Callable[[], object] = lambda: None

    def get_all(self, paths: Sequence[TreePath]) -> list[bytes | None]:
        found = [super(Torn, self).get_all([path])[0] for path in paths[:-1]]
        self.between()
        return [*found, *super().get_all(paths[-1:])]


def test_idle_is_never_said_while_a_job_goes_from_queue_to_queue(tmp_path: Path) -> None:
    environment = Environment.open_writer(tmp_path / "log", is_synced=False)
    tree = LmdbTree(environment)
    stop = threading.Event()
    thread = threading.Thread(target=pass_on, args=(environment, stop))
    thread.start()
    try:
        while tree.get(name_path("b")) is None or not seen(tree).queues[0].states:
            pass
        assert not any(idle_of(seen(tree)).is_idle for _ in range(300))
    finally:
        stop.set()
        thread.join()
        environment.close()


def test_reads_that_are_not_of_one_moment_would_say_it() -> None:
    """The test above can fail: a job goes from the queue read last to the one read first."""
    tree = Torn()
    first, last = QueueOnDisk(tree, "a"), QueueOnDisk(tree, "b")
    last.say(submitted("j0"))
    assert not idle_of(seen(tree)).is_idle

    def pass_it_on() -> None:
        first.say(submitted("j1"))
        last.say(cancelled("j0"))

    tree.between = pass_it_on
    assert idle_of(seen(tree)).is_idle, "though there was a job at every moment"


def test_a_glance_at_triggers_reads_no_more_than_it_says() -> None:
    tree = MemoryTree()
    for number in range(5):
        tree.put(("triggers", "live", f"t{number}"), b"x")
    assert trigger_rows.TriggerRows(tree).glance(3) == ([b"x"] * 3, False)
