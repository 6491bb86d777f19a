"""Packages that are installed for one test."""

from __future__ import annotations

from pathlib import Path

import pytest


def install(
    site: Path, monkeypatch: pytest.MonkeyPatch, *, name: str, code: str, entry_points: str
) -> None:
    """Install one module *name* in the folder *site*; *entry_points* is the text of their file."""
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (site / f"{name}.py").write_text(code)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)
    monkeypatch.syspath_prepend(str(site))
