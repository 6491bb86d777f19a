"""What the executor needs from the world; it is handed in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from seriatim.actors.executor.cgroup import Cgroups
from seriatim.actors.executor.keepers import Keepers
from seriatim.actors.runtime.clock import Clock

INHERITED: Final = frozenset(
    {"HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER"}
)
"""What a job's environment has of its worker's; and what begins with `INHERITED_PREFIX`."""

INHERITED_PREFIX: Final = "LC_"


class World(NamedTuple):
    """The world as jobs are run in it.

    Attributes:
        clock: for deadlines.
        environment: what every job's environment has; see `inherited`.
        keepers: of commands.
        cgroups: where jobs get cgroups of their own; ``None`` where they get none.
    """

    clock: Clock
    environment: Mapping[str, str]
    keepers: Keepers
    cgroups: Cgroups | None = None


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a job may know of the *environment* of its worker: no secret by default."""
    return {
        name: value
        for name, value in environment.items()
        if name in INHERITED or name.startswith(INHERITED_PREFIX)
    }
