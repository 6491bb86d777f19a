"""Who commits to a TABM: signing, checking, and the ids that follow from it.

A signed message carries one commitment per signature, and one keyed hash (HMAC, with a key that
everybody knows) over what the first signature covers. An unsigned message's id is the same hash
over everything. Source: HyperBEAM, May 2025.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Final, TypeAlias

from seriatim.formats.errors import BadSignatureError, MalformedError
from seriatim.formats.httpsig.base import (
    component_names,
    identifiers_of,
    inner_list,
    qualified,
    signature_base,
    unqualified,
)
from seriatim.formats.httpsig.placement import (
    BODY,
    BODY_KEYS,
    CONTENT_TYPE,
    DIGEST,
    INLINE_KEY,
    NOT_PLACED,
    SIGNATURE,
    SIGNATURE_INPUT,
    HttpMessage,
    gather,
    place,
)
from seriatim.formats.ids import b64url, b64url_decode, encode_id
from seriatim.formats.signing.verify import verify_http
from seriatim.formats.signing.wallet import RsaWallet
from seriatim.formats.tabm import sf
from seriatim.formats.tabm.model import COMMITMENTS_KEY, TYPES_KEY, Tabm, public

DEVICE: Final = "httpsig@1.0"
ALG_HMAC: Final = "hmac-sha256"
ALG_RSA: Final = "rsa-pss-sha512"

_HMAC_KEY: Final = b"ao"
_SIGNATURE_PREFIX: Final = "http-sig-"

Fields: TypeAlias = "dict[str, bytes | Tabm]"


def unsigned_id(tabm: Tabm) -> str:
    """Return the id of *tabm* without its commitments, 43 characters.

    Raises:
        MalformedError: two messages would have it; code ``not_placeable``.
    """
    fields: Fields = dict(tabm)
    if COMMITMENTS_KEY not in fields and SIGNATURE_INPUT in fields:
        # So HyperBEAM names what a commitment of its own says, when that is a message itself.
        fields[f"x-{SIGNATURE_INPUT}"] = fields.pop(SIGNATURE_INPUT)
    headers = _placed(fields)
    return _hmac_id(headers, map(qualified, component_names(headers)))


def message_id(tabm: Tabm) -> str:
    """Return the id of *tabm* with its signatures: theirs, or without any the unsigned id."""
    signed = [id_text for id_text, each in _commitments(tabm).items() if "committer" in each]
    return combined_id(signed) if signed else unsigned_id(tabm)


def combined_id(ids: Iterable[str]) -> str:
    """Return the one id that stands for *ids*, at least one, 43 characters each."""
    ordered = sorted(ids)
    if len(ordered) == 1:
        return ordered[0]
    return b64url(sha256(", ".join(ordered).encode("ascii")).digest())


def sign(tabm: Tabm, wallet: RsaWallet) -> Fields:
    """Return *tabm* with one more signature, over all that it holds, and its keyed hash.

    Raises:
        MalformedError: the signature would hold for another message too; code
            ``not_placeable``.
    """
    headers = _placed(tabm)
    identifiers = [qualified(name) for name in component_names(headers)]
    params: dict[str, sf.Bare] = {
        "alg": ALG_RSA.encode(),
        "keyid": b64url(wallet.owner).encode(),
    }
    signature = wallet.sign_http(signature_base(headers, identifiers, params))
    name = _signature_name(wallet.address)
    commitment = {
        "alg": ALG_RSA.encode(),
        "commitment-device": DEVICE.encode(),
        "committer": encode_id(wallet.address).encode(),
        SIGNATURE: sf.write_dictionary({name: sf.Item(sf.Binary(signature))}),
        SIGNATURE_INPUT: sf.write_dictionary({name: inner_list(identifiers, params)}),
    }
    signed = {id_text: each for id_text, each in _commitments(tabm).items() if "committer" in each}
    signed[b64url(sha256(signature).digest())] = commitment
    return _with_hash(tabm, headers, signed)


def verify(tabm: Tabm) -> dict[bytes, frozenset[str]]:
    """Check every ``httpsig@1.0`` commitment of *tabm*.

    Returns:
        What each committer commits to, keys by address; they need not be in *tabm*, and what
        is in it and not among them is anybody's.

    Raises:
        BadSignatureError: one does not hold, or is not what its id says.
        MalformedError: one cannot be read, or holds for another message too.
    """
    headers = _placed(tabm)
    committers: dict[bytes, frozenset[str]] = {}
    for id_text, commitment in _commitments(tabm).items():
        if commitment.get("commitment-device") != DEVICE.encode():
            continue
        alg = commitment.get("alg")
        if alg == ALG_RSA.encode():
            address = _verify_rsa(headers, id_text, commitment)
            committers[address] = _covered(headers, commitment) | committers.get(
                address, frozenset()
            )
        elif alg == ALG_HMAC.encode():
            _verify_hmac(headers, id_text, commitment)
        else:
            raise MalformedError(f"no algorithm {alg!r:.40} here", code="bad_commitments")
    return committers


def committed_keys(tabm: Tabm) -> frozenset[str]:
    """Return the keys that all commitments of *tabm* cover; they need not be in it."""
    headers = place(tabm).headers
    covered = [_covered(headers, each) for each in _commitments(tabm).values()]
    return frozenset.intersection(*covered) if covered else frozenset()


def to_http(tabm: Tabm) -> HttpMessage:
    """Return *tabm* on the wire, with the signatures of its keyed hash.

    Without exactly one such hash no signature is sent, as HyperBEAM does.
    """
    placed = place(tabm)
    hashes = [each for each in _commitments(tabm).values() if each.get("alg") == ALG_HMAC.encode()]
    if len(hashes) == 1:
        for name in (SIGNATURE, SIGNATURE_INPUT):
            value = hashes[0].get(name)
            if isinstance(value, bytes):
                placed.headers[name] = value
    return placed


def from_http(message: HttpMessage) -> Fields:
    """Return what *message* holds, with the commitments that it carries, unchecked.

    Raises:
        MalformedError: its signatures cannot be read.
        LimitExceededError: see `gather`.
    """
    fields = gather(message)
    signatures = fields.pop(SIGNATURE, b"")
    inputs = fields.pop(SIGNATURE_INPUT, b"")
    if not isinstance(signatures, bytes) or not isinstance(inputs, bytes):
        raise _bad("its headers are maps")
    if not signatures:
        return fields
    by_name = sf.parse_dictionary(inputs)
    signed: dict[str, Tabm] = {}
    for name, item in sf.parse_dictionary(signatures).items():
        entry = by_name.get(name)
        if not isinstance(item, sf.Item) or not isinstance(item.value, sf.Binary):
            raise _bad("a signature is no byte sequence")
        if not isinstance(entry, sf.InnerList):
            raise _bad("a signature has no input")
        key = _key_of(entry.params)
        signed[b64url(sha256(item.value).digest())] = {
            "alg": ALG_RSA.encode(),
            "commitment-device": DEVICE.encode(),
            "committer": encode_id(sha256(key).digest()).encode(),
            SIGNATURE: sf.write_dictionary({name: item}),
            SIGNATURE_INPUT: sf.write_dictionary({name: entry}),
        }
    return _with_hash(fields, place(fields).headers, signed)


def _placed(tabm: Tabm) -> dict[str, bytes]:
    """Return the headers of *tabm*, which say all that it says.

    HyperBEAM places any message, and so gives some that differ one signature and one id: line
    feeds and outer spaces in values, names that are written as others. They are refused here.

    Raises:
        MalformedError: code ``not_placeable``.
    """
    fields = {key: value for key, value in public(tabm).items() if key not in NOT_PLACED}
    placed = place(fields)
    found = gather(placed)
    for key in (BODY_KEYS, CONTENT_TYPE, INLINE_KEY):
        if key not in fields:
            found.pop(key, None)
    is_plain = all(
        value == value.strip(b" ") and b"\n" not in value and not name.startswith("@")
        for name, value in placed.headers.items()
    )
    if not is_plain or found != _filled(fields):
        raise MalformedError(
            "the message says what HTTP signatures cannot tell apart; keep line breaks, outer "
            "spaces and names of the wire's own out of it",
            code="not_placeable",
        )
    return placed.headers


def _filled(tabm: Tabm) -> Fields:
    """Return *tabm* without maps that hold nothing; they have no place."""
    kept = {key: each if isinstance(each, bytes) else _filled(each) for key, each in tabm.items()}
    return {key: each for key, each in kept.items() if each != {}}


def _with_hash(tabm: Tabm, headers: Mapping[str, bytes], signed: Mapping[str, Tabm]) -> Fields:
    """Return *tabm* with the commitments *signed* and the keyed hash over the first one's keys."""
    merged = {
        name: b", ".join(_bytes(each, name) for _, each in sorted(signed.items()))
        for name in (SIGNATURE, SIGNATURE_INPUT)
    }
    commitment = {
        "alg": ALG_HMAC.encode(),
        "commitment-device": DEVICE.encode(),
        **merged,
    }
    hash_id = _hmac_id(headers, _first_identifiers(commitment))
    return {**tabm, COMMITMENTS_KEY: dict(sorted({**signed, hash_id: commitment}.items()))}


def _hmac_id(headers: Mapping[str, bytes], identifiers: Iterable[str]) -> str:
    params: dict[str, sf.Bare] = {"alg": ALG_HMAC.encode(), "keyid": _HMAC_KEY}
    base = signature_base(headers, sorted(identifiers), params)
    return b64url(hmac.digest(_HMAC_KEY, base, "sha256"))


def _first_identifiers(commitment: Tabm) -> list[str]:
    """Return what the first entry of a commitment's ``signature-input`` lists."""
    inputs = sf.parse_dictionary(_bytes(commitment, SIGNATURE_INPUT))
    return identifiers_of(next(iter(inputs.values()), None))


def _verify_rsa(headers: Mapping[str, bytes], id_text: str, commitment: Tabm) -> bytes:
    inputs = sf.parse_dictionary(_bytes(commitment, SIGNATURE_INPUT))
    signatures = sf.parse_dictionary(_bytes(commitment, SIGNATURE))
    ((name, entry),) = inputs.items() if len(inputs) == 1 else [("", None)]
    item = signatures.get(name)
    if not isinstance(entry, sf.InnerList) or not isinstance(item, sf.Item):
        raise _bad("a commitment is not one signature with its input")
    if not isinstance(item.value, sf.Binary):
        raise _bad("a signature is no byte sequence")
    key = _key_of(entry.params)
    address = sha256(key).digest()
    if _bytes(commitment, "committer") != encode_id(address).encode():
        raise BadSignatureError("the committer is not the owner of the key")
    if id_text != b64url(sha256(item.value).digest()):
        raise BadSignatureError("the commitment's id is not that of its signature")
    identifiers = identifiers_of(entry)
    if DIGEST in identifiers and INLINE_KEY in headers and INLINE_KEY not in identifiers:
        raise BadSignatureError("the key that the body stands for is not signed")
    base = signature_base(headers, identifiers, entry.params)
    verify_http(key, bytes(item.value), base)
    return address


def _verify_hmac(headers: Mapping[str, bytes], id_text: str, commitment: Tabm) -> None:
    identifiers = (
        _first_identifiers(commitment)
        if SIGNATURE_INPUT in commitment
        else [qualified(name) for name in component_names(headers)]
    )
    if not hmac.compare_digest(_hmac_id(headers, identifiers), id_text):
        raise BadSignatureError("the keyed hash is not that of the message")


def _covered(headers: Mapping[str, bytes], commitment: Tabm) -> frozenset[str]:
    if SIGNATURE_INPUT not in commitment:
        return frozenset()
    names = {unqualified(each) for each in _first_identifiers(commitment)}
    covered = names | {SIGNATURE, SIGNATURE_INPUT}
    if TYPES_KEY in names:
        types = sf.parse_dictionary(headers.get(TYPES_KEY, b""))
        covered.update(key for key, kind in types.items() if _is_empty_type(kind))
    if DIGEST in names:
        covered.update((BODY, INLINE_KEY))
        if INLINE_KEY in names and INLINE_KEY in headers:
            covered.add(headers[INLINE_KEY].decode("utf-8", "replace"))
        for member in sf.parse_list(headers.get(BODY_KEYS, b"")):
            if isinstance(member, sf.Item) and isinstance(member.value, bytes):
                covered.add(member.value.decode("utf-8", "replace").partition("/")[0])
    return frozenset(covered)


def _is_empty_type(kind: sf.Item | sf.InnerList) -> bool:
    return (
        isinstance(kind, sf.Item)
        and isinstance(kind.value, bytes)
        and kind.value.startswith(b"empty-")
    )


def _commitments(tabm: Tabm) -> dict[str, Tabm]:
    commitments = tabm.get(COMMITMENTS_KEY, {})
    if isinstance(commitments, bytes):
        raise _bad("commitments are no map")
    found: dict[str, Tabm] = {}
    for id_text, commitment in commitments.items():
        if isinstance(commitment, bytes):
            raise _bad("a commitment is no map")
        found[id_text] = commitment
    return found


def _key_of(params: Mapping[str, sf.Bare]) -> bytes:
    keyid = params.get("keyid")
    if params.get("alg") != ALG_RSA.encode() or not isinstance(keyid, bytes):
        raise _bad(f"a signature is not {ALG_RSA} with a keyid")
    return b64url_decode(keyid.decode("ascii", "replace"))


def _bytes(tabm: Tabm, key: str) -> bytes:
    value = tabm.get(key, b"")
    if not isinstance(value, bytes):
        raise _bad(f"{key} is a map")
    return value


def _signature_name(address: bytes) -> str:
    # HyperBEAM leaves the first byte of the address out.
    return _SIGNATURE_PREFIX + address[1:9].hex()


def _bad(reason: str) -> MalformedError:
    return MalformedError(f"a commitment cannot be read: {reason}", code="bad_commitments")
