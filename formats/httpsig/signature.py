"""One signature of an HTTP message, as a commitment carries it.

Source: HyperBEAM, May 2025; ``docs/protocol/hyperbeam.md`` says which forms are read and written.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from hashlib import sha256
from typing import Final, NamedTuple

from seriatim.formats.httpsig.base import identifiers_of, inner_list
from seriatim.formats.httpsig.placement import SIGNATURE, SIGNATURE_INPUT
from seriatim.formats.ids import b64url, b64url_decode, encode_id
from seriatim.formats.tabm import sf
from seriatim.formats.tabm.model import Tabm, bad_commitments, bytes_of

DEVICE: Final = "httpsig@1.0"
ALG_RSA: Final = "rsa-pss-sha512"
ALG_HMAC: Final = "hmac-sha256"

_KEY_LATER: Final = "publickey:"
_NAME_PREFIX: Final = "http-sig-"


class Signature(NamedTuple):
    """A signature, and what it says that it covers; nothing here is checked.

    Attributes:
        key: the signer's public key: the modulus, big-endian.
        identifiers: the components, in the order in which they are signed.
        params: its parameters; they are signed in the order of their names.
        value: the signature itself.
    """

    key: bytes
    identifiers: list[str]
    params: Mapping[str, sf.Bare]
    value: bytes

    @property
    def address(self) -> bytes:
        """The signer's address, 32 raw bytes."""
        return sha256(self.key).digest()

    @property
    def id_text(self) -> str:
        """The id of the commitment, 43 characters."""
        return b64url(sha256(self.value).digest())

    def to_commitment(self, name: str = "") -> dict[str, bytes | Tabm]:
        """Return the commitment; *name* is the signature's own, by default HyperBEAM's."""
        address = self.address
        # HyperBEAM leaves the first byte of the address out.
        name = name or _NAME_PREFIX + address[1:9].hex()
        entry = inner_list(self.identifiers, dict(sorted(self.params.items())))
        return {
            "alg": ALG_RSA.encode(),
            "commitment-device": DEVICE.encode(),
            "committer": encode_id(address).encode(),
            SIGNATURE: sf.write_dictionary({name: sf.Item(sf.Binary(self.value))}),
            SIGNATURE_INPUT: sf.write_dictionary({name: entry}),
        }


def signing_params(key: bytes) -> dict[str, sf.Bare]:
    """Return the parameters of a signature that is made with *key*."""
    return {"alg": ALG_RSA.encode(), "keyid": b64url(key).encode()}


def read_signatures(signatures: bytes, inputs: bytes) -> dict[str, Signature]:
    """Return the signatures by name in the headers ``signature`` and ``signature-input``.

    Keyed hashes, which later versions send as signatures, are left out: everybody can make them.

    Raises:
        MalformedError: one cannot be read; codes ``bad_commitments``, ``bad_signature_input``.
    """
    entries = sf.parse_dictionary(inputs)
    found: dict[str, Signature] = {}
    for name, item in sf.parse_dictionary(signatures).items():
        entry = entries.get(name)
        if not isinstance(item, sf.Item) or not isinstance(item.value, sf.Binary):
            raise bad_commitments("a signature is no byte sequence")
        if not isinstance(entry, sf.InnerList):
            raise bad_commitments("a signature has no input")
        if entry.params.get("alg") == ALG_HMAC.encode():
            continue
        found[name] = Signature(
            _key_of(entry.params), identifiers_of(entry), entry.params, bytes(item.value)
        )
    return found


def signature_of(commitment: Tabm) -> Signature:
    """Return the one signature that *commitment* carries.

    Raises:
        MalformedError: as for `read_signatures`; it carries none, or several.
    """
    found = read_signatures(bytes_of(commitment, SIGNATURE), bytes_of(commitment, SIGNATURE_INPUT))
    if len(found) != 1:
        raise bad_commitments("a commitment is not one signature with its input")
    (signature,) = found.values()
    return signature


def _key_of(params: Mapping[str, sf.Bare]) -> bytes:
    keyid = params.get("keyid")
    if params.get("alg") != ALG_RSA.encode() or not isinstance(keyid, bytes):
        raise bad_commitments(f"a signature is not {ALG_RSA} with a keyid")
    text = keyid.decode("ascii", "replace")
    if text.startswith(_KEY_LATER):
        try:
            return b64decode(text.removeprefix(_KEY_LATER), validate=True)
        except ValueError as error:
            raise bad_commitments("a keyid is not base64") from error
    return b64url_decode(text)
