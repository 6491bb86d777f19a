"""Webhooks: events that somebody hands in, from a program or over HTTP."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from seriatim.formats.watches.spec import SpecReader

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from seriatim.actors.watches.watch import Watch, World
    from seriatim.formats.message import Value
    from seriatim.formats.watches.event import Event, NoEvent

WEBHOOK: Final = "webhook"


class WebhookKind:
    """The kind ``webhook``; see ``docs/watches.md``."""

    name = WEBHOOK

    def check(self, spec: Mapping[str, Value]) -> None:
        """See `WatchKind.check`."""
        SpecReader(spec).end()

    def open(self, spec: Mapping[str, Value], world: World) -> Watch:
        """See `WatchKind.open`."""
        del world
        self.check(spec)
        return WebhookWatch()


class WebhookWatch:
    """Sees nothing by itself; see `TriggerTable.occur`."""

    async def first_mark(self) -> bytes:
        """See `Watch.first_mark`: what has not been handed in is nowhere."""
        return WEBHOOK.encode()

    async def events(self, mark: bytes) -> AsyncGenerator[Event | NoEvent, None]:
        """See `Watch.events`: there are none."""
        del mark
        none: tuple[Event, ...] = ()
        await asyncio.Event().wait()
        for event in none:
            yield event
