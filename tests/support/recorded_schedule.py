"""The process that was recorded of an ao unit: records, replies, and a folder that holds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from seriatim.formats.ids import decode_id
from seriatim.formats.schedule.record import Kind, Record
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.wire import legacy
from seriatim.formats.wire.stored import StoredAssignment
from seriatim.store.environment import Environment
from seriatim.store.folder import DataFolder
from seriatim.store.lmdb_log import LmdbLog
from seriatim.store.log import Append
from tests.support.strategies import KEYS

VECTORS = KEYS.parent / "su-schedule"
SCHEDULE: dict[str, Any] = orjson.loads((VECTORS / "schedule.json").read_bytes())
PID: str = SCHEDULE["processId"]
PROCESS = decode_id(PID)
ENTRIES: list[dict[str, Any]] = SCHEDULE["entries"]


def record_at(nonce: int) -> Record:
    """Return the record from which slot *nonce* was served."""
    entry = ENTRIES[nonce]
    name = {"process": f"{nonce:02}-process.bin", "message": f"{nonce:02}-message.bin"}.get(
        entry["kind"]
    )
    return Record(
        Variant.LEGACY,
        Kind.ITEM if name else Kind.REFERENCE,
        entry["timestamp"],
        decode_id(entry["messageId"]),
        decode_id(entry["assignmentId"]),
        decode_id(entry["hashChain"]),
        (VECTORS / name).read_bytes() if name else b"",
        (VECTORS / f"{nonce:02}-assignment.bin").read_bytes(),
    )


def stored_at(nonce: int) -> StoredAssignment:
    """Return the same with its place."""
    return StoredAssignment(PROCESS, nonce, record_at(nonce))


def recorded(name: str) -> bytes:
    """Return the recorded reply as the unit sends it: the vectors are indented for reading."""
    return orjson.dumps(orjson.loads((VECTORS / f"{name}.json").read_bytes()))


def place_recorded_schedule(path: Path) -> None:
    """Write the recorded process into a data folder as a node would have."""
    folder = DataFolder(path)
    folder.create()
    log = LmdbLog(Environment.open_writer(folder.log))
    appends = []
    for nonce in range(len(ENTRIES)):
        record = record_at(nonce)
        ids = (record.assignment_id,) if nonce == 4 else (record.message_id, record.assignment_id)
        view = legacy.encode_view(StoredAssignment(PROCESS, nonce, record))
        appends.append(Append(PROCESS, nonce, record.encode(), ids, view))
    log.append(appends)
    log.close()
