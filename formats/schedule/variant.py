"""The kinds of assignment that a process can have.

The spawn's ``Variant`` tag decides, and it never changes afterwards.

========== ============= ================================== ==================
variant    signed        chain covers                       chosen by
========== ============= ================================== ==================
ao.TN.1    ANS-104 item  the previous *assignment's* id     tag, or legacy API
ao.N.1     ANS-104 item  this *message's* id                tag, or HyperBEAM API
seriatim.1 no            this *message's* id                tag, or embedding
========== ============= ================================== ==================
"""

from __future__ import annotations

from enum import IntEnum

from seriatim.formats.errors import MalformedError


class Variant(IntEnum):
    """The kind of assignment; the value is the byte in stored records."""

    LEGACY = 1
    HYPERBEAM = 2
    NATIVE = 3

    @property
    def tag(self) -> str:
        """The text of the ``Variant`` tag."""
        return _TAGS[self]

    @property
    def signed(self) -> bool:
        """Whether each assignment carries a signature of the node."""
        return self is not Variant.NATIVE

    @classmethod
    def from_tag(cls, tag: str) -> Variant:
        """Return the variant that *tag* names.

        Raises:
            MalformedError: no such variant; code ``unknown_variant``.
        """
        for variant, text in _TAGS.items():
            if text == tag:
                return variant
        raise MalformedError(
            f"Variant {tag[:64]!r} is not known; use one of {', '.join(_TAGS.values())}",
            code="unknown_variant",
        )


_TAGS = {
    Variant.LEGACY: "ao.TN.1",
    Variant.HYPERBEAM: "ao.N.1",
    Variant.NATIVE: "seriatim.1",
}
