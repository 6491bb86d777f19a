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
    INLINE_KEY_LATER,
    SIGNATURE,
    SIGNATURE_INPUT,
    HttpMessage,
    gather,
    lay_out,
    place,
    place_fields,
    placed_fields,
)
from seriatim.formats.httpsig.signature import (
    ALG_HMAC,
    ALG_RSA,
    DEVICE,
    Signature,
    signature_of,
    signing_params,
)
from seriatim.formats.ids import b64url, encode_id
from seriatim.formats.signing.verify import verify_http
from seriatim.formats.signing.wallet import RsaWallet
from seriatim.formats.tabm import sf
from seriatim.formats.tabm.model import (
    COMMITMENTS_KEY,
    TYPES_KEY,
    Tabm,
    bad_commitments,
    bytes_of,
    commitments_of,
)
from seriatim.formats.tabm.structured import empty_keys

_HMAC_KEY: Final = b"ao"

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
    signed = signed_of(tabm)
    return combined_id(signed) if signed else unsigned_id(tabm)


def combined_id(ids: Iterable[str]) -> str:
    """Return the one id that stands for *ids*, at least one, 43 characters each."""
    ordered = sorted(ids)
    if len(ordered) == 1:
        return ordered[0]
    return b64url(sha256(", ".join(ordered).encode("ascii")).digest())


def check_placeable(tabm: Tabm) -> None:
    """Return when *tabm* has a place as an HTTP message that no other message has.

    Raises:
        MalformedError: code ``not_placeable``.
    """
    fields = placed_fields(tabm)
    check_placed(fields, lay_out(fields))


def sign(tabm: Tabm, wallet: RsaWallet) -> Fields:
    """Return *tabm* with one more signature, over all that it holds, and its keyed hash.

    Raises:
        MalformedError: the signature would hold for another message too; code
            ``not_placeable``.
    """
    headers = _placed(tabm)
    identifiers = [qualified(name) for name in component_names(headers)]
    params = signing_params(wallet.owner)
    value = wallet.sign_http(signature_base(headers, identifiers, params))
    signature = Signature(wallet.owner, identifiers, params, value)
    earlier = signed_of(tabm)
    if not earlier:
        return with_signature(tabm, headers, signature)
    return with_signatures(tabm, headers, {**earlier, signature.id_text: signature.to_commitment()})


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
    for id_text, commitment in commitments_of(tabm).items():
        if commitment.get("commitment-device") != DEVICE.encode():
            continue
        alg = commitment.get("alg")
        if alg == ALG_RSA.encode():
            signature = _verify_rsa(headers, id_text, commitment)
            covered = _covered(headers, signature.identifiers)
            committers[signature.address] = covered | committers.get(signature.address, frozenset())
        elif alg == ALG_HMAC.encode():
            _verify_hmac(headers, id_text, commitment)
        else:
            raise MalformedError(f"no algorithm {alg!r:.40} here", code="bad_commitments")
    return committers


def signed_of(tabm: Tabm) -> dict[str, Tabm]:
    """Return the commitments of *tabm* that somebody signed, by id; the keyed hash is none.

    Raises:
        MalformedError: they are no maps; code ``bad_commitments``.
    """
    return {id_text: each for id_text, each in commitments_of(tabm).items() if "committer" in each}


def signer_of(tabm: Tabm) -> bytes | None:
    """Return the address that the one signature of *tabm* is of, ``None`` for no signature.

    Raises:
        MalformedError: it has several, or one that cannot be read; code ``bad_commitments``.
    """
    signed = list(signed_of(tabm).values())
    if len(signed) > 1:
        raise bad_commitments("it has several signatures")
    return signature_of(signed[0]).address if signed else None


def committed_keys(tabm: Tabm) -> frozenset[str]:
    """Return the keys that all commitments of *tabm* cover; they need not be in it."""
    headers = place(tabm).headers
    covered = [
        _covered(headers, _first_identifiers(each)) if SIGNATURE_INPUT in each else frozenset()
        for each in commitments_of(tabm).values()
    ]
    return frozenset.intersection(*covered) if covered else frozenset()


def to_http(tabm: Tabm) -> HttpMessage:
    """Return *tabm* on the wire, with the signatures of its keyed hash.

    Without exactly one such hash no signature is sent, as HyperBEAM does.
    """
    placed = place(tabm)
    hashes = [
        each for each in commitments_of(tabm).values() if each.get("alg") == ALG_HMAC.encode()
    ]
    if len(hashes) == 1:
        for name in (SIGNATURE, SIGNATURE_INPUT):
            value = hashes[0].get(name)
            if isinstance(value, bytes):
                placed.headers[name] = value
    return placed


def check_placed(fields: Mapping[str, bytes | Tabm], placed: HttpMessage) -> None:
    """Return when *placed* says all that *fields* say, and would say nothing else.

    HyperBEAM places any message, and so gives some that differ one signature and one id: line
    feeds and outer spaces in values, names that are written as others. They are refused here.

    Args:
        fields: `placed_fields` of a message.
        placed: where they are, with the digest of the body or without.

    Raises:
        MalformedError: code ``not_placeable``.
    """
    try:
        found = gather(placed)
    except MalformedError:
        found = {}
    for key in (BODY_KEYS, CONTENT_TYPE, INLINE_KEY):
        if key not in fields:
            found.pop(key, None)
    is_plain = all(
        value == value.strip(b" ") and b"\n" not in value and not name.startswith("@")
        for name, value in placed.headers.items()
    )
    if not is_plain or found != filled(fields):
        raise MalformedError(
            "the message says what HTTP signatures cannot tell apart; keep line breaks, outer "
            "spaces and names of the wire's own out of it",
            code="not_placeable",
        )


def check_signature(headers: Mapping[str, bytes], signature: Signature) -> None:
    """Return when *signature* holds over the message that is placed in *headers*.

    Raises:
        BadSignatureError: it does not, or leaves open which key the body stands for.
        MalformedError: a component is not in *headers*; code ``bad_signature_input``.
    """
    naming = {INLINE_KEY, INLINE_KEY_LATER} & headers.keys()
    if DIGEST in signature.identifiers and naming - set(signature.identifiers):
        raise BadSignatureError("the key that the body stands for is not signed")
    base = signature_base(headers, signature.identifiers, signature.params)
    verify_http(signature.key, signature.value, base)


def filled(tabm: Tabm) -> Fields:
    """Return *tabm* without maps that hold nothing, at every level; they have no place."""
    kept = {key: each if isinstance(each, bytes) else filled(each) for key, each in tabm.items()}
    return {key: each for key, each in kept.items() if each != {}}


def with_signature(tabm: Tabm, headers: Mapping[str, bytes], signature: Signature) -> Fields:
    """Return *tabm* with the commitment of *signature* and the keyed hash over the same keys.

    Args:
        tabm: the message; its own commitments are replaced.
        headers: the message, placed.
        signature: of the message.

    Raises:
        MalformedError: a component is not in *headers*; code ``bad_signature_input``.
    """
    signed = {signature.id_text: signature.to_commitment()}
    keyed = _keyed(signed)
    return _committed(tabm, signed, _hmac_id(headers, signature.identifiers), keyed)


def with_signatures(tabm: Tabm, headers: Mapping[str, bytes], signed: Mapping[str, Tabm]) -> Fields:
    """Return *tabm* as `with_signature` does, with commitments by id, at least one.

    The keyed hash covers what the first of them does.
    """
    keyed = _keyed(signed)
    return _committed(tabm, signed, _hmac_id(headers, _first_identifiers(keyed)), keyed)


def _keyed(signed: Mapping[str, Tabm]) -> Fields:
    """Return the commitment of the keyed hash beside those in *signed*: it repeats them all."""
    merged = {
        name: b", ".join(bytes_of(each, name) for _, each in sorted(signed.items()))
        for name in (SIGNATURE, SIGNATURE_INPUT)
    }
    return {"alg": ALG_HMAC.encode(), "commitment-device": DEVICE.encode(), **merged}


def _committed(tabm: Tabm, signed: Mapping[str, Tabm], hash_id: str, keyed: Tabm) -> Fields:
    return {**tabm, COMMITMENTS_KEY: dict(sorted({**signed, hash_id: keyed}.items()))}


def _placed(tabm: Tabm) -> dict[str, bytes]:
    """Return the headers of *tabm*, which say all that it says; raises as `check_placed`."""
    fields = placed_fields(tabm)
    placed = place_fields(fields)
    check_placed(fields, placed)
    return placed.headers


def _hmac_id(headers: Mapping[str, bytes], identifiers: Iterable[str]) -> str:
    params: dict[str, sf.Bare] = {"alg": ALG_HMAC.encode(), "keyid": _HMAC_KEY}
    base = signature_base(headers, sorted(identifiers), params)
    return b64url(hmac.digest(_HMAC_KEY, base, "sha256"))


def _first_identifiers(commitment: Tabm) -> list[str]:
    """Return what the first entry of a commitment's ``signature-input`` lists."""
    inputs = sf.parse_dictionary(bytes_of(commitment, SIGNATURE_INPUT))
    return identifiers_of(next(iter(inputs.values()), None))


def _verify_rsa(headers: Mapping[str, bytes], id_text: str, commitment: Tabm) -> Signature:
    signature = signature_of(commitment)
    if bytes_of(commitment, "committer") != encode_id(signature.address).encode():
        raise BadSignatureError("the committer is not the owner of the key")
    if id_text != signature.id_text:
        raise BadSignatureError("the commitment's id is not that of its signature")
    check_signature(headers, signature)
    return signature


def _verify_hmac(headers: Mapping[str, bytes], id_text: str, commitment: Tabm) -> None:
    identifiers = (
        _first_identifiers(commitment)
        if SIGNATURE_INPUT in commitment
        else [qualified(name) for name in component_names(headers)]
    )
    if not hmac.compare_digest(_hmac_id(headers, identifiers), id_text):
        raise BadSignatureError("the keyed hash is not that of the message")


def _covered(headers: Mapping[str, bytes], identifiers: Iterable[str]) -> frozenset[str]:
    names = set(map(unqualified, identifiers))
    covered = names | {SIGNATURE, SIGNATURE_INPUT}
    if TYPES_KEY in names:
        covered |= empty_keys(headers.get(TYPES_KEY, b""))
    if DIGEST in names:
        covered.update((BODY, INLINE_KEY))
        if INLINE_KEY in names and INLINE_KEY in headers:
            covered.add(headers[INLINE_KEY].decode("utf-8", "replace"))
        for member in sf.parse_list(headers.get(BODY_KEYS, b"")):
            if isinstance(member, sf.Item) and isinstance(member.value, bytes):
                covered.add(member.value.decode("utf-8", "replace").partition("/")[0])
    return frozenset(covered)
