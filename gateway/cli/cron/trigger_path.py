"""Which trigger a command is about."""

from __future__ import annotations

from typing import Annotated

import typer

Trigger = Annotated[str, typer.Argument(help="The trigger's id, 43 characters, or its name.")]


def path_of(trigger: str, *more: str) -> tuple[str, ...]:
    """Return the path of *trigger*, and of what is *more* of it, as `ApiClient` takes it."""
    return ("triggers", trigger, *more)
