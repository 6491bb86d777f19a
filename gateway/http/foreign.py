"""Messages that live elsewhere: whether a legacy assign may name one.

An assign gives a slot to a message that this node does not hold; a compute unit then fetches it
by its id. One that exists nowhere would stop the process for ever, so it has to be known here,
or to the operator's gateway.
"""

from __future__ import annotations

from typing import Final

from seriatim.actors.node import Node
from seriatim.formats.errors import NotFoundError, RefusedError
from seriatim.formats.wire.stored import StoredAssignment
from seriatim.gateway.chain import ChainGateway

SETTLEMENT_DEPTH_DEFAULT: Final = 20


class ForeignMessages:
    """Decides which messages may be assigned by id."""

    def __init__(self, node: Node, gateway: ChainGateway | None) -> None:
        self._node = node
        self._gateway = gateway

    async def check(
        self, message_id: bytes, *, spawn: StoredAssignment, is_base_layer: bool
    ) -> None:
        """Return when *message_id* may be assigned to the process that *spawn* started.

        A base-layer message needs as many confirmations as the process's ``Settlement-Depth``
        tag says, by default ``SETTLEMENT_DEPTH_DEFAULT``.

        Raises:
            NotFoundError: nobody that this node asks knows the message.
            RefusedError: too few confirmations (code ``not_settled``).
            UnavailableError: the gateway gives no answer.
        """
        if not is_base_layer and self._node.find(message_id):
            return
        if self._gateway is None:
            raise NotFoundError("Transaction not found")
        if not is_base_layer:
            await self._gateway.check_known(message_id)
        elif await self._gateway.confirmations(message_id) < _settlement_depth(spawn):
            raise RefusedError("Not enough confirmations to assign", code="not_settled")


def _settlement_depth(spawn: StoredAssignment) -> int:
    tag = spawn.item.tag(b"Settlement-Depth") if spawn.item else None
    return int(tag) if tag and tag.isdigit() else SETTLEMENT_DEPTH_DEFAULT
