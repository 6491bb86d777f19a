"""A queue that is checked from its folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest

from seriatim.actors.offline import open_offline
from seriatim.actors.queue.verify import verify_queue
from seriatim.formats.errors import NotFoundError
from seriatim.formats.jobs.rows import (
    head_path,
    name_path,
    settings_path,
    state_group,
    type_path,
)
from seriatim.formats.jobs.state import JobState
from seriatim.store.environment import Environment
from seriatim.store.folder import DataFolder
from seriatim.store.tree.lmdb_tree import LmdbTree
from tests.support.sample_app import add, app, fail

pytestmark = pytest.mark.asyncio

Row = tuple[tuple[str, ...], bytes | None]


async def test_a_queue_is_what_its_log_says(tmp_path: Path) -> None:
    async with app.open(tmp_path) as running:
        for number in range(5):
            await add.options(unique=str(number)).submit(number)
        await fail.options(retries=0).submit("key")
        await running.drain()
    with open_offline(tmp_path) as folder:
        found = folder.verify_queue("default")
        assert found.slots > 5
        assert found.rows > 11
        assert found.differs == ()
        assert folder.verify_queue("heavy").differs == ()
        with pytest.raises(NotFoundError):
            folder.verify_queue("none")


@contextmanager
def rows_of(folder: Path) -> Iterator[LmdbTree]:
    """Have somebody at the rows of *folder*, behind everybody's back."""
    environment = Environment.open_writer(DataFolder(folder).log)
    yield LmdbTree(environment)
    environment.close()


def change_a_job(tree: LmdbTree) -> Row:
    group = state_group("default", JobState.DONE)
    path = (*group, tree.list(group)[0])
    return path, (tree.get(path) or b"").replace(b"done", b"dead")


def take_a_job_away(tree: LmdbTree) -> Row:
    return change_a_job(tree)[0], None


def add_a_type(tree: LmdbTree) -> Row:
    del tree
    return type_path("default", "nobody"), b'{"done":1}'


def change_a_setting(tree: LmdbTree) -> Row:
    del tree
    return settings_path("heavy"), b'{"paused":true}'


def add_a_job(tree: LmdbTree) -> Row:
    group = state_group("default", JobState.DONE)
    row = tree.get((*group, tree.list(group)[0]))
    return (*state_group("heavy", JobState.DONE), "another"), row


def take_the_head_away(tree: LmdbTree) -> Row:
    del tree
    return head_path("default"), None


def damage_the_head(tree: LmdbTree) -> Row:
    del tree
    return head_path("default"), b"no JSON"


def put_the_head_back(tree: LmdbTree) -> Row:
    path = head_path("default")
    said = orjson.loads(tree.get(path) or b"")
    return path, orjson.dumps({**said, "slot": said["slot"] - 1})


def name_no_process(tree: LmdbTree) -> Row:
    del tree
    return name_path("default"), bytes(32)


FAULTS = [
    change_a_job,
    take_a_job_away,
    add_a_type,
    change_a_setting,
    add_a_job,
    take_the_head_away,
    damage_the_head,
    put_the_head_back,
    name_no_process,
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_each_fault_is_named(tmp_path: Path, fault: Callable[[LmdbTree], Row]) -> None:
    """The queue ``heavy`` has no slot but the first one: that is checked, too."""
    async with app.open(tmp_path) as running:
        await add.submit(1)
        await running.drain()
    with rows_of(tmp_path) as tree:
        path, row = fault(tree)
        assert tree.get(path) != row
        tree.change([(path, row)])
    with open_offline(tmp_path) as folder:
        found = [folder.verify_queue(queue).differs for queue in ("default", "heavy")]
    assert path in found
    assert len([each for each in found if each]) == 1


async def test_rows_that_have_stayed_behind_the_log_are_found(tmp_path: Path) -> None:
    async with app.open(tmp_path, work=False):
        await add.options(id="one").submit(1)
    kept = {}
    with rows_of(tmp_path) as tree:
        for path in [head_path("default"), type_path("default", "add")]:
            kept[path] = tree.get(path)
    async with app.open(tmp_path, work=False):
        await add.options(id="two").submit(1)
    with rows_of(tmp_path) as tree:
        gone = (*state_group("default", JobState.PENDING), "two")
        tree.change([*kept.items(), (gone, None)])
    with open_offline(tmp_path) as folder:
        assert folder.verify_queue("default").differs == gone


async def test_a_queue_is_checked_while_its_node_runs(tmp_path: Path) -> None:
    async with app.open(tmp_path) as running:
        log, tree = running.node._node._log, running.queues._world.tree
        for number in range(20):
            await add.submit(number)
            assert verify_queue(log, tree, "default").differs == ()
        await running.drain()
