"""Cgroups of jobs, in a folder of plain files that stands in for the system's."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from seriatim.actors.executor.bounds import bounds_here
from seriatim.actors.executor.cgroup import Cgroup, Cgroups, CgroupUse, find_cgroups
from seriatim.actors.executor.command import run_command
from seriatim.actors.executor.keepers import Keepers
from seriatim.actors.executor.stop import Stop
from seriatim.actors.executor.world import World, inherited
from seriatim.actors.runtime.clock import ManualClock
from seriatim.formats.jobs.command import Command
from seriatim.formats.jobs.limits import Limits
from seriatim.formats.jobs.outcome import Ending, Outcome


class PlainCgroups(Cgroups):
    """Makes folders in which the files are that the system would have put there."""

    def __init__(self, folder: Path, said: dict[str, str]) -> None:
        super().__init__(folder)
        self.said = said
        self.made: list[Path] = []

    def create(self, limits: Limits) -> Cgroup:
        cgroup = super().create(limits)
        for name, text in {"cgroup.procs": "", "cgroup.kill": "", **self.said}.items():
            (cgroup.folder / name).write_text(text)
        self.made.append(cgroup.folder)
        return cgroup


def run_in(cgroups: Cgroups, *argv: str, limits: Limits) -> Outcome:
    world = World(ManualClock(), inherited(os.environ), Keepers(0), cgroups)

    async def main() -> Outcome:
        return await run_command(
            Command(argv), limits, world=world, output=lambda _: None, stopping=Stop()
        )

    return asyncio.run(main())


def test_a_command_enters_its_cgroup_before_it_begins(tmp_path: Path) -> None:
    cgroups = PlainCgroups(tmp_path, {})
    limits = Limits(memory_bytes=1 << 30, processes=7)
    assert run_in(cgroups, "true", limits=limits).is_success
    (folder,) = cgroups.made
    found = {file.name: file.read_text() for file in folder.iterdir()}
    assert found == {
        "cgroup.procs": "0",
        "cgroup.kill": "1",
        "memory.max": str(1 << 30),
        "memory.oom.group": "1",
        "memory.swap.max": "0",
        "pids.max": "7",
    }


def test_a_job_that_the_system_has_killed_for_its_memory_is_known_by_that(tmp_path: Path) -> None:
    said = {"memory.events": "low 0\noom 1\noom_kill 1\n", "memory.peak": "1048576\n"}
    limits = Limits(memory_bytes=1 << 30)
    outcome = run_in(PlainCgroups(tmp_path, said), "sh", "-c", "kill -9 $$", limits=limits)
    assert (outcome.code, outcome.is_crash) == (Ending.MEMORY, True)
    assert outcome.usage.memory_peak_bytes == 1048576
    # One that has ended well in spite of it has ended well. (And what is left of a worker that was
    # killed is in nobody's way.)
    assert run_in(PlainCgroups(tmp_path, said), "true", limits=limits).is_success


def test_a_cgroup_that_cannot_be_made_is_an_outcome(tmp_path: Path) -> None:
    outcome = run_in(Cgroups(tmp_path / "none"), "true", limits=Limits())
    assert outcome.code is Ending.NOT_STARTED


def test_a_cgroup_that_cannot_be_entered_starts_nothing(tmp_path: Path) -> None:
    outcome = run_in(Cgroups(tmp_path), "true", limits=Limits())  # without cgroup.procs
    assert outcome.code is Ending.NOT_STARTED
    assert "limits cannot be set" in outcome.reason
    assert next(tmp_path.iterdir()).name.startswith("seriatim-job-")


def test_a_cgroup_without_files_has_used_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    assert Cgroup(folder).finish() == CgroupUse()


@pytest.mark.parametrize(
    ("own", "shared", "is_found"),
    [
        ("0::/service/worker\n", "cpu memory pids\n", True),
        ("9:pids:/x\n0::/service/worker\n", "memory pids\n", True),
        ("0::/service/worker\n", "memory\n", False),
        ("0::/\n", "memory pids\n", False),
        ("9:pids:/service/worker\n", "memory pids\n", False),
        ("", "memory pids\n", False),
    ],
)
def test_jobs_have_cgroups_where_the_worker_was_given_a_folder_for_them(
    tmp_path: Path, own: str, shared: str, is_found: bool
) -> None:
    service = tmp_path / "service"
    service.mkdir()
    (service / "cgroup.subtree_control").write_text(shared)
    (service / "cgroup.procs").write_text("")
    (tmp_path / "own").write_text(own)
    found = find_cgroups(tmp_path, tmp_path / "own")
    assert (found is not None) == is_found
    assert found is None or found.folder == service
    assert bounds_here(found).together == is_found
