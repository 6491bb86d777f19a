"""The clients from npm are installed by one OS process of tests, and the others wait for it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support import node_js
from tests.support.node_js import NodeJs


def test_modules_are_installed_once_by_whoever_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_js, "INTEROP", tmp_path)
    monkeypatch.setattr(node_js, "MODULES", tmp_path)
    (tmp_path / "package-lock.json").write_text("{}")
    npm = ("sh", "-c", "mkdir busy && echo >> installed && rmdir busy")
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(NodeJs("node", npm).install_modules) for _ in range(8)]
    assert [each.result() for each in asked] == [tmp_path] * 8
    assert (tmp_path / "installed").read_text() == "\n"
