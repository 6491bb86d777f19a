"""Looking at queues from the rows: pages of jobs."""

from __future__ import annotations

from collections.abc import Sequence

from seriatim.actors.queue.reader import QueueReader
from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import PAGE_DEFAULT
from seriatim.store.tree.memory_tree import MemoryTree
from tests.support.queues_on_disk import QueueOnDisk, submitted

COMMON = 3 * PAGE_DEFAULT


class Counting(MemoryTree):
    """A tree that knows how often, and how many, rows of a group were read."""

    reads = 0

    def values(
        self, path: tuple[str, ...], *, after: str | None = None, limit: int = 1
    ) -> Sequence[tuple[str, bytes]]:
        self.reads += 1
        return super().values(path, after=after, limit=limit)


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
