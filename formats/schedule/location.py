"""Location records: where a scheduler is, said and signed by the scheduler itself.

A signed HyperBEAM message of type ``scheduler-location`` with ``url``, ``nonce`` and
``time-to-live`` (milliseconds). Of one signer, only the record with the highest nonce counts.
Source: specification §1.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from seriatim.formats.errors import MalformedError, UnsupportedSchemeError
from seriatim.formats.httpsig.canonical import canonical
from seriatim.formats.httpsig.commitments import Fields, sign, signer_of
from seriatim.formats.httpsig.signature import DEVICE
from seriatim.formats.limits import LOCATION_TTL_DEFAULT_MS, LOCATION_TTL_MAX_MS
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.wallet import RsaWallet, Wallet
from seriatim.formats.tabm.model import COMMITMENTS_KEY, Tabm
from seriatim.formats.tabm.structured import Rich, from_tabm, to_tabm

LOCATION_TYPE: Final = "scheduler-location"


class Location(NamedTuple):
    """What a location record says.

    Attributes:
        address: the signer's address, 32 raw bytes.
        url: where its node is; any text so far.
        nonce: from 0 on.
        ttl_ms: how long it counts, from when it is heard of; from 1 on.
        message: the record itself, in its canonical form.
    """

    address: bytes
    url: str
    nonce: int
    ttl_ms: int
    message: Fields


def read_location(message: Tabm) -> Location:
    """Return what *message* says; its signature is not checked here.

    ``time-to-live`` is a week where it is missing, and counts up to ``LOCATION_TTL_MAX_MS``.

    Raises:
        MalformedError: nobody signed it, or it is no such record; code ``bad_location``, or the
            codes of `canonical`.
        CommitmentError, LimitExceededError: see `canonical`.
    """
    kept = canonical(message)
    address = signer_of(kept)
    said = from_tabm({key: value for key, value in kept.items() if key != COMMITMENTS_KEY})
    url, nonce = said.get("url"), _count(said, "nonce", least=0)
    ttl_ms = _count(said, "time-to-live", least=1, default=LOCATION_TTL_DEFAULT_MS)
    if address is None or said.get("type") != LOCATION_TYPE:
        raise _bad(f"it is no signed message of type {LOCATION_TYPE}")
    if not isinstance(url, str):
        raise _bad("it has no url")
    return Location(address, url, nonce, min(ttl_ms, LOCATION_TTL_MAX_MS), kept)


def sign_location(url: str, *, nonce: int, ttl_ms: int, wallet: Wallet) -> Fields:
    """Return the record that the scheduler of *wallet* is at *url*, as HyperBEAM's nodes sign it.

    Args:
        url: where its node is.
        nonce: above that of its last record; from 0 on.
        ttl_ms: how long it counts, from when it is heard of; from 1 on.
        wallet: the scheduler's own.

    Raises:
        UnsupportedSchemeError: *wallet* is none that signs HTTP messages.
    """
    if not isinstance(wallet, RsaWallet):
        raise UnsupportedSchemeError(
            "a location record is an HTTP message, which only an RSA wallet signs; serve with "
            "one (seriatim wallet new FILE --kind rsa)"
        )
    said: Mapping[str, Rich] = {
        "codec-device": DEVICE,
        "data-protocol": "ao",
        "nonce": nonce,
        "time-to-live": ttl_ms,
        "type": LOCATION_TYPE,
        "url": url,
        "variant": Variant.HYPERBEAM.tag,
    }
    return sign(to_tabm(said), wallet)


def _count(said: Mapping[str, Rich], name: str, *, least: int, default: int | None = None) -> int:
    value = said.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise _bad(f"{name} is no integer from {least} on")
    return value


def _bad(reason: str) -> MalformedError:
    return MalformedError(f"not a location record: {reason}", code="bad_location")
