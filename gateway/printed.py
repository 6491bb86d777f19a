"""What a job has printed, as a node tells it: page by page."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from typing import Any

from seriatim.gateway.reply import field


def read_printed(page: dict[str, Any]) -> bytes:
    """Return what stands in *page*, a node's answer to ``…/jobs/{job}/output``.

    Raises:
        UnavailableError: it is no such answer.
    """
    pieces = [field(piece, "data+base64url", str) for piece in field(page, "output", list)]
    return b"".join(urlsafe_b64decode(text + "=" * (-len(text) % 4)) for text in pieces)
