"""seriatim: a durable, verifiable message scheduler. One after another.

``async with seriatim.open(path) as node:`` opens a node in your own program;
``seriatim.open_blocking`` is its blocking twin. The names load when they are first used, so that
importing a part of the package does not import all of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seriatim.actors.app.app import App
    from seriatim.actors.app.handle import Handle
    from seriatim.actors.app.job_function import JobFunction
    from seriatim.actors.app.mapped_file import MappedFile
    from seriatim.actors.embedding.blocking import BlockingNode, open_blocking
    from seriatim.actors.embedding.node import (
        Computed,
        EmbeddedNode,
        Entry,
        Receipt,
        open,  # noqa: A004  # public
    )
    from seriatim.actors.embedding.triggers import Fire, Occurrence, Trigger
    from seriatim.actors.executor.context import JobContext, current_job
    from seriatim.actors.proof import Report
    from seriatim.formats.errors import JobError, SchedulerError
    from seriatim.formats.folds.fold import Fold, Outcome, Step, Verdict, fold
    from seriatim.formats.signing.scheme import WalletKind
    from seriatim.formats.signing.wallet import Wallet, generate, wallet_from_json
    from seriatim.gateway.remote_jobs import connect, connect_blocking

__all__ = [
    "App",
    "BlockingNode",
    "Computed",
    "EmbeddedNode",
    "Entry",
    "Fire",
    "Fold",
    "Handle",
    "JobContext",
    "JobError",
    "JobFunction",
    "MappedFile",
    "Occurrence",
    "Outcome",
    "Receipt",
    "Report",
    "SchedulerError",
    "Step",
    "Trigger",
    "Verdict",
    "Wallet",
    "WalletKind",
    "connect",
    "connect_blocking",
    "current_job",
    "fold",
    "generate",
    "open",
    "open_blocking",
    "wallet_from_json",
]

__version__ = "0.1.0"

_HOMES = {
    "App": "seriatim.actors.app.app",
    "Handle": "seriatim.actors.app.handle",
    "JobFunction": "seriatim.actors.app.job_function",
    "MappedFile": "seriatim.actors.app.mapped_file",
    "JobContext": "seriatim.actors.executor.context",
    "connect": "seriatim.gateway.remote_jobs",
    "connect_blocking": "seriatim.gateway.remote_jobs",
    "current_job": "seriatim.actors.executor.context",
    "JobError": "seriatim.formats.errors",
    "BlockingNode": "seriatim.actors.embedding.blocking",
    "open_blocking": "seriatim.actors.embedding.blocking",
    "Computed": "seriatim.actors.embedding.node",
    "EmbeddedNode": "seriatim.actors.embedding.node",
    "Entry": "seriatim.actors.embedding.node",
    "Fire": "seriatim.actors.embedding.triggers",
    "Occurrence": "seriatim.actors.embedding.triggers",
    "Receipt": "seriatim.actors.embedding.node",
    "Trigger": "seriatim.actors.embedding.triggers",
    "Report": "seriatim.actors.proof",
    "open": "seriatim.actors.embedding.node",
    "SchedulerError": "seriatim.formats.errors",
    "Wallet": "seriatim.formats.signing.wallet",
    "Fold": "seriatim.formats.folds.fold",
    "Outcome": "seriatim.formats.folds.fold",
    "Step": "seriatim.formats.folds.fold",
    "Verdict": "seriatim.formats.folds.fold",
    "fold": "seriatim.formats.folds.fold",
    "WalletKind": "seriatim.formats.signing.scheme",
    "generate": "seriatim.formats.signing.wallet",
    "wallet_from_json": "seriatim.formats.signing.wallet",
}


def __getattr__(name: str) -> Any:  # whatever has that name
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'seriatim' has no attribute {name!r}")
    return getattr(import_module(home), name)
