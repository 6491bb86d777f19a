"""Claims about ways to sign: what other clients sign with is taken too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hypothesis import strategies as st

from seriatim.formats.signing.scheme import WalletKind
from seriatim.gateway.conform.check import BOTH, HYPERBEAM, Check
from seriatim.gateway.conform.claim import CheckSkippedError, expect_equal
from seriatim.gateway.conform.faces.face import Face
from seriatim.gateway.conform.faces.hyperbeam import HyperbeamFace
from seriatim.gateway.conform.talk.exchange import excerpt
from seriatim.gateway.conform.talk.keys import Form, Signing

_RSA_ITEM: Final = Signing(WalletKind.RSA)
_HTTP: Final = Signing(WalletKind.RSA, Form.HTTP)
_NOT_READ: Final = 422
"""The status on which aoconnect signs again as a data item."""


def rsa_items_are_taken(face: Face, _: None) -> None:
    """Spawn and send, both signed as Arweave wallets sign."""
    process = face.spawn(_RSA_ITEM).id
    sent = face.send(process, signing=_RSA_ITEM)
    found = [entry.message_id for entry in face.entries(process)]
    expect_equal("the messages in slot order", found, [process, sent.id])


def http_messages_are_taken(face: HyperbeamFace, are_http: Sequence[bool]) -> None:
    """Spawn, and send messages in one form or the other."""
    process = face.spawn().id
    sent = [process]
    for is_http in are_http:
        message = face.new_message(process, signing=_HTTP if is_http else None)
        reply = face.post(message)
        if reply.status == _NOT_READ:
            raise CheckSkippedError(f"the node reads no such messages: {excerpt(reply.body)}")
        expect_equal("the slot told", face.accepted(message, reply).slot, len(sent))
        sent.append(message.id)
    found = [entry.message_id for entry in face.entries(process)]
    expect_equal("the messages in slot order", found, sent)


CHECKS: Final = (
    Check(
        "rsa",
        "Items that are signed as Arweave wallets sign are taken.",
        "ANS-104, signature type 1",
        BOTH,
        st.none(),
        rsa_items_are_taken,
    ),
    Check(
        "http",
        "Messages that are signed as HTTP messages are placed like any other.",
        "HyperBEAM, httpsig@1.0",
        HYPERBEAM,
        st.lists(st.booleans(), max_size=4),
        http_messages_are_taken,
    ),
)
