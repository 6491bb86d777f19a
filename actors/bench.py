"""Filling a data folder without a node: what ``seriatim bench`` reads and starts on.

Writes through the same writer as a node does, in batches as big as a transaction bears. Nothing
here runs in a node.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Final

from seriatim.actors.scheduler.handlers import make_writer
from seriatim.formats.schedule.assignment import Block, Draft
from seriatim.formats.schedule.submission import Submission
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.wallet import Wallet
from seriatim.store.environment import Environment
from seriatim.store.folder import DataFolder
from seriatim.store.lmdb_log import LmdbLog

BATCH_SLOTS: Final = 8_192
FIRST_TIMESTAMP_MS: Final = 1_700_000_000_000


def fill_folder(
    path: Path, submissions: Iterable[Submission], *, variant: Variant, wallet: Wallet | None
) -> None:
    """Give each of *submissions* its slot in the new data folder *path*, durably.

    Args:
        path: made here.
        submissions: what clients would have sent, the spawn of a process before its messages;
            nothing is verified.
        variant: of all the processes.
        wallet: signs where *variant* is signed.

    Raises:
        StoreError: the folder cannot be used.
    """
    folder = DataFolder(path)
    folder.create()
    environment = Environment.open_writer(folder.log)
    log = LmdbLog(environment)
    writer = make_writer(environment, wallet)
    slots: dict[bytes, int] = {}
    rest = iter(submissions)
    try:
        while batch := list(islice(rest, BATCH_SLOTS)):
            writer.write([_place(submission, slots, variant) for submission in batch])
    finally:
        writer.close()
        log.close()


def _place(submission: Submission, slots: dict[bytes, int], variant: Variant) -> Draft:
    """Return *submission* at the next slot of its process, which *slots* counts."""
    slot = slots.get(submission.process, 0)
    slots[submission.process] = slot + 1
    return Draft(
        submission.process,
        slot,
        variant,
        FIRST_TIMESTAMP_MS + slot,
        submission.kind,
        submission.message_id,
        submission.message,
        submission.path,
        submission.excludes,
        Block(),
    )
