"""What was sent and what came back: the evidence of a claim that does not hold."""

from __future__ import annotations

import shlex
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final, NamedTuple

EXCERPT_CHARS: Final = 300
TELLING_HEADERS: Final = (
    "slot",
    "current",
    "block-height",
    "block-hash",
    "access-control-allow-origin",
)
"""What claims are about, of the headers of a reply."""
_SHOWN_BODY_BYTES: Final = 80


class Request(NamedTuple):
    """One request; *target* is path and query, percent-encoded, as it is sent."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""


class Reply(NamedTuple):
    """A whole reply; the names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Exchange(NamedTuple):
    """A request and what came of it.

    Attributes:
        request: as it was sent.
        reply: what came, or ``None`` where nothing did.
        at_once: it was sent together with the one before, without waiting for that one's reply.
    """

    request: Request
    reply: Reply | None
    at_once: bool = False


def curl(url: str, request: Request) -> str:
    """Return a shell command that sends *request* to the node at *url*, byte for byte."""
    words = ["curl", "-sS", "-i", "-X", request.method]
    for name, value in request.headers.items():
        words += ["-H", f"{name}: {value}"]
    if not request.body:
        return shlex.join([*words, url + request.target])
    command = shlex.join([*words, "--data-binary", "@-", url + request.target])
    return f"echo {b64encode(request.body).decode()} | base64 -d | {command}"


def exchange_to_plain(url: str, exchange: Exchange) -> dict[str, Any]:
    """Return *exchange* as plain JSON; no reply is a status of ``None``."""
    request, reply = exchange.request, exchange.reply
    return {
        "method": request.method,
        "target": request.target,
        "headers": dict(request.headers),
        "body": describe_body(request.body),
        "at_once": exchange.at_once,
        "status": None if reply is None else reply.status,
        "reply_headers": {} if reply is None else dict(reply.headers),
        "reply": "" if reply is None else excerpt(reply.body),
        "curl": curl(url, request),
    }


def describe_body(body: bytes) -> str:
    """Return short text as it is; of anything else, its size and the start of its SHA-256."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if not body or (text.isprintable() and text and len(body) <= _SHOWN_BODY_BYTES):
        return text
    return f"{len(body)} bytes, SHA-256 {sha256(body).hexdigest()[:16]}…"


def excerpt(body: bytes) -> str:
    """Return the first `EXCERPT_CHARS` characters of *body*; what is no text is replaced."""
    text = body.decode("utf-8", "replace")
    return text if len(text) <= EXCERPT_CHARS else f"{text[:EXCERPT_CHARS]}…"
