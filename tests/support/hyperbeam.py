"""What a HyperBEAM node of May 2025 recorded, and HTTP-signed messages of the tests' own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from seriatim.formats.httpsig.canonical import canonical
from seriatim.formats.httpsig.commitments import Fields, sign
from seriatim.formats.ids import b64url_decode, decode_id, encode_id
from seriatim.formats.schedule.assignment import Draft
from seriatim.formats.schedule.http_assignment import (
    assignment_id_text,
    block_of,
    without_body,
)
from seriatim.formats.schedule.record import Kind, Record
from seriatim.formats.schedule.submission import Submission, submit_tabm
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.scheme import WalletKind
from seriatim.formats.signing.wallet import RsaWallet, wallet_from_json
from seriatim.formats.tabm.cbor import encode_cbor
from seriatim.formats.tabm.model import Tabm
from seriatim.formats.tabm.structured import Rich, to_tabm
from seriatim.formats.wire.stored import StoredAssignment
from tests.support.builders import make_draft
from tests.support.notation import tabm
from tests.support.strategies import KEYS, known_wallet

VECTORS = KEYS.parent / "hyperbeam"
SCHEDULER = VECTORS / "scheduler"
HTTP = SCHEDULER / "http"
REPLAYED = sorted(file.name.removesuffix(".request.raw") for file in HTTP.glob("*.raw"))
"""The recorded requests, by name, in the order in which they came."""
PROCESS = decode_id(orjson.loads((SCHEDULER / "info.json").read_bytes())["process-id"])
RECORDED = [
    orjson.loads((SCHEDULER / "assignments" / f"{slot}.json").read_bytes()) for slot in range(10)
]
DATA_ITEM = 4
"""The slot whose message is a data item."""


@cache
def rsa_wallet(path: Path = VECTORS / "wallet-scheduler.json") -> RsaWallet:
    """Return the recorded node's wallet, or that of another file."""
    wallet = wallet_from_json(path.read_bytes())
    assert isinstance(wallet, RsaWallet)
    return wallet


def client_wallet() -> RsaWallet:
    """Return the wallet that signs `http_message`."""
    wallet = known_wallet(WalletKind.RSA)
    assert isinstance(wallet, RsaWallet)
    return wallet


def original(recorded: dict[str, Any]) -> Tabm:
    """Return a recorded assignment as it was signed, whole."""
    found: Tabm = tabm(recorded["original"]["tabm"])
    return found


def body_of(recorded: dict[str, Any]) -> Tabm:
    """Return the message of a recorded assignment."""
    body = original(recorded)["body"]
    assert not isinstance(body, bytes)
    return body


def draft_of(recorded: dict[str, Any]) -> Draft:
    """Return the draft from which our assignment would be the recorded one."""
    submission = submit_tabm(body_of(recorded), process=PROCESS)
    draft = make_draft(submission, recorded["slot"], Variant.HYPERBEAM)
    return draft._replace(
        timestamp_ms=int(recorded["original"]["structured"]["timestamp"]["$int"]),
        block=block_of(original(recorded)),
    )


def stored_of(recorded: dict[str, Any]) -> StoredAssignment:
    """Return a recorded assignment as we would have stored it."""
    draft = draft_of(recorded)
    assignment = original(recorded)
    record = Record(
        draft.variant,
        Kind.TABM,
        draft.timestamp_ms,
        draft.message_id,
        decode_id(assignment_id_text(assignment)),
        b64url_decode(recorded["hash-chain"]),
        draft.message,
        encode_cbor(without_body(assignment)),
    )
    return StoredAssignment(PROCESS, recorded["slot"], record)


def http_message(fields: Mapping[str, bytes | Tabm], *, is_signed: bool = True) -> Fields:
    """Return *fields* as a message, signed by the client's wallet unless told otherwise."""
    return canonical(sign(fields, client_wallet()) if is_signed else fields)


def http_spawn(variant: Variant | None = Variant.HYPERBEAM, name: bytes = b"one") -> Submission:
    """Return the submission of an HTTP-signed spawn."""
    fields = {"device": b"process@1.0", "name": name, "type": b"Process"}
    if variant is not None:
        fields["variant"] = variant.tag.encode()
    return submit_tabm(http_message(fields))


def http_submission(
    process: bytes, data: bytes, *, is_signed: bool = True, **fields: bytes
) -> Submission:
    """Return the submission of an HTTP message for *process*."""
    said = {"data": data, "target": encode_id(process).encode(), "type": b"Message", **fields}
    return submit_tabm(http_message(said, is_signed=is_signed))


def location(url: str, wallet: RsaWallet) -> Fields:
    """Return the location record by which *wallet* says that its node is at *url*."""
    said: dict[str, Rich] = {
        "type": "scheduler-location",
        "url": url,
        "nonce": 0,
        "time-to-live": 10**9,
    }
    return sign(to_tabm(said), wallet)
