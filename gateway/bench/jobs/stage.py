"""The stage: what a contender's OS processes know of the run that they are in.

Handed down in one environment variable, so that it reaches whatever a product's own worker starts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple, Self

import orjson

_VARIABLE: Final = "SERIATIM_BENCH_STAGE"


class Stage(NamedTuple):
    """A folder, and where the servers are.

    Attributes:
        folder: the contender's own, absolute; nobody else writes to it.
        urls: of the running servers that it has asked for, by the server's name.
    """

    folder: Path
    urls: Mapping[str, str]

    @property
    def records(self) -> Path:
        """The file to which every job appends; see `record.py`."""
        return self.folder / "records"

    @property
    def ready(self) -> Path:
        """Made by the worker once it takes jobs."""
        return self.folder / "ready"

    @property
    def opened(self) -> Path:
        """Made by a producer when each of its callers has enqueued its first job."""
        return self.folder / "opened"

    @property
    def produced(self) -> Path:
        """Put there whole by a producer when it has enqueued all; see `producer.py`."""
        return self.folder / "produced"

    @property
    def data(self) -> Path:
        """Where a product that needs one folder, and nothing else, keeps its jobs."""
        return self.folder / "data"

    def say_ready(self) -> None:
        """Let the run begin: what jobs need is there."""
        self.ready.touch()

    def to_environment(self) -> dict[str, str]:
        """Return the environment that tells an OS process of this stage."""
        plain = {"folder": str(self.folder), "urls": dict(self.urls)}
        return {_VARIABLE: orjson.dumps(plain).decode()}

    @classmethod
    def of_this_process(cls) -> Self:
        """Return the stage that this OS process was started on."""
        plain = orjson.loads(os.environ[_VARIABLE])
        return cls(Path(plain["folder"]), plain["urls"])
