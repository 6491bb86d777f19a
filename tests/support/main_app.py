"""An app in the program that is run itself: ``python main_app.py FOLDER``."""

from __future__ import annotations

import asyncio
import sys

import seriatim

app = seriatim.App()


@app.job(run="process", concurrency=2, memory="512MB", cpu="5 seconds", files=64)
def double(number: int) -> int:
    return 2 * number


async def main(folder: str) -> None:
    async with app.open(folder):
        handle = await double.submit(4)
        print(await handle, (await handle.show())["spec"]["limits"])  # noqa: T201  # that is looked at


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
