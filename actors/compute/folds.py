"""The folds that a node is given, and computing with them: in children, or in threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from seriatim.actors.compute.computing import Computing
from seriatim.actors.compute.runner import Runner, Worker
from seriatim.actors.compute.work import (
    FOLD_CHILD,
    Job,
    Ran,
    fold_child_init,
    load_folds,
    ran_from_plain,
    worker,
)
from seriatim.actors.runtime.child_offload import ChildOffload
from seriatim.actors.runtime.offload import ThreadOffload
from seriatim.formats.folds.registry import FoldRegistry

if TYPE_CHECKING:
    from seriatim.actors.compute.computer import World
    from seriatim.actors.runtime.clock import Clock
    from seriatim.formats.folds.fold import Fold


class Folds(NamedTuple):
    """What a node computes with, beside the folds of installed packages.

    Attributes:
        places: ``module:name`` each; found in children too.
        folds: as they are; a node with children cannot have such.
    """

    places: tuple[str, ...] = ()
    folds: tuple[Fold, ...] = ()

    def load(self) -> FoldRegistry:
        """Return all of them.

        Raises:
            UnsupportedError: one cannot be loaded.
            MalformedError: one has a name that none can have.
            RefusedError: two have one name.
        """
        return FoldRegistry([*load_folds(self.places), *self.folds])


def open_computing(
    registry: FoldRegistry, *, places: Sequence[str] | None, world: World, clock: Clock
) -> Computing:
    """Return what computes processes of *world*; nothing is started before it is asked for.

    In children, a fold that does not end is killed. A thread cannot be: it is left behind, and
    another one takes its place.

    Args:
        registry: the folds.
        places: where children find them; ``None`` for threads.
        world: the node's.
        clock: for deadlines.
    """

    async def open_child() -> Worker:
        child: ChildOffload[Job, Ran] = await ChildOffload.start(
            FOLD_CHILD,
            fold_child_init(places or ()),
            name="a fold",
            encode=jobs_to_plain,
            decode=ran_all_from_plain,
            on_death=lambda _: None,  # whoever waits hears of it
        )
        return child

    async def open_thread() -> Worker:
        return await ThreadOffload.start(lambda: worker(registry, clock.monotonic_ms), name="fold")

    is_in_threads = places is None
    runner = Runner(
        open_thread if is_in_threads else open_child, clock, is_killing=not is_in_threads
    )
    return Computing(registry, world, runner)


def jobs_to_plain(jobs: Sequence[Job]) -> list[list[object]]:
    """Return *jobs* as CBOR can carry them."""
    return [list(job) for job in jobs]


def ran_all_from_plain(plain: Sequence[Sequence[object]]) -> list[Ran]:
    """Return the answers that *plain* was."""
    return [ran_from_plain(each) for each in plain]
