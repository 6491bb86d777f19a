"""Durable cron inside a program: run me, stop me, run me again."""

import asyncio
import sys

import seriatim


async def main(folder: str) -> None:
    async with seriatim.open(folder) as node:

        @node.every("500 ms")
        async def beat(fire: seriatim.Fire) -> None:
            print("called for", fire.nominal.isoformat())

        @node.cron("0 9 * * mon-fri", tz="Europe/Paris", misfire="all", window="2 days")
        def morning() -> None:  # no coroutine: it runs in a thread
            print("good morning")

        orders = await node.spawn({"name": "orders"})
        await node.triggers.add("tomorrow at 9am", process=orders, message={"action": "close"})

        await asyncio.sleep(2)
        async for trigger in node.triggers.all():
            print(trigger.state, trigger.next, trigger.definition)


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "triggers-data"))
