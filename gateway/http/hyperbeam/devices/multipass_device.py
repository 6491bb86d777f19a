"""``multipass@1.0``: whether this pass of a stack is the last one, as far as a path can ask that.

Of a stack of folds, `formats/folds/run.py` has the same rule. Source: specification §1.11.
"""

from __future__ import annotations

from seriatim.formats.errors import RefusedError
from seriatim.formats.folds.program import MULTIPASS
from seriatim.gateway.http.hyperbeam.answer import Answer, Fields
from seriatim.gateway.http.hyperbeam.device import Call
from seriatim.gateway.http.paging import parse_integer


class MultipassDevice:
    """Answers every key with what the path starts from, once ``pass`` has come to ``passes``."""

    name = MULTIPASS

    async def answer(self, call: Call) -> Answer:
        """Answer one key.

        Raises:
            RefusedError: another pass has to come; code ``pass``.
            MalformedError: ``pass`` or ``passes`` is no integer.
        """
        if call.key == "keys":
            keys = sorted({*call.base, "device", "method"})
            # A list goes as a message of which the keys count from 1.
            return Fields({str(number): key for number, key in enumerate(keys, 1)})
        number, count = (
            parse_integer(key, str(call.base.get(key, 1))) for key in ("pass", "passes")
        )
        if number < count and call.key != "set":
            raise RefusedError(
                f"pass {number} of {count} is not the last one; ask again with pass {number + 1}",
                code="pass",
            )
        return Fields(call.base, is_ours=False)
