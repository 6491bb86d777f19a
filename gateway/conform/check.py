"""A check: one claim about a node, and how to try it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from hypothesis.strategies import SearchStrategy

from seriatim.gateway.conform.kind import Kind

BOTH: Final = frozenset(Kind)
LEGACY: Final = frozenset({Kind.LEGACY})
HYPERBEAM: Final = frozenset({Kind.HYPERBEAM})


class Check(NamedTuple):
    """A claim that a node can be held to.

    Attributes:
        name: one word, unique within each of *kinds*; a claim that two APIs make in different ways
            is two checks of one name.
        claim: one sentence, true of a node that conforms.
        source: where the rule comes from.
        kinds: the APIs that it is about.
        plan: draws what to do; a smaller draw is a shorter conversation, so that failures shrink.
        run: does it: called with the face of an API and a plan. All processes are new. Raises
            `ClaimBrokenError` where the claim does not hold, `CheckSkippedError` where it means
            nothing.
        writes: whether it has to spawn; it is skipped at a node that refuses that.
    """

    name: str
    claim: str
    source: str
    kinds: frozenset[Kind]
    plan: SearchStrategy[Any]
    run: Callable[[Any, Any], None]
    writes: bool = True
