"""``message@1.0``: plain look-up of what a message says: a process's own, or the path's."""

from __future__ import annotations

from seriatim.formats.errors import NotFoundError
from seriatim.formats.ids import encode_id
from seriatim.gateway.http.hyperbeam.answer import Answer, Fields
from seriatim.gateway.http.hyperbeam.device import Call, refuse_key


class MessageDevice:
    """Looks keys up in the message that a path starts from."""

    name = "message@1.0"

    async def answer(self, call: Call) -> Answer:
        """Return the value of a key.

        Raises:
            NotFoundError: the message is not known, or says nothing under the key.
        """
        if call.method != "GET":
            refuse_key(call)
        if call.process is None:
            return Fields(call.base).look_up(call.key)
        if call.node.head(call.process) is None:
            raise NotFoundError(f"message {encode_id(call.process)} is not known here")
        fields = Fields(call.node.stored(call.process, 0).fields)
        return fields.look_up(call.key)
