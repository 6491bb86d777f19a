"""Backs a folder up until the copy is half there, says so, and then does nothing more."""

from __future__ import annotations

import sys
from pathlib import Path

from seriatim.actors.backup import back_up


def stop(done: int, of: int) -> None:
    """Say how far it is, and wait to be killed."""
    print(done, of, flush=True)  # noqa: T201  # that is waited for
    sys.stdin.read()


back_up(Path(sys.argv[1]), Path(sys.argv[2]), on_bytes=stop)
