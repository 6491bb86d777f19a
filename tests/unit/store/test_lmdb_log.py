"""`LmdbLog` keeps the contract of every log, and what it wrote."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from seriatim.formats.errors import CorruptRecordError, StoreError
from seriatim.store.environment import Environment
from seriatim.store.keys import number, place_key
from seriatim.store.lmdb_log import LmdbLog
from seriatim.store.log import Log, Place
from tests.conformance.contracts.log import LogContract
from tests.support.records import make_append, make_appends, make_id, make_record

P = make_id("process p")
Q = make_id("process q")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return where the environment is to be."""
    return tmp_path / "log"


class TestLmdbLog(LogContract):
    """The contract, on disk."""

    def open(self, folder: Path) -> Log:
        """Return an empty log."""
        return LmdbLog(Environment.open_writer(folder))


def test_a_reopened_log_goes_on_where_it_ended(folder: Path) -> None:
    log = LmdbLog(Environment.open_writer(folder))
    log.append([*make_appends(P, range(3)), make_append(Q, 0)])
    log.close()
    log = LmdbLog(Environment.open_writer(folder))
    assert [record for _, record in log.read_range(P, 0, 9)] == [
        make_record(P, slot) for slot in range(3)
    ]
    assert log.append(make_appends(P, [3])) == 4
    assert log.commits(3, 9) == [Place(Q, 0), Place(P, 3)]
    log.close()


def test_a_hole_in_the_log_is_damage_and_not_its_end(folder: Path) -> None:
    environment = Environment.open_writer(folder)
    log = LmdbLog(environment)
    log.append([*make_appends(P, range(4)), make_append(Q, 0)])
    with environment.writing() as transaction:
        transaction.delete(place_key(P, 1), db=environment.database(b"log"))
    items = log.read_range(P, 0, 3)
    assert next(items)[0] == 0
    with pytest.raises(CorruptRecordError, match="missing") as refusal:
        next(items)
    assert refusal.value.slot == 1
    assert [slot for slot, _ in log.read_range(P, 2, 9)] == [2, 3]
    log.close()


def test_a_reader_cannot_append(folder: Path) -> None:
    writer = Environment.open_writer(folder)
    writer.close()
    log = LmdbLog(Environment.open_reader(folder))
    with pytest.raises(StoreError, match="read-only"):
        log.append(make_appends(P, [0]))
    log.close()


def test_views_can_be_dropped_without_touching_the_log(folder: Path) -> None:
    environment = Environment.open_writer(folder)
    log = LmdbLog(environment)
    log.append(make_appends(P, range(3)))
    with environment.writing() as transaction:
        transaction.drop(environment.database(b"views"), delete=False)
    assert list(log.read_views(P, 0, 2, separator=b",")) == []
    assert log.read(P, 2) == make_record(P, 2)
    log.append(make_appends(P, [3]))
    assert list(log.read_views(P, 3, 3, separator=b",")) == [b"view 3"]
    log.close()


def test_a_process_is_known_with_the_sequence_of_its_first_slot(folder: Path) -> None:
    environment = Environment.open_writer(folder)
    log = LmdbLog(environment)
    log.append([*make_appends(P, range(2)), make_append(Q, 0)])
    log.append([make_append(P, 2), make_append(Q, 1)])
    processes = environment.database(b"processes")
    with environment.reading() as transaction:
        stored = {bytes(k): number(v) for k, v in transaction.cursor(processes).iternext()}
    assert stored == {P: 0, Q: 2}
    log.close()


def test_readers_in_other_threads_see_a_batch_whole_or_not_at_all(folder: Path) -> None:
    log = LmdbLog(Environment.open_writer(folder))
    width = 8
    torn: list[list[int]] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            slots = [slot for slot, _ in log.read_range(P, 0, 10_000)]
            if len(slots) % width or slots != list(range(len(slots))):
                torn.append(slots)

    watchers = [threading.Thread(target=watch) for _ in range(2)]
    for watcher in watchers:
        watcher.start()
    try:
        for first in range(0, 20 * width, width):
            log.append(make_appends(P, range(first, first + width)))
    finally:
        done.set()
        for watcher in watchers:
            watcher.join()
    assert torn == []
    log.close()
