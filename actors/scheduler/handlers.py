"""What runs off the event loop: the writer's and the verifier's batch handlers.

Each comes in two forms: for a thread, on values; and for a child OS process, on the plain values
that CBOR can carry (``*_child`` factories, named by the node when it starts the child).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Final

from seriatim.actors.scheduler.writer import Copied, Job, Sealed, TreeValues, Writer
from seriatim.formats.errors import (
    BadSignatureError,
    CommitmentError,
    FormatError,
    MalformedError,
    StoreError,
    WeakKeyError,
)
from seriatim.formats.schedule.assignment import Block, Draft, Rows
from seriatim.formats.schedule.record import Kind
from seriatim.formats.schedule.stored_message import StoredMessage
from seriatim.formats.schedule.upload import Part
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.wallet import Wallet, wallet_from_json
from seriatim.store.environment import Environment
from seriatim.store.lmdb_log import LmdbLog
from seriatim.store.log import Log, Rendition, Uploaded
from seriatim.store.tree.lmdb_tree import LmdbTree

WRITER_CHILD: Final = "seriatim.actors.scheduler.handlers:writer_child"
VERIFIER_CHILD: Final = "seriatim.actors.scheduler.handlers:verifier_child"

EXIT_POISONED: Final = 74

_RSA: Final = 1
_ERRORS: Final = {error.code: error for error in (CommitmentError, BadSignatureError, WeakKeyError)}

Verdict = CommitmentError | FormatError | None


def make_writer(
    environment: Environment, wallet: Wallet | None, *, uploads: Collection[Kind] = ()
) -> Writer:
    """Return the writer of *environment*, with a thread per core where signatures are slow.

    What it writes at once is one transaction: assignments, values of the tree, whatever there is.
    """
    slow = wallet is not None and wallet.signature_type == _RSA
    return Writer(
        LmdbLog(environment),
        wallet,
        os.urandom,
        tree=LmdbTree(environment),
        signers=(os.cpu_count() or 1) if slow else 1,
        uploads=uploads,
        together=environment.writing,
    )


def verify_messages(messages: Sequence[StoredMessage]) -> list[Verdict]:
    """Return, for each message, ``None`` when its signature holds, else what is wrong."""
    return [_verify(message) for message in messages]


def _verify(message: StoredMessage) -> Verdict:
    try:
        message.verify()
    except (CommitmentError, FormatError) as error:
        return error
    return None


def writer_init(path: Path, wallet_json: bytes, uploads: Collection[Kind] = ()) -> bytes:
    """Return what `writer_child` needs.

    Args:
        path: the environment's folder.
        wallet_json: the wallet, or nothing.
        uploads: the kinds of messages that are uploaded.
    """
    return os.fsencode(path) + b"\0" + bytes([len(uploads), *uploads]) + wallet_json


def writer_child(init: bytes) -> Callable[[list[list[Any]]], list[list[bytes]]]:
    """Return a child's writer; *init* is made by `writer_init`."""
    path, _, rest = init.partition(b"\0")
    uploads = [Kind(each) for each in rest[1 : 1 + rest[0]]]
    wallet_json = rest[1 + rest[0] :]
    wallet = wallet_from_json(wallet_json) if wallet_json else None
    environment = Environment.open_writer(Path(os.fsdecode(path)))
    writer = make_writer(environment, wallet, uploads=uploads)

    def handle(batch: list[list[Any]]) -> list[list[bytes]]:
        try:
            seals = writer.write([_JOB_READERS[kind](*fields) for kind, *fields in batch])
        except StoreError:
            _exit_if_poisoned(LmdbLog(environment))
            raise
        return [list(sealed) for sealed in seals]

    return handle


def _exit_if_poisoned(log: Log) -> None:
    """End the child, and with it the node, when the environment refuses to be read too.

    LMDB refuses everything after a failed write of its meta page, until it is opened again.
    """
    try:
        log.processes(limit=1)
    except StoreError as error:
        raise SystemExit(EXIT_POISONED) from error


def verifier_child(init: bytes) -> Callable[[list[list[Any]]], list[list[str] | None]]:
    """Return a child's verifier; it needs no *init*."""
    del init

    def handle(batch: list[list[Any]]) -> list[list[str] | None]:
        messages = [StoredMessage(Kind(kind), raw) for kind, raw in batch]
        return [_verdict_to_plain(verdict) for verdict in verify_messages(messages)]

    return handle


def jobs_to_plain(jobs: Sequence[Job]) -> list[list[Any]]:
    """Return *jobs* as CBOR can carry them: what each one is, and its fields."""
    return [
        [0, *job[:9], *job.block, job.dedupe_key, job.rows]
        if isinstance(job, Draft)
        else [_JOB_KINDS.index(type(job)), *job]
        for job in jobs
    ]


def messages_to_plain(messages: Sequence[StoredMessage]) -> list[list[Any]]:
    """Return *messages* as CBOR can carry them."""
    return [list(message) for message in messages]


def seals_from_plain(plain: list[list[bytes]]) -> list[Sealed]:
    """Return the seals that *plain* was."""
    return [Sealed(*each) for each in plain]


def verdicts_from_plain(plain: list[list[str] | None]) -> list[Verdict]:
    """Return the verdicts that *plain* was."""
    return [None if each is None else _error_from_plain(*each) for each in plain]


def _error_from_plain(code: str, sentence: str) -> CommitmentError | FormatError:
    known = _ERRORS.get(code)
    return MalformedError(sentence, code=code) if known is None else known(sentence)


def _verdict_to_plain(verdict: Verdict) -> list[str] | None:
    return None if verdict is None else [verdict.code, str(verdict)]


def _draft_from_plain(*fields: Any) -> Draft:
    process, slot, variant, timestamp_ms, kind, message_id, message, path, excludes = fields[:9]
    return Draft(
        process,
        slot,
        Variant(variant),
        timestamp_ms,
        Kind(kind),
        message_id,
        message,
        path,
        tuple(excludes),
        Block(*fields[9:12]),
        fields[12],
        _rows_from_plain(fields[13]),
    )


def _rows_from_plain(rows: list[list[Any]]) -> Rows:
    return tuple((tuple(path), value) for path, value in rows)


# A job is its place in these two, and its fields.
_JOB_KINDS: Final = (Draft, Rendition, TreeValues, Uploaded, Copied)
_JOB_READERS: Final[tuple[Callable[..., Job], ...]] = (
    _draft_from_plain,
    Rendition,
    lambda rows: TreeValues(_rows_from_plain(rows)),
    lambda sequence, process, slot, parts: Uploaded(sequence, process, slot, Part(parts)),
    lambda process, first, mark, records: Copied(
        process, first, (tuple(mark[0]), mark[1]), tuple(records)
    ),
)
