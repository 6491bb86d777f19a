"""What a function in a child asks, where no test expects it to ask anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


async def unanswered(verb: str, said: Mapping[str, Any]) -> Any:
    """Fail: nobody is there who could answer."""
    raise AssertionError(f"{verb} was asked: {said}")
