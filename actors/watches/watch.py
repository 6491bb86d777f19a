"""What a watch is, what it is handed, and what a kind of watches is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from seriatim.actors.runtime.clock import Clock
    from seriatim.formats.folds.run import Result
    from seriatim.formats.message import Value
    from seriatim.formats.watches.event import Event, NoEvent
    from seriatim.store.log import Log


class World(NamedTuple):
    """What every watch of a node is handed.

    Attributes:
        clock: the node's.
        log: read only.
        wait_for: returns when a slot of a process (32 raw bytes) is durable, or when so many
            milliseconds are over; false, and at once, where too many wait already or the node
            stops.
        compute: the state of a process (32 raw bytes) now, as plain values; ``None`` where the node
            computes nothing.
        metrics: readings by name; each is of now.
        result_of: what has become of a slot of a process, once that is on disk; ``None`` as above.
    """

    clock: Clock
    log: Log
    wait_for: Callable[[bytes, int, int], Awaitable[bool]]
    compute: Callable[[bytes], Awaitable[Any]] | None
    metrics: Mapping[str, Callable[[], float]]
    result_of: Callable[[bytes, int], Awaitable[Result]] | None = None


class Watch(Protocol):
    """Looks for the events of one trigger. Belongs to one event loop."""

    async def first_mark(self) -> bytes:
        """Return the watch mark of a trigger that is added now; never empty.

        Kept with the trigger, nothing that happens from now on is missed, also when the node ends
        before the first event.

        Raises:
            MalformedError: what it is to watch is not there; code ``bad_watch``.
            SchedulerError: as `events`.
        """

    def events(self, mark: bytes) -> AsyncGenerator[Event | NoEvent, None]:
        """Yield the events from *mark* on, in order; never ends by itself.

        The next event is asked for only when the one before is durable, with its mark. What happens
        meanwhile is not lost; how far it is gathered, each kind says. Where much has happened that
        is no event, or something that decides whether there will be one, a `NoEvent` says so. Close
        it (``aclose``) to give back what it holds.

        Args:
            mark: from `first_mark`, or the last one that is durable; empty bytes for what
                `first_mark` would return now.

        Raises:
            SchedulerError: it cannot look on; begin anew from the last durable mark after a pause.
        """


@runtime_checkable
class WatchKind(Protocol):
    """A kind of watches; another package offers one as an object of this shape."""

    @property
    def name(self) -> str:
        """What a trigger calls it, such as ``file``."""

    def check(self, spec: Mapping[str, Value]) -> None:
        """Return when *spec* is one of this kind, as far as can be told without looking; at once.

        Raises:
            MalformedError: it is not; code ``bad_watch``. The sentence names the key, what was
                expected there, and what to do.
        """

    def open(self, spec: Mapping[str, Value], world: World) -> Watch:
        """Return the watch that *spec* asks for; nothing is started before it is asked.

        Raises:
            MalformedError: as `check`; or *world* has nothing of that name.
            UnsupportedError: the node does not do what it takes.
        """
