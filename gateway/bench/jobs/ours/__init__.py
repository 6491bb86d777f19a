"""Ours: in one program, and as a node with a worker and a producer."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from seriatim.gateway.bench.jobs.contender import Contender
from seriatim.gateway.bench.jobs.ours.node_server import NodeServer

_EMBEDDED: Final = "seriatim.gateway.bench.jobs.ours.embedded"
_REMOTE: Final = "seriatim.gateway.bench.jobs.ours.remote"

OURS: Final[Sequence[Contender]] = (
    Contender(
        name="seriatim",
        package="seriatim",
        durability="one program; synced to LMDB, and chained, before the call returns",
        producer=(sys.executable, "-m", _EMBEDDED),
        is_ours=True,
    ),
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
