"""Logs outside of a running node: from a data folder or an export file, checked and written.

Everything here reads; the only thing that is written is an export.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

from seriatim.actors.new_file import naming, new_file
from seriatim.actors.offline import open_offline
from seriatim.formats.errors import ChainBrokenError
from seriatim.formats.ids import encode_id
from seriatim.formats.schedule.audit import Audit
from seriatim.formats.schedule.export import ExportHeader, decode_export, encode_header, encode_slot
from seriatim.formats.schedule.record import Record

_MODE: Final = 0o666  # an export is for everybody to check; the umask may say otherwise


class LogCopy(NamedTuple):
    """The log of one process, to be read once.

    Attributes:
        header: its process, its variant, and how many slots it has to have.
        records: ``(slot, record)`` in slot order.
    """

    header: ExportHeader
    records: Iterator[tuple[int, Record]]


class Report(NamedTuple):
    """What an offline check found.

    Attributes:
        process: id of the process, 43 characters, as are all ids here.
        variant: kind of its assignments, such as ``seriatim.1``.
        slots: how many slots were checked, all of them good.
        signatures: how many signatures were verified.
        scheduler: address of the wallet that signed the assignments; ``None`` when unsigned.
        spawner: address of who signed the spawn; ``None`` when unsigned.
    """

    process: str
    variant: str
    slots: int
    signatures: int
    scheduler: str | None
    spawner: str | None


@contextmanager
def open_folder_log(path: Path, process: bytes) -> Iterator[LogCopy]:
    """Open the log of *process* in the data folder *path*, also while a node runs on it.

    Slots that come later are not part of it.

    Raises:
        NotFoundError: no such process in the folder.
        StoreError: there is no store in it.
    """
    with open_offline(path) as folder:
        head = folder.head(process)
        header = ExportHeader(process, head.variant, head.slot + 1)
        yield LogCopy(header, folder.records(process, 0, head.slot))


@contextmanager
def open_export(file: Path) -> Iterator[LogCopy]:
    """Open an export.

    Raises:
        OSError: the file cannot be read.
        MalformedError: it is no export.
    """
    with file.open("rb") as lines:
        yield LogCopy(*decode_export(lines))


def check_log(log: LogCopy, *, on_slot: Callable[[int, int], object] | None = None) -> Report:
    """Check every slot of *log*: chain, ids, signatures, and what each one covers.

    Args:
        log: read to its end.
        on_slot: told after each good slot how many were, and how many there are to be.

    Raises:
        ChainBrokenError: names the slot, what was expected and what is there.
        MalformedError: an export with a line that cannot be read.
    """
    audit = Audit(log.header.process)
    for slot, record in log.records:
        audit.add(slot, record)
        if on_slot is not None:
            on_slot(audit.slots, log.header.slots)
    process, wanted = encode_id(audit.process), log.header.slots
    if audit.slots != wanted:
        raise ChainBrokenError(
            process=process,
            slot=min(audit.slots, wanted),
            expected=f"{wanted} slots",
            given="the end" if audit.slots < wanted else f"{audit.slots} slots",
        )
    return Report(
        process=process,
        variant=log.header.variant.tag,
        slots=audit.slots,
        signatures=audit.signatures,
        scheduler=None if audit.scheduler is None else encode_id(audit.scheduler),
        spawner=None if audit.spawner is None else encode_id(audit.spawner),
    )


def encode_log(log: LogCopy) -> Iterator[bytes]:
    """Yield *log* as the lines of an export, each with its line end."""
    slots = (encode_slot(slot, record) for slot, record in log.records)
    return chain((encode_header(log.header),), slots)


def write_export(log: LogCopy, file: Path) -> None:
    """Write *log* to *file*, which is there when it is whole and durable, and not before.

    A pipe or a device is written to as it is. A symbolic link stays one: the file that it leads
    to is written. A file that was there keeps its permissions.

    Raises:
        OSError: *file* cannot be written; what was there before is as it was.
    """
    with naming(file):
        mode = _mode(file)
        if mode is not None and not stat.S_ISREG(mode):
            with file.open("wb") as lines:
                lines.writelines(encode_log(log))
            return
        with new_file(file.resolve(), mode=_MODE, may_replace=True) as lines:
            if mode is not None:
                os.fchmod(lines.fileno(), stat.S_IMODE(mode))
            lines.writelines(encode_log(log))


def _mode(file: Path) -> int | None:
    """Return what *file* is and who may open it, as ``stat`` has it; ``None``: it is not there."""
    try:
        return file.stat().st_mode
    except FileNotFoundError:
        return None
