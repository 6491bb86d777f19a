"""What an ao unit asks of an item beyond its signature.

First failure wins, in the unit's own order. Source: ao unit; see
``docs/protocol/legacy.md``.
"""

from __future__ import annotations

from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.item import DataItem
from seriatim.formats.errors import MalformedError


def check_legacy_item(item: DataItem) -> None:
    """Return when an ao unit would place *item*.

    Raises:
        MalformedError: codes ``bad_tag_text``, ``bad_type``, ``no_data_protocol``,
            ``link_tag``, ``no_module_or_scheduler``, ``no_target``.
    """
    _check_text(item.tags)
    kind = item.tag(b"Type")
    if kind is None:
        kind = item.tag(b"type")
    if kind is None:
        raise MalformedError("Type tag not present", code="bad_type")
    if kind not in (b"Process", b"Message"):
        raise MalformedError("Unsupported Type tag value", code="bad_type")
    names = {tag.name for tag in item.tags}
    if not names & {b"Data-Protocol", b"data-protocol"}:
        raise MalformedError("Data-Protocol tag not present", code="no_data_protocol")
    for tag in item.tags:
        if tag.name.endswith(b"+link") or tag.value.endswith(b"+link"):
            raise MalformedError(f"Tag {tag.name.decode()} cannot contain +link", code="link_tag")
    if kind == b"Process":
        if not {b"Module", b"Scheduler"} <= names:
            raise MalformedError(
                "Required Module and Scheduler tags for Process type not present",
                code="no_module_or_scheduler",
            )
    elif not item.target:
        raise MalformedError(
            "the message has no target; set it to the process id", code="no_target"
        )


def _check_text(tags: tuple[Tag, ...]) -> None:
    """Legacy JSON carries tags as text, so a tag that is not text cannot be served."""
    for name, value in tags:
        try:
            name.decode("utf-8")
            value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise MalformedError(
                "a tag is not UTF-8; this API carries tags as text", code="bad_tag_text"
            ) from error
