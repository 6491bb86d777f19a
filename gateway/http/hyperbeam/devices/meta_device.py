"""``meta@1.0``: what a node says of itself."""

from __future__ import annotations

from seriatim.formats.ids import encode_id
from seriatim.gateway.http.hyperbeam.answer import Answer, Fields
from seriatim.gateway.http.hyperbeam.device import Call, KeyTable


class MetaDevice(KeyTable):
    """Answers ``info``."""

    def __init__(self) -> None:
        super().__init__("meta@1.0", {("GET", "info"): self._info})

    async def _info(self, call: Call) -> Answer:
        return Fields({"address": encode_id(call.node.address)}, is_fixed=False)
