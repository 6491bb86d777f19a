"""Ours: in one program, and as a node with a worker and a producer; and twins of the first."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from seriatim.gateway.bench.figure import Aim
from seriatim.gateway.bench.jobs.contender import Contender, Twin
from seriatim.gateway.bench.jobs.ours.node_server import NodeServer

_EMBEDDED: Final = "seriatim.gateway.bench.jobs.ours.embedded"
_REMOTE: Final = "seriatim.gateway.bench.jobs.ours.remote"

WATCHED: Final = "watched"

IN_ONE: Final = Contender(
    name="seriatim",
    package="seriatim",
    durability="one program; synced to LMDB, and chained, before the call returns",
    producer=(sys.executable, "-m", _EMBEDDED),
    is_ours=True,
)

OURS: Final[Sequence[Contender]] = (
    IN_ONE,
    Contender(
        name="seriatim node",
        package="seriatim",
        durability="a node, a worker and a producer over HTTP; as above",
        producer=(sys.executable, "-m", _REMOTE, "produce"),
        worker=(sys.executable, "-m", _REMOTE, "work"),
        servers=(NodeServer(),),
        is_ours=True,
    ),
)


def watched() -> Contender:
    """Return ours in one program, whose folder a monitor looks at once a second."""
    return replace(
        IN_ONE,
        name=f"{IN_ONE.name}, {WATCHED}",
        durability="as seriatim, while seriatim monitor looks at its folder once a second",
        producer=(*IN_ONE.producer, WATCHED),
        twin=Twin(IN_ONE.name, jobs=Aim(0.98)),
    )


def with_finished(count: int) -> Contender:
    """Return ours in one program, in whose queue *count* jobs have ended, or a few more."""
    return replace(
        IN_ONE,
        name=f"{IN_ONE.name}, {count:,} finished",
        durability=f"as seriatim, with {count:,} finished jobs in its queue",
        finished=count,
        twin=Twin(IN_ONE.name, jobs=Aim(0.9), pick_up=Aim(1.1, is_most=True)),
    )
