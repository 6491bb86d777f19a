"""Looking at queues from the rows: pages of jobs, and what they have printed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson
import pytest

from seriatim.actors.queue.load import load_fold
from seriatim.actors.queue.output import output_rows
from seriatim.actors.queue.reader import QueueReader
from seriatim.formats.errors import StoreError
from seriatim.formats.jobs.rows import (
    head_path,
    job_path,
    open_path,
    output_path,
    settings_path,
    type_path,
)
from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import PAGE_DEFAULT
from seriatim.store.tree.memory_tree import MemoryTree
from seriatim.store.tree.tree import Tree
from tests.support.queues_on_disk import QueueOnDisk, submitted

COMMON = 3 * PAGE_DEFAULT


class Counting(MemoryTree):
    """A tree that knows how often, and how many, rows of a group were read."""

    reads = found = 0

    def values(
        self, path: tuple[str, ...], *, after: str | None = None, limit: int = 1
    ) -> Sequence[tuple[str, bytes]]:
        self.reads += 1
        return super().values(path, after=after, limit=limit)

    def names(self, path: tuple[str, ...], *, after: str | None, limit: int) -> Sequence[str]:
        found = super().names(path, after=after, limit=limit)
        self.found += len(found)
        return found


OF_ANOTHER_VERSION = [
    {"settings": {"paused": True}},
    {"paused": None},
    {"slot": "7"},
]


@pytest.mark.parametrize("change", OF_ANOTHER_VERSION)
@pytest.mark.parametrize("read", [load_fold, lambda name, tree: QueueReader(tree).now(name)])
def test_the_head_of_another_version_is_refused_and_no_queue_without_settings(
    read: Callable[[str, Tree], object], change: dict[str, Any]
) -> None:
    """A paused queue would run: it has had its settings in the head."""
    tree = MemoryTree()
    QueueOnDisk(tree)
    head = {**orjson.loads(tree.get(head_path("default")) or b""), **change}
    said = {key: value for key, value in head.items() if value is not None}
    tree.put(head_path("default"), orjson.dumps(said))
    with pytest.raises(StoreError, match=r"queue default: its head .* export the queue and import"):
        read("default", tree)


DAMAGED: dict[str, tuple[tuple[str, ...], Callable[[QueueReader], object]]] = {
    "a job": (job_path("default", JobState.PENDING, "job"), lambda r: r.job("default", "job")),
    "a job that is looked for": (
        job_path("default", JobState.PENDING, "job"),
        lambda r: r.find("job"),
    ),
    "a job of a page": (
        job_path("default", JobState.PENDING, "job"),
        lambda r: r.page("default", states=[JobState.PENDING], limit=1),
    ),
    "settings": (settings_path("default"), lambda r: r.now("default")),
    "a type": (type_path("default", "a"), lambda r: r.numbers("default", "a")),
    "types": (type_path("default", "a"), lambda r: list(r.types("default"))),
    "what was leased": (open_path("default", 0), lambda r: r.open_after("default", 0)),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_a_damaged_row_is_an_error_of_the_store_and_of_no_request(what: str) -> None:
    path, read = DAMAGED[what]
    tree = MemoryTree()
    QueueOnDisk(tree).say(submitted("job", "a"))
    tree.put(path, b"[7")
    with pytest.raises(StoreError, match=r"queue default.*; restore the data folder from a copy$"):
        read(QueueReader(tree))


def test_settings_that_are_no_map_are_a_damaged_row() -> None:
    tree = MemoryTree()
    QueueOnDisk(tree)
    tree.put(settings_path("default"), b"[]")
    with pytest.raises(StoreError, match="settings: expected a map"):
        load_fold("default", tree)


def test_jobs_of_a_rare_type_are_found_in_few_reads() -> None:
    tree = Counting()
    queue = QueueOnDisk(tree)
    queue.say(
        *(submitted(f"job-{number:04d}", "common") for number in range(COMMON)),
        submitted("rare-1", "rare"),
        submitted("rare-2", "rare"),
    )
    reader = QueueReader(tree)
    page = reader.page("default", states=[JobState.PENDING], kind="rare", limit=1)
    assert [job.id for job in page.jobs] == ["rare-1"]
    assert tree.reads <= COMMON // PAGE_DEFAULT + 1
    rest = reader.page("default", states=[JobState.PENDING], kind="rare", after=page.after, limit=1)
    assert [job.id for job in rest.jobs] == ["rare-2"]


def test_a_page_reads_no_more_large_rows_at_once_than_it_has_room_for() -> None:
    """Each may be a megabyte, and a page is bounded in bytes, too."""
    tree = Counting()
    queue = QueueOnDisk(tree)
    queue.say(*(submitted(f"job-{number:04d}", "a") for number in range(COMMON)))
    page = QueueReader(tree).page("default", states=[JobState.PENDING], limit=COMMON)
    assert (len(page.jobs), tree.reads) == (COMMON, COMMON // PAGE_DEFAULT)


def test_what_one_job_has_printed_is_found_without_what_all_others_have() -> None:
    tree = Counting()
    jobs = [f"job-{number:04d}" for number in range(COMMON)]
    tree.change([(output_path("default", job, 7, 0), job.encode()) for job in jobs])
    reader = QueueReader(tree)
    assert [data for _, data in reader.output("default", jobs[1])] == [b"job-0001"]
    assert output_rows(tree, "default", jobs[1]) == [output_path("default", jobs[1], 7, 0)]
    assert list(reader.output("default", "job-0001x")) == []
    assert tree.found < PAGE_DEFAULT


def test_much_that_a_job_has_printed_is_read_in_its_order_from_any_piece_on() -> None:
    tree = MemoryTree()
    pieces = [(token, number) for token in (3, 12) for number in range(40)]
    tree.change([(output_path("default", "a", *each), repr(each).encode()) for each in pieces])
    found = list(QueueReader(tree).output("default", "a"))
    assert [data for _, data in found] == [repr(each).encode() for each in pieces]
    for at in (0, 15, 16, 41, 79):
        assert list(QueueReader(tree).output("default", "a", found[at][0])) == found[at + 1 :]
