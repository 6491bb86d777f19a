"""What most tests of commands need: a node to ask, and no token but that of its folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from seriatim.gateway.cli.reach import TOKEN_VARIABLE
from tests.support.live_node import LiveNode, live_node


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    with live_node(tmp_path_factory.mktemp("node") / "data") as running:
        yield running


@pytest.fixture(autouse=True)
def no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
