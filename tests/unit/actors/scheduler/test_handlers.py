"""What crosses to a child and back: drafts, seals and verdicts, as plain values and whole again."""

from __future__ import annotations

from pathlib import Path

import cbor2
import pytest

from seriatim.actors.scheduler import handlers
from seriatim.actors.scheduler.handlers import (
    EXIT_POISONED,
    jobs_to_plain,
    messages_to_plain,
    seals_from_plain,
    verdicts_from_plain,
    verifier_child,
    writer_child,
    writer_init,
)
from seriatim.formats.errors import (
    BadSignatureError,
    CommitmentError,
    MalformedError,
    SchedulerError,
    SlotConflictError,
    StoreError,
    WeakKeyError,
)
from seriatim.formats.schedule.audit import Audit
from seriatim.formats.schedule.record import Kind, Record
from seriatim.formats.schedule.stored_message import StoredMessage
from seriatim.formats.schedule.variant import Variant
from seriatim.store.lmdb_log import LmdbLog
from tests.support.builders import NODE, every_kind, message_item
from tests.support.records import make_id
from tests.support.strategies import known_wallet


@pytest.mark.parametrize("variant", Variant)
def test_a_childs_writer_makes_drafts_durable_that_came_as_plain_values(
    tmp_path: Path, variant: Variant
) -> None:
    wallet = known_wallet(NODE).to_json() if variant.signed else b""
    handle = writer_child(writer_init(tmp_path / "log", wallet))
    batch = every_kind(variant)
    answer = handle(cbor2.loads(cbor2.dumps(jobs_to_plain(batch))))
    seals = seals_from_plain(cbor2.loads(cbor2.dumps(answer)))
    audit = Audit(batch[0].process)
    for each, sealed in zip(batch, seals, strict=True):
        record = Record(
            variant,
            each.kind,
            each.timestamp_ms,
            each.message_id,
            *sealed[:2],
            each.message,
            sealed.assignment,
        )
        audit.add(each.slot, record)
    with pytest.raises(SlotConflictError):
        handle(jobs_to_plain(batch[:1]))


def test_a_childs_writer_goes_on_after_a_batch_that_it_refused(tmp_path: Path) -> None:
    handle = writer_child(writer_init(tmp_path / "log", b""))
    batch = every_kind(Variant.NATIVE)
    with pytest.raises(SlotConflictError):
        handle(jobs_to_plain(batch[1:]))
    assert len(handle(jobs_to_plain(batch))) == len(batch)


class FailingLog(LmdbLog):
    """A log that cannot be written, and perhaps not even read."""

    is_readable = True

    def append(self, batch: object, uploaded: object = ()) -> int:
        raise StoreError("planted")

    def processes(self, *, after: bytes | None = None, limit: int) -> list[bytes]:
        if not self.is_readable:
            raise StoreError("planted again")
        return super().processes(after=after, limit=limit)


def test_a_childs_writer_ends_when_its_store_cannot_even_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "LmdbLog", FailingLog)
    handle = writer_child(writer_init(tmp_path / "log", b""))
    batch = jobs_to_plain(every_kind(Variant.NATIVE))
    with pytest.raises(StoreError, match="planted"):
        handle(batch)
    monkeypatch.setattr(FailingLog, "is_readable", False)
    with pytest.raises(SystemExit) as caught:
        handle(batch)
    assert caught.value.code == EXIT_POISONED


def test_verdicts_come_back_as_the_errors_that_they_were() -> None:
    good = bytes(message_item(make_id("p"), "good").raw)
    bad = bytearray(good)
    bad[-1] ^= 1
    handle = verifier_child(b"")
    batch = messages_to_plain([StoredMessage(Kind.ITEM, raw) for raw in (good, bytes(bad), good)])
    verdicts = verdicts_from_plain(cbor2.loads(cbor2.dumps(handle(batch))))
    assert [type(each) for each in verdicts] == [type(None), BadSignatureError, type(None)]
    assert str(verdicts[1])


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("bad_signature", BadSignatureError),
        ("weak_key", WeakKeyError),
        ("bad_commitment", CommitmentError),
        ("bad_commitments", MalformedError),
        ("from the future", MalformedError),
    ],
)
def test_every_code_of_a_verdict_has_its_error(code: str, kind: type[SchedulerError]) -> None:
    (verdict,) = verdicts_from_plain([[code, "the sentence"]])
    assert type(verdict) is kind
    assert str(verdict) == "the sentence"
