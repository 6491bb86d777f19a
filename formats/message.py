"""The hub: one in-memory form of a message, between all codecs.

A message is an immutable map with commitments. Codecs know messages; messages know no codec.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

COMMITMENTS_KEY: Final = "commitments"
"""No field is called this: codecs keep the commitments there."""

BINARY_SUFFIX: Final = "+base64url"
"""No key ends like this: it marks the bytes in JSON."""

Value: TypeAlias = "str | bytes | int | float | bool | tuple[Value, ...] | Mapping[str, Value]"


@dataclass(frozen=True, slots=True)
class Commitment:
    """A proof over a message by a committer.

    Attributes:
        device: ``name@version`` of the codec that the proof was made in, such as ``ans104@1.0``.
        kind: the signature scheme, such as ``rsa-pss-sha256``.
        committer: address of the key, 32 raw bytes: SHA-256 of ``key``.
        key: public key, as the scheme writes it.
        signature: signature, as the scheme writes it.
        details: what else the device needs to rebuild the signed bytes.
    """

    device: str
    kind: str
    committer: bytes
    key: bytes
    signature: bytes
    details: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """Named values, and who commits to them.

    Attributes:
        fields: values by key. ``bytes`` are for values that are not UTF-8; text is ``str``.
        commitments: by commitment id, 43 characters. Empty: the message is unsigned.
    """

    fields: Mapping[str, Value]
    commitments: Mapping[str, Commitment] = field(default_factory=dict)
