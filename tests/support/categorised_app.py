"""An app whose functions are of several categories, for tests."""

from __future__ import annotations

import seriatim

QUEUE = "kinds"

app = seriatim.App()


@app.job(queue=QUEUE, category="gpu")
async def render() -> str:
    return "gpu"


@app.job(queue=QUEUE, category="cpu")
async def count() -> str:
    return "cpu"


@app.job(queue=QUEUE)
async def mail() -> str:
    return ""
