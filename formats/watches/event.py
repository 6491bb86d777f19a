"""An event: what a watch has seen, and from where it looks on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from seriatim.formats.codecs.fields import freeze
from seriatim.formats.errors import LimitExceededError, MalformedError
from seriatim.formats.limits import EVENT_KEY_MAX_CHARS, WATCH_MARK_MAX_BYTES
from seriatim.formats.message import Value


class Event(NamedTuple):
    """Something that a watch has seen.

    Attributes:
        key: names the event among those of its trigger, for ever: text of 1 to
            ``EVENT_KEY_MAX_CHARS`` characters. The same event seen again (after a crash) has the
            same key, so that it is no second fire.
        fields: what the fire's message says of it; values that a `Message` can carry.
        mark: the watch mark: from where the watch looks on when this event has been handled. Opaque
            bytes, kept durably with the fire, at most ``WATCH_MARK_MAX_BYTES``.
    """

    key: str
    fields: Mapping[str, Value]
    mark: bytes


class NoEvent(NamedTuple):
    """How far a watch has come without an event: what it need not see again after a restart.

    Attributes:
        mark: the watch mark, as of an `Event`.
    """

    mark: bytes


def check_event(event: Event) -> Event:
    """Return *event*, of whosever watch, which a trigger can keep.

    Raises:
        MalformedError: its key is empty or not ASCII; a message cannot have its fields.
        LimitExceededError: its key or its watch mark is too long, or a field passes a bound.
    """
    if not event.key or not event.key.isascii():
        raise MalformedError("an event's key is ASCII text, and not empty", code="bad_event")
    _check_length("characters of an event's key", len(event.key), EVENT_KEY_MAX_CHARS)
    check_mark(event.mark)
    freeze(event.fields)
    return event


def check_mark(mark: bytes) -> bytes:
    """Return *mark*, which is no longer than a watch mark may be.

    Raises:
        LimitExceededError: it is.
    """
    _check_length("bytes of a watch mark", len(mark), WATCH_MARK_MAX_BYTES)
    return mark


def bad_mark(reason: str) -> MalformedError:
    """Return the error for a watch mark that its watch cannot have made; code ``bad_mark``."""
    return MalformedError(
        f"this is no watch mark of this kind of watch: {reason}; remove the trigger and add it "
        "again",
        code="bad_mark",
    )


def _check_length(what: str, given: int, maximum: int) -> None:
    if given > maximum:
        raise LimitExceededError(what, given=given, maximum=maximum)
