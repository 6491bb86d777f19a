"""The root of the tree, and errors of bytes."""

from __future__ import annotations

from typing import ClassVar


class SchedulerError(Exception):
    """Root of the tree; never raised itself."""

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False


class FormatError(SchedulerError):
    """Bytes that cannot be read as what they claim to be."""

    code = "malformed"


class MalformedError(FormatError):
    """A rule of the encoding is broken.

    Attributes:
        code: which rule, for example ``truncated`` or ``non_canonical_tags``.
        offset: byte position of the fault where one is known, else ``None``.
    """

    def __init__(self, reason: str, *, code: str = "malformed", offset: int | None = None) -> None:
        self.code = code  # type: ignore[misc]  # a narrower code than the class's own
        self.reason = reason
        self.offset = offset
        super().__init__(reason if offset is None else f"{reason} (at byte {offset})")


class LimitExceededError(FormatError):
    """A bound of ``formats/limits/`` is passed."""

    code = "limit_exceeded"

    def __init__(self, limit: str, *, given: int, maximum: int) -> None:
        self.limit = limit
        self.given = given
        self.maximum = maximum
        super().__init__(f"{limit} is {given}; at most {maximum} is allowed")
