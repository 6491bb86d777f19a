"""An app that runs jobs which an earlier program has submitted, for tests."""

from __future__ import annotations

from typing import Any

import seriatim

app = seriatim.App()


def from_before(payload: Any) -> Any:
    """Return the arguments of `resize` for a payload of whatever version."""
    if isinstance(payload, list):  # of the first version
        return {"file": payload[0], "width": payload[1]}
    if "size" in payload:  # of the second one
        return {"file": payload["file"], "width": payload["size"]["w"]}
    return payload


@app.job(also=["scale"], decode=from_before, retries=3)
def resize(file: str, width: int) -> list[Any]:
    return [file, width]


@app.job(also=["LIGM", "ligm.v2"], decode=lambda payload: {"payload": payload}, concurrency=2)
async def legacy(payload: Any) -> list[Any]:
    return [seriatim.current_job().type, payload]


@app.job(queue="heavy", run="process", also=["old-apart"], decode=from_before, timeout="20s")
def apart(file: str, width: int) -> list[Any]:
    return [seriatim.current_job().type, file, width]


@app.job
def unrelated() -> None: ...
