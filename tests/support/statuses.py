"""What workers may say of themselves, for tests."""

from __future__ import annotations

from typing import Any

from seriatim.formats.jobs.status import RunningJob, WorkerStatus


def status_of(worker: str = "w1", beat: int = 1, *jobs: RunningJob, **other: Any) -> WorkerStatus:
    """Return a worker of category ``gpu`` that runs *jobs*, with what is said *other*."""
    said: dict[str, Any] = {
        "worker": worker,
        "queue": "default",
        "host": "host",
        "pid": 7,
        "category": "gpu",
        "types": ["render"],
        "room": 2,
        "running": jobs,
        "is_draining": False,
        "beat": beat,
        "beat_ms": 1_000 * beat,
    }
    return WorkerStatus(**{**said, **other})
