"""The outside checker: what a killed node has promised, against what is on its disk.

It opens the store read-only after the node is gone, walks every record itself and shares nothing
with the node's memory. The chain is computed here once more, beside the product's own audit.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

from seriatim.formats.ids import decode_id, encode_id
from seriatim.formats.schedule.audit import Audit
from seriatim.formats.schedule.record import Record
from seriatim.formats.schedule.variant import Variant
from seriatim.store.environment import Environment
from seriatim.store.folder import DataFolder
from seriatim.store.lmdb_log import LmdbLog

Ack = dict[str, Any]


class BrokenPromiseError(Exception):
    """What was acknowledged is not what is on disk."""


def check_store(folder: Path, acks: Iterable[Ack], *, signatures: bool) -> int:
    """Check the processes that *acks* name, whole; return how many records there were.

    Raises:
        BrokenPromiseError: an acknowledged message is lost or moved, a message has two slots,
            the chain is broken, or a client's acknowledged order is not slot order.
        ChainBrokenError: the audit finds a fault.
    """
    by_process: dict[bytes, list[Ack]] = {}
    for ack in acks:
        by_process.setdefault(decode_id(ack["process"]), []).append(ack)
    count = 0
    with closing(LmdbLog(Environment.open_reader(DataFolder(folder).log))) as log:
        for process, promised in by_process.items():
            records = list(log.read_range(process, 0, 1 << 40))
            _check_order(promised)
            _check_process(process, records, signatures=signatures)
            _check_promises(promised, dict(records))
            count += len(records)
    return count


def _check_process(process: bytes, records: list[tuple[int, Record]], *, signatures: bool) -> None:
    audit = Audit(process, signatures=signatures)
    previous: Record | None = None
    seen: set[bytes] = set()
    for expected, (slot, record) in enumerate(records):
        if slot != expected:
            raise BrokenPromiseError(f"slot {slot} follows {expected - 1}")
        if record.message_id in seen:
            raise BrokenPromiseError(f"slot {slot}: its message has another slot too")
        seen.add(record.message_id)
        if record.hash_chain != _chain(process, previous, record):
            raise BrokenPromiseError(f"slot {slot}: the chain is broken")
        audit.add(slot, record)
        previous = record


def _chain(process: bytes, previous: Record | None, record: Record) -> bytes:
    if record.variant is not Variant.LEGACY:
        before = b"" if previous is None else previous.hash_chain
        return sha256(before + encode_id(record.message_id).encode()).digest()
    if previous is None:
        return sha256(process).digest()
    return sha256(previous.assignment_id + previous.hash_chain).digest()


def _check_promises(promised: list[Ack], records: dict[int, Record]) -> None:
    for ack in promised:
        record = records.get(ack["slot"])
        if record is None:
            raise BrokenPromiseError(f"lost: {ack}")
        found = (
            encode_id(record.message_id),
            encode_id(record.hash_chain),
            encode_id(record.assignment_id),
        )
        if found != (ack["message"], ack["chain"], ack["assignment"]):
            raise BrokenPromiseError(f"changed: {ack} is now {found}")


def _check_order(promised: list[Ack]) -> None:
    """A client posts one after the other: what it heard first stands first."""
    by_client: dict[tuple[int, int], list[int]] = {}
    for ack in promised:
        life, client, _ = ack["place"]
        by_client.setdefault((life, client), []).append(ack["slot"])
    for (life, client), slots in by_client.items():
        if any(before >= after for before, after in pairwise(slots)):
            raise BrokenPromiseError(f"life {life}, client {client}: order {slots}")
