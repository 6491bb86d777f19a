"""The kinds of watches that a node knows, by name: its own, and those of other packages.

Another package adds one through an entry point of the group ``seriatim.watches``: an object, or a
class without arguments, of the shape of `WatchKind`. Its own name decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from seriatim.actors.installed import installed
from seriatim.actors.watches.file_watch import FileKind
from seriatim.actors.watches.slots_watch import SlotsKind
from seriatim.actors.watches.threshold_watch import ThresholdKind
from seriatim.actors.watches.watch import WatchKind
from seriatim.actors.watches.webhook_watch import WebhookKind
from seriatim.formats.errors import RefusedError, UnsupportedError

WATCHES: Final = "seriatim.watches"
"""The entry point group of other packages' kinds of watches."""

_SHOWN_CHARS: Final = 80


class WatchRegistry:
    """Kinds of watches by name; each has its own."""

    def __init__(self, kinds: Iterable[WatchKind]) -> None:
        """Know *kinds*.

        Raises:
            RefusedError: two have one name; code ``watch_kind_taken``.
        """
        self._kinds: dict[str, WatchKind] = {}
        for kind in kinds:
            if kind.name in self._kinds:
                raise RefusedError(
                    f"there is a kind of watches {kind.name!r} already; give this one another name",
                    code="watch_kind_taken",
                )
            self._kinds[kind.name] = kind

    def get(self, name: str) -> WatchKind:
        """Return the kind *name*.

        Raises:
            UnsupportedError: it is not known.
        """
        known = self._kinds.get(name)
        if known is None:
            names = ", ".join(sorted(self._kinds))
            raise UnsupportedError(
                f"this node watches no {name[:_SHOWN_CHARS]!r}; it knows {names}; use one of them, "
                "or install the package that has it"
            )
        return known


def load_watch_kinds() -> WatchRegistry:
    """Return all that are installed; loads the code of other packages.

    Raises:
        UnsupportedError: one cannot be loaded, or is none.
        RefusedError: two have one name.
    """
    own = (FileKind(), ThresholdKind(), SlotsKind(), WebhookKind())
    return WatchRegistry((*own, *installed(WATCHES, WatchKind)))
