"""A fixture of pytest for programs with jobs.

``pytest_plugins = ["seriatim.testing.pytest_plugin"]`` in ``conftest.py`` has it. It is no entry
point: pytest would import it in every run where the package is installed, and rewrite the
assertions of all of our modules, for people who have never asked for it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import pytest

from seriatim.actors.app.inline_app import InlineApp
from seriatim.actors.app.rehearsal import Rehearsal, rehearse

if TYPE_CHECKING:
    from seriatim.actors.app.app import App


class Opening:
    """An app that a test is to open: by ``with``, or by ``async with``."""

    def __init__(self, app: App, make_folder: Callable[[], Path]) -> None:
        """Open *app*, on a folder of *make_folder* where it takes one."""
        self._app = app
        self._make_folder = make_folder
        self._stack = ExitStack()
        self._async_stack = AsyncExitStack()

    def __enter__(self) -> InlineApp:
        """Have jobs run where they are submitted: no node, and no time; see `App.inline`."""
        return InlineApp(self._app, self._stack.enter_context(self._app.inline()))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self._stack.close()

    async def __aenter__(self) -> Rehearsal:
        """Have jobs run by real workers in virtual time; see `rehearse`."""
        rehearsing = rehearse(self._app, self._make_folder())
        return await self._async_stack.enter_async_context(rehearsing)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        await self._async_stack.aclose()


@pytest.fixture
def seriatim_jobs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[App], Opening]:
    """Return what opens an app for this test.

    ``with seriatim_jobs(app) as jobs`` is an `InlineApp`, for blocking code; ``async with`` is a
    `Rehearsal` on a folder of its own, for whatever plugin runs coroutines on asyncio.
    """
    return lambda app: Opening(app, lambda: tmp_path_factory.mktemp("seriatim"))
