"""Our node, as a server that contenders of ours need."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seriatim.actors.offline import running_node
from seriatim.actors.operator_token import read_folder_token
from seriatim.gateway.bench.jobs.running import running, wait_until


class NodeServer:
    """``seriatim serve``: what it answers is synced."""

    name = "seriatim"

    def missing(self) -> str | None:
        """Return ``None``: it is here."""
        return None

    @contextmanager
    def serving(self, folder: Path) -> Iterator[str]:
        """Run it on *folder*; give its URL, with its operator's token.

        Raises:
            UnavailableError: it does not start.
        """
        data = folder / "data"
        command = [sys.executable, "-m", "seriatim", "serve", "--data", str(data), "--port", "0"]

        def url() -> str:
            found = running_node(data) if data.is_dir() else None
            return (found.url if found else None) or ""

        with running(command, name="seriatim serve", log=folder / "log") as server:
            wait_until(lambda: bool(url()), needed=(server,), what="the node")
            token = read_folder_token(data)
            yield url().replace("http://", f"http://operator:{token}@", 1)
