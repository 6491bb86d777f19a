"""Errors on their way out: the only place that knows HTTP statuses.

Two shapes: RFC 9457 problem JSON on our own and HyperBEAM's paths, ``{"error": …}`` on those of the
legacy API. Both carry the stable code in the header ``seriatim-error`` too.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

import orjson

from seriatim.formats.errors import (
    BadSignatureError,
    ChildFailedError,
    CommitmentError,
    ConflictError,
    DeadlineExceededError,
    DivergedError,
    ElsewhereError,
    FoldError,
    FormatError,
    ForwardLoopError,
    JobError,
    LimitExceededError,
    NotFoundError,
    OverloadedError,
    QueueFullError,
    RefusedError,
    SchedulerError,
    StoreError,
    TakenError,
    UnauthorizedError,
    UnavailableError,
    UnsupportedError,
    UnsupportedSchemeError,
    WrongMethodError,
)
from seriatim.formats.limits import RETRY_AFTER_MS

CODE_HEADER: Final = "seriatim-error"

_LOG: Final = logging.getLogger("seriatim.gateway")

# The most special class that fits decides: the order of this table is the order of the search.
_STATUSES: Final[Mapping[type[SchedulerError], int]] = {
    LimitExceededError: 413,
    FormatError: 400,
    BadSignatureError: 400,
    DivergedError: 502,
    CommitmentError: 400,
    ElsewhereError: 307,
    ForwardLoopError: 508,
    UnauthorizedError: 401,
    WrongMethodError: 405,
    TakenError: 409,
    RefusedError: 400,
    ConflictError: 409,
    NotFoundError: 404,
    # The status on which aoconnect signs again as an ANS-104 item.
    UnsupportedSchemeError: 422,
    UnsupportedError: 501,
    OverloadedError: 429,
    QueueFullError: 429,
    DeadlineExceededError: 504,
    FoldError: 422,
    JobError: 422,
    UnavailableError: 503,
    StoreError: 503,
    SchedulerError: 500,
}


class Problem:
    """An error as a client sees it.

    Attributes:
        status: HTTP status.
        code: stable text that clients may match on.
        detail: a sentence for people.
        headers: headers of the reply, ``retry-after`` among them where a retry makes sense.
        url: the node that the same request belongs to; empty for this one.
    """

    __slots__ = ("code", "detail", "headers", "status", "url")

    def __init__(self, error: BaseException) -> None:
        """Describe *error*; what is not ours is logged and named ``internal`` only."""
        if isinstance(error, SchedulerError):
            self.status = status_of(type(error))
            self.code = error.code
            self.detail = self._detail(error)
        else:
            # What a client sent may be in the text: escaped, it stays within its line of the log.
            _LOG.error("unexpected %s: %s", type(error).__name__, ascii(str(error))[:200])
            _LOG.debug("where it came from", exc_info=error)
            self.status, self.code = 500, "internal"
            self.detail = (
                "the node failed at this request, and whether it was done is not known; the same "
                "signed message, or job with its id, may be sent again: it has one slot"
            )
        self.url = error.url if isinstance(error, ElsewhereError) else ""
        self.headers = {CODE_HEADER: self.code}
        if isinstance(error, UnauthorizedError):
            self.headers["www-authenticate"] = "Bearer"  # RFC 9110 §11.6.1 asks for it
        if isinstance(error, WrongMethodError):
            self.headers["allow"] = ", ".join(error.allowed)
        if isinstance(error, ElsewhereError) and error.variant:
            self.headers["variant"] = error.variant
        if self.status in (429, 503, 504):
            retry_ms = getattr(error, "retry_after_ms", 0) or RETRY_AFTER_MS
            self.headers["retry-after"] = str(max(1, -(-retry_ms // 1000)))

    @staticmethod
    def _detail(error: SchedulerError) -> str:
        """Return what a client is told; what is about this machine, its log is told instead."""
        if not isinstance(error, StoreError | ChildFailedError):
            return str(error)
        _LOG.error("%s: %s", error.code, ascii(str(error))[:1_000])
        return (
            "the node cannot use its data folder now: its log says why, and /health may; "
            "send the same again when that is mended"
        )

    def to_plain(self) -> dict[str, Any]:
        """Return the RFC 9457 object."""
        return {
            "type": f"urn:seriatim:error:{self.code}",
            "title": self.code.replace("_", " "),
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }

    def encode(self) -> bytes:
        """Return the RFC 9457 body."""
        return orjson.dumps(self.to_plain())


def status_of(kind: type[SchedulerError]) -> int:
    """Return the HTTP status for errors of *kind*."""
    return next(status for known, status in _STATUSES.items() if issubclass(kind, known))
