"""A contender: a product that runs jobs, and all that the run has to know of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple, Protocol

from seriatim.gateway.bench.figure import Aim


class Server(Protocol):
    """A server that contenders need, started for one of them and ended with it."""

    @property
    def name(self) -> str:
        """Its name among the URLs of a stage."""

    def missing(self) -> str | None:
        """Return what to install, or ``None`` where it can be started."""

    def serving(self, folder: Path) -> AbstractContextManager[str]:
        """Run it on *folder*, which is empty, for as long as the block runs.

        Gives its URL, in which is all that a client needs, such as a password.

        Raises:
            UnavailableError: it does not start.
        """


class Twin(NamedTuple):
    """A contender that one of ours is beside, because one thing is otherwise.

    Attributes:
        name: of the twin.
        jobs: what jobs per second are to be, of the twin's.
        pick_up: what the time to pick a job up is to be, of the twin's; ``None`` without an aim.
    """

    name: str
    jobs: Aim
    pick_up: Aim | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One product, and how its OS processes are started.

    Attributes:
        name: as ``--peers`` takes it, and as the report shows it.
        package: the distribution whose version is reported.
        durability: what is on disk when its enqueue call returns, in one honest line.
        producer: the command that enqueues, to which the four words of an order are added; it calls
            `producer.produce` or `producer.produce_async`.
        worker: the command that runs jobs, by `record.run_job`, and calls `Stage.say_ready` once it
            takes some; ``None`` where the product's own way is one OS process: its producer.
        servers: what has to run before its first command, in their order.
        stalled_s: when none has run for so long, the jobs that are left are lost.
        is_ours: whether it is what the others are the peers of.
        finished: how many jobs it has finished before it is measured, at least; they are run once,
            and each round begins with a copy of its `Stage.data`.
        twin: which one it is held against besides, round by round.
    """

    name: str
    package: str
    durability: str
    producer: Sequence[str]
    worker: Sequence[str] | None = None
    servers: Sequence[Server] = ()
    stalled_s: float = 10.0
    is_ours: bool = False
    finished: int = 0
    twin: Twin | None = None

    def version(self) -> str | None:
        """Return the version that is installed, or ``None``."""
        try:
            return version(self.package)
        except PackageNotFoundError:
            return None

    def missing(self) -> str | None:
        """Return, in one line, what to install so that it can be measured; ``None`` for nothing."""
        wanted = [] if self.version() else [f"{self.package}: pip install 'seriatim[bench]'"]
        wanted += [text for server in self.servers if (text := server.missing())]
        return "; ".join(wanted) or None
