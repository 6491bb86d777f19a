"""An ordered, durable log inside your own program: run me twice."""

import asyncio
import sys

import seriatim


async def main(folder: str) -> None:
    async with seriatim.open(folder) as node:
        orders = await node.spawn({"name": "orders"})  # the same fields, the same process

        for number in range(3):
            receipt = await node.schedule(orders, {"action": "add", "number": number})
            print("on disk: slot", receipt.slot)

        total = 0
        for entry in node.read(orders, first=1):  # a fold over the log is your state
            total += int(entry.fields["number"])
        print("sum of all numbers:", total)

        report = node.verify(orders)  # every link, checked from the stored bytes
        print(report.slots, "slots verified")


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "orders-data"))
