"""``/api/v1/hooks``: webhooks: somebody hands in an event, and a trigger fires.

The path of a hook holds a secret of its own, made from the operator's token: who is told it may
hand in events for that trigger, and do nothing else. Another token makes other secrets.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from seriatim.actors.node import Node
from seriatim.actors.triggers.reader import Trigger
from seriatim.actors.watches.webhook_watch import WEBHOOK
from seriatim.formats.errors import (
    DisabledError,
    LimitExceededError,
    MalformedError,
    NotFoundError,
)
from seriatim.formats.ids import b64url, decode_id, encode_id
from seriatim.formats.limits import HOOK_BODY_MAX_BYTES
from seriatim.formats.message import Value
from seriatim.gateway.http.api.route import Asked, Route
from seriatim.gateway.http.body import read_body
from seriatim.gateway.http.operator import Operator
from seriatim.gateway.http.reply import reply_json

if TYPE_CHECKING:
    from aiohttp import web

_HOOK: Final = "/api/v1/hooks/{trigger}/{secret}"
_DOMAIN: Final = b"seriatim webhook 1\0"
_KEY: Final = "idempotency-key"


class Hooks:
    """The webhooks of one node."""

    def __init__(self, node: Node, operator: Operator) -> None:
        """Make secrets from the token of *operator*; without one there are no hooks."""
        self._node = node
        self._operator = operator

    def routes(self) -> tuple[Route, ...]:
        """Return what can be asked for."""
        return (Route("POST", _HOOK, self._occur, body=None, is_public=True),)

    def path_of(self, trigger: Trigger) -> str | None:
        """Return the path of the hook of *trigger*, for who may hand in its events."""
        if (trigger.definition.watch or {}).get("kind") != WEBHOOK or not self._operator.token:
            return None
        return f"/api/v1/hooks/{encode_id(trigger.id)}/{self._secret_of(trigger.id)}"

    async def _occur(self, asked: Asked) -> web.StreamResponse:
        """Take an event: 201 once its fire is on disk, also where it was there before."""
        table = self._node.triggers
        if table is None:
            raise DisabledError("this node places no messages, and so has no triggers")
        try:
            trigger = decode_id(asked.named["trigger"])
        except MalformedError:
            trigger = b""
        given = asked.named["secret"].encode(errors="replace")
        if not self._operator.token or not hmac.compare_digest(
            given, self._secret_of(trigger).encode()
        ):
            # Who does not know the secret is not told which triggers there are.
            raise NotFoundError("no such hook here")
        key = asked.request.headers.get(_KEY, "")
        happened = await table.occur(trigger, key, await _fields_of(asked))
        where = {"process": encode_id(happened.process), "slot": happened.slot}
        return reply_json(where, status=201)

    def _secret_of(self, trigger: bytes) -> str:
        token = self._operator.token.encode()
        return b64url(hmac.digest(token, _DOMAIN + trigger, "sha256"))


async def _fields_of(asked: Asked) -> Mapping[str, Value]:
    """Return what the event of a request says."""
    body = await read_body(asked.request)
    if len(body) > HOOK_BODY_MAX_BYTES:
        raise LimitExceededError("body", given=len(body), maximum=HOOK_BODY_MAX_BYTES)
    if not body:
        return {}
    kind = asked.request.headers.get("content-type", "")
    return {"body": _text_or_bytes(body), "content-type": kind}


def _text_or_bytes(body: bytes) -> str | bytes:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body
