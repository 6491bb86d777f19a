"""A queue that is checked from its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from seriatim.actors.offline import open_offline
from seriatim.formats.errors import NotFoundError
from seriatim.formats.jobs.rows import state_group
from seriatim.formats.jobs.state import JobState
from seriatim.store.environment import Environment
from seriatim.store.folder import DataFolder
from seriatim.store.tree.lmdb_tree import LmdbTree
from tests.support.sample_app import add, app, fail

pytestmark = pytest.mark.asyncio


async def test_a_queue_is_what_its_log_says_until_somebody_changes_a_row(tmp_path: Path) -> None:
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
    environment = Environment.open_writer(DataFolder(tmp_path).log)
    tree = LmdbTree(environment)
    path = (*state_group("default", JobState.DONE), tree.list(("jobs", "default", "done"))[0])
    tree.put(path, (tree.get(path) or b"").replace(b"done", b"dead"))
    environment.close()
    with open_offline(tmp_path) as folder:
        assert folder.verify_queue("default").differs == path
