"""Assignments in HyperBEAM's own form: an HTTP-signed message that holds the whole message.

An ``ao.N.1`` assignment of a message that came in this form is signed in it. It is stored
without its ``body``, which is the message and stands beside it in the record.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from seriatim.formats.errors import MalformedError, UnsupportedSchemeError
from seriatim.formats.httpsig.commitments import Fields, sign, signed_of
from seriatim.formats.ids import b64url, b64url_decode
from seriatim.formats.schedule.assignment import EPOCH, Block, Draft
from seriatim.formats.schedule.submission import DEFAULT_PATH
from seriatim.formats.signing.wallet import RsaWallet, Wallet
from seriatim.formats.tabm.model import COMMITMENTS_KEY, Tabm
from seriatim.formats.tabm.structured import Rich, from_tabm, to_tabm

BODY: Final = "body"


def sign_http_assignment(draft: Draft, chain: bytes, message: Tabm, wallet: Wallet) -> Fields:
    """Return the signed assignment of *draft*, with *message* as its body.

    Raises:
        UnsupportedSchemeError: *wallet* is none that signs HTTP messages.
        MalformedError: its signature would hold for another message too; code
            ``not_placeable``.
    """
    if not isinstance(wallet, RsaWallet):
        raise UnsupportedSchemeError(
            "this node's wallet cannot sign HTTP messages; sign the message as an ANS-104 item, "
            "or send it to a node with an RSA wallet"
        )
    return sign({**http_assignment_fields(draft, chain, message), BODY: message}, wallet)


def http_assignment_fields(draft: Draft, chain: bytes, message: Tabm) -> Fields:
    """Return what the assignment of *draft* says of *message*, without its body."""
    block = draft.block
    said: Mapping[str, Rich] = {
        "block-hash": b64url(block.hash),
        "block-height": block.height,
        "block-timestamp": block.timestamp,
        "data-protocol": "ao",
        "epoch": EPOCH,
        "hash-chain": b64url(chain),
        "path": _path(message),
        "process": b64url(draft.process),
        "slot": draft.slot,
        "timestamp": draft.timestamp_ms,
        "variant": draft.variant.tag,
    }
    return to_tabm(said)


def assignment_id_text(assignment: Tabm) -> str:
    """Return the id of a signed assignment, 43 characters.

    Raises:
        MalformedError: it has not exactly one signature; code ``bad_commitments``.
    """
    ids = list(signed_of(assignment))
    if len(ids) != 1:
        raise MalformedError("an assignment has one signature", code="bad_commitments")
    return ids[0]


def without_body(assignment: Tabm) -> Fields:
    """Return what is stored of *assignment*."""
    return {key: value for key, value in assignment.items() if key != BODY}


def with_body(stored: Tabm, message: Tabm) -> Fields:
    """Return the whole assignment of which *stored* is left, about *message*."""
    return {**stored, BODY: message}


def block_of(stored: Tabm) -> Block:
    """Return the block that an assignment names, which its record does not.

    Raises:
        MalformedError: it names none; code ``bad_assignment``, or ``bad_types``.
    """
    said = _said(stored)
    height, hash_text, timestamp = (
        said.get(key) for key in ("block-height", "block-hash", "block-timestamp")
    )
    if not (isinstance(height, int) and isinstance(hash_text, str) and isinstance(timestamp, int)):
        raise MalformedError("the assignment names no block", code="bad_assignment")
    return Block(height, b64url_decode(hash_text), timestamp)


def path_text(stored: Tabm) -> str:
    """Return the path of an assignment as text, its parts joined with ``/``."""
    path = _said(stored).get("path")
    if isinstance(path, list):
        return "/".join(part for part in path if isinstance(part, str))
    return path if isinstance(path, str) else ""


def _said(stored: Tabm) -> dict[str, Rich]:
    return from_tabm({key: value for key, value in stored.items() if key != COMMITMENTS_KEY})


def _path(message: Tabm) -> Rich:
    """Return the path of *message* in its parts, or as text where it names none."""
    path = message.get("path")
    if not isinstance(path, bytes):
        return DEFAULT_PATH
    return [part for part in path.decode("utf-8", "replace").split("/") if part]
