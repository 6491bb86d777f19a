"""Durable jobs inside a program: run me, kill me, run me again."""

import asyncio
import sys

import seriatim

app = seriatim.App()


@app.job(retries=3)
async def ingest(file: str) -> list[int]:
    return [len(word) for word in file.split()]


@app.job(concurrency=4, timeout="1 minute")
def analyze(lengths: list[int]) -> float:  # no coroutine: it runs in a thread
    return sum(lengths) / len(lengths)


async def main(folder: str) -> None:
    async with app.open(folder) as running:
        words = await ingest.submit("three little words")  # on disk when it returns
        average = await analyze.submit(words.output)  # waits for the other one
        print("average:", await average)
        await running.drain()


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "jobs-data"))
