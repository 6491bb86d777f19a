"""The peers: one file for each, which is its worker and its producer as OS processes of their own.

``python -m seriatim.gateway.bench.jobs.peers.NAME work``, and ``… produce`` with an order, on a
stage. Each uses its product as the product's own pages say, by the settings with which it was seen
to be fastest, but for one: what it enqueues has to be on disk when the call returns. A product is
imported when its file runs only, so that nothing here needs any of them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from seriatim.gateway.bench.jobs.contender import Contender, Server
from seriatim.gateway.bench.jobs.servers import PostgresServer, RedisServer

_REDIS_SYNCED: Final = "Redis syncs its append-only file before it replies (appendfsync always)"
_POSTGRES_SYNCED: Final = "PostgreSQL commits, its log synced (fdatasync), before the call returns"
_POSTGRES: Final = PostgresServer()
_REDIS: Final = RedisServer()


def _peer(
    name: str, module: str, durability: str, *servers: Server, in_one: bool = False
) -> Contender:
    run = (sys.executable, "-m", module)
    return Contender(
        name=name,
        package=name,
        durability=durability,
        producer=(*run, "produce"),
        worker=None if in_one else (*run, "work"),
        servers=servers,
    )


PEERS: Final[Sequence[Contender]] = (
    _peer(
        "huey",
        "seriatim.gateway.bench.jobs.peers.huey",
        "SQLite commits, its log synced (WAL, synchronous=FULL), before the call returns; "
        "a job is taken away when it is handed out, so that a crash loses what was running",
    ),
    _peer(
        "procrastinate",
        "seriatim.gateway.bench.jobs.peers.procrastinate",
        f"{_POSTGRES_SYNCED}; a job whose worker dies waits until somebody has it tried again",
        _POSTGRES,
    ),
    _peer(
        "dramatiq",
        "seriatim.gateway.bench.jobs.peers.dramatiq",
        f"{_REDIS_SYNCED}; a job is acknowledged when it is done",
        _REDIS,
    ),
    _peer(
        "celery",
        "seriatim.gateway.bench.jobs.peers.celery",
        f"{_REDIS_SYNCED}; a job is acknowledged when it is done (acks_late)",
        _REDIS,
    ),
    _peer(
        "rq",
        "seriatim.gateway.bench.jobs.peers.rq",
        f"{_REDIS_SYNCED}; a job whose worker dies is put aside as failed",
        _REDIS,
    ),
    _peer(
        "dbos",
        "seriatim.gateway.bench.jobs.peers.dbos",
        f"{_POSTGRES_SYNCED}; a job goes on where a crash has left it; "
        "producer and worker are one OS process, as its API has it",
        _POSTGRES,
        in_one=True,
    ),
)
