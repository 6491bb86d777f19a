"""Items as arbundles makes them: one of each signature type, for a process and for its message."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any, NamedTuple

from seriatim.formats.ids import b64url_decode
from tests.support.node_js import NodeJs
from tests.support.strategies import naive_block, naive_item

KINDS = ("arweave", "ed25519", "ethereum", "solana", "aptos", "multiaptos", "typed-ethereum")
MODULE = "M" * 43

Tags = list[dict[str, str]]

_TYPE_OF_OWNER = {512: 1, 32: 2, 65: 3}


class ClientItem(NamedTuple):
    """An item that a client signed, with the id that the client gave it."""

    id: str
    signature_type: int
    raw: bytes


def sign_items(
    node_js: NodeJs, keys: dict[str, object], items: list[dict[str, object]]
) -> list[ClientItem]:
    """Return *items* (kind, target, anchor, tags, data) signed by arbundles."""
    signed = node_js.run("sign.mjs", {"keys": keys, "items": items})
    return [ClientItem(each["id"], each["type"], b64decode(each["raw"])) for each in signed]


def describe_items(
    node_js: NodeJs, items: list[bytes], *, library: str = "@dha-team/arbundles"
) -> list[dict[str, Any]]:
    """Return what *library* reads in each of *items*, ``valid`` first of all."""
    encoded = [b64encode(item).decode() for item in items]
    described: list[dict[str, Any]] = node_js.run(
        "verify.mjs", {"library": library, "items": encoded}
    )
    return described


def spawn_tags(scheduler: str, variant: str = "ao.TN.1") -> Tags:
    """Return the tags of a process that *scheduler* is to order."""
    return as_tags(
        ("Data-Protocol", "ao"),
        ("Variant", variant),
        ("Type", "Process"),
        ("Module", MODULE),
        ("Scheduler", scheduler),
    )


def message_tags(variant: str = "ao.TN.1") -> Tags:
    """Return the tags of a message."""
    return as_tags(
        ("Action", "Ping"), ("Data-Protocol", "ao"), ("Variant", variant), ("Type", "Message")
    )


def as_tags(*pairs: tuple[str, str]) -> Tags:
    """Return *pairs* as clients write tags."""
    return [{"name": name, "value": value} for name, value in pairs]


def rebuild_assignment(served: dict[str, Any]) -> bytes:
    """Return the item that a node serves as the legacy JSON of an assignment.

    *served* has to come from a list with ``show-anchor``: a single node hides binary anchors.
    """
    owner = b64url_decode(served["owner"]["key"])
    anchor = _anchor(served["anchor"])
    pairs = [(tag["name"].encode(), tag["value"].encode()) for tag in served["tags"]]
    return naive_item(
        signature_type=_TYPE_OF_OWNER[len(owner)],
        signature=b64url_decode(served["signature"]),
        owner=owner,
        anchor=b"\1" + anchor if anchor else b"\0",
        tag_count=len(pairs),
        tag_block=naive_block(pairs),
    )


def _anchor(text: str | None) -> bytes:
    if text is None:
        return b""
    raw = text.encode()
    return raw if len(raw) == 32 else b64url_decode(text)
