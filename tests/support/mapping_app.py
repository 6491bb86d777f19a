"""An app whose jobs read files that are mapped, for tests."""

from __future__ import annotations

from pathlib import Path

import seriatim
from seriatim import MappedFile

PAGE_BYTES = 4_096

app = seriatim.App()


def private_bytes() -> int:
    """Return how much memory this OS process has for itself: what the kernel cannot take back."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1_024 for line in lines if line.startswith("RssAnon:"))


@app.job(run="process", timeout="1 minute")
def touch(file: MappedFile, *, copy: bool = False) -> tuple[int, int]:
    """Return the sum of the first bytes of all pages, and by how much memory has grown by that."""
    before = private_bytes()
    view = file.view()
    content = bytes(view) if copy else view
    return sum(content[::PAGE_BYTES]), private_bytes() - before


@app.job
def first(file: MappedFile) -> str:
    return bytes(file.view(verified=True)[:5]).decode()


@app.job
def make(path: str, text: str) -> MappedFile:
    Path(path).write_text(text)
    return MappedFile.of(path, hashed=True)


@app.job(run="process", crashes_max=1)
def cut(file: MappedFile) -> int:
    """Look at what is not there any more."""
    view = file.view()
    Path(file.path).write_bytes(b"")
    return view[0]
