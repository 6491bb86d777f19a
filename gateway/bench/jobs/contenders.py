"""Who is measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from seriatim.formats.errors import MalformedError
from seriatim.gateway.bench.jobs.contender import Contender
from seriatim.gateway.bench.jobs.ours import IN_ONE, OURS, watched, with_finished
from seriatim.gateway.bench.jobs.peers import PEERS

CONTENDERS: Final[Sequence[Contender]] = (*OURS, *PEERS)
"""In the order in which they are measured and shown."""


def choose_contenders(
    peers: Sequence[str], *, finished: int = 0, is_watched: bool = False
) -> list[Contender]:
    """Return ours, and those of the others that are named by *peers*; all of them for none.

    Where a twin of ours is asked for, these are that and the one that it is held against, and no
    peer that is not named: what is compared is a few per cent, and best near each other.

    Args:
        peers: names.
        finished: ask for the twin in whose queue so many jobs have ended; 0 for not.
        is_watched: ask for the twin whose folder a monitor looks at.

    Raises:
        MalformedError: there is no such peer; code ``bad_peer``.
    """
    known = [each.name for each in CONTENDERS if not each.is_ours]
    if unknown := sorted(set(peers) - set(known)):
        raise MalformedError(
            f"no peer {', '.join(unknown)}; choose from {', '.join(known)}", code="bad_peer"
        )
    twins = [with_finished(finished)] if finished else []
    if is_watched:
        twins.append(watched())
    if twins:
        return [IN_ONE, *twins, *(each for each in PEERS if each.name in peers)]
    return [each for each in CONTENDERS if each.is_ours or not peers or each.name in peers]
