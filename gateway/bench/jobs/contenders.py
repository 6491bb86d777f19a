"""Who is measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from seriatim.formats.errors import MalformedError
from seriatim.gateway.bench.jobs.contender import Contender
from seriatim.gateway.bench.jobs.ours import OURS
from seriatim.gateway.bench.jobs.peers import PEERS

CONTENDERS: Final[Sequence[Contender]] = (*OURS, *PEERS)
"""In the order in which they are measured and shown."""


def choose_contenders(peers: Sequence[str]) -> list[Contender]:
    """Return ours, and those of the others that are named by *peers*; all of them for none.

    Raises:
        MalformedError: there is no such peer; code ``bad_peer``.
    """
    known = [each.name for each in CONTENDERS if not each.is_ours]
    if unknown := sorted(set(peers) - set(known)):
        raise MalformedError(
            f"no peer {', '.join(unknown)}; choose from {', '.join(known)}", code="bad_peer"
        )
    return [each for each in CONTENDERS if each.is_ours or not peers or each.name in peers]
