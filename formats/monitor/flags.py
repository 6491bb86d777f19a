"""What an operator wants of the whole node: a row that monitors read and never write.

::

    queues/flags          {"stop": true, "terminate": false}
"""

from __future__ import annotations

from typing import Final, NamedTuple

import orjson

from seriatim.formats.errors import MalformedError

FLAGS_PATH: Final = ("queues", "flags")


class Flags(NamedTuple):
    """Two wishes.

    Attributes:
        stop: no new jobs; what runs ends.
        terminate: whoever looks on is to end, too.
    """

    stop: bool = False
    terminate: bool = False


def encode_flags(flags: Flags) -> bytes:
    """Return *flags* as they are kept."""
    return orjson.dumps(flags._asdict())


def decode_flags(raw: bytes | None) -> Flags:
    """Return the flags of a row; where there is none, nobody wants anything.

    Raises:
        MalformedError: it is damaged; code ``bad_flags``.
    """
    if raw is None:
        return Flags()
    try:
        said = orjson.loads(raw)
        return Flags(stop=bool(said["stop"]), terminate=bool(said["terminate"]))
    except (ValueError, TypeError, KeyError) as error:
        raise MalformedError(f"damaged flags: {error!r}", code="bad_flags") from error
