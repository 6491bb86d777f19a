"""A node under load, to be killed: ``python -m tests.crash.driver``, orders as JSON on stdin.

Posts again what the life before has posted, then new messages for ever. Every acknowledgement is
one line on stdout, written after it was received: what the parent reads has been promised.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any, Final

import orjson
import uvloop

from seriatim.actors.launch import open_node
from seriatim.actors.node import Node
from seriatim.actors.policy import Policy
from seriatim.formats.errors import ChildDiedError, UnavailableError
from seriatim.formats.ids import encode_id
from seriatim.formats.schedule.submission import Submission
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.wire.receipt import Receipt
from tests.crash.ack_first import open_ack_first
from tests.support.builders import NODE, message, spawn
from tests.support.strategies import known_wallet

EXIT_FAILED: Final = 3
"""The node said by itself that it has to end, and answered everybody."""


def spawns(life: int) -> list[Submission]:
    """Return the spawns of a *life*: one process of each variant."""
    return [spawn(variant, f"life {life}") for variant in Variant]


def posted(life: int, client: int, number: int) -> Submission:
    """Return the *number*-th message of a *client* in a *life*: the same one every time."""
    places = spawns(life)
    process = places[number % len(places)].process
    return message(process, f"{life} {client} {number}")


def say(line: dict[str, Any]) -> None:
    """Tell the parent; in one write, so that lines of a killed node are whole."""
    os.write(sys.stdout.fileno(), orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


async def post(node: Node, submission: Submission, client: int, number: int, life: int) -> None:
    """Post, and tell the parent of the receipt."""
    receipt: Receipt = await node.place(submission, variant_default=Variant.NATIVE)
    say(
        {
            "process": encode_id(receipt.process),
            "slot": receipt.slot,
            "message": encode_id(receipt.message_id),
            "chain": encode_id(receipt.hash_chain),
            "assignment": encode_id(receipt.assignment_id),
            "place": [life, client, number],
        }
    )


async def run_client(node: Node, orders: dict[str, Any], client: int) -> None:
    """Post what was posted before (``again``: life, count per client), then what is new."""
    for life, counts in orders["again"]:
        for number in range(counts[client]):
            await post(node, posted(life, client, number), client, number, life)
    number = 0
    while orders["is_endless"]:
        life = orders["life"]
        await post(node, posted(life, client, number), client, number, life)
        number += 1


async def main(orders: dict[str, Any]) -> int:
    """Run the node; return the exit status."""
    folder = Path(orders["folder"])
    if orders["composition"] == "ack first":
        node = await open_ack_first(folder)
    else:
        node, _ = await open_node(
            folder,
            wallet=known_wallet(NODE),
            policy=Policy(),
            in_children=orders["composition"] == "children",
        )
    say({"ready": os.getpid()})
    try:
        lives = [life for life, _ in orders["again"]] + [orders["life"]]
        for life in lives:
            for submission in spawns(life):
                await post(node, submission, -1, -1, life)
        clients = [run_client(node, orders, each) for each in range(orders["clients"])]
        results = await asyncio.gather(*clients, return_exceptions=True)
    finally:
        await node.close()
    errors = [each for each in results if each is not None]
    if isinstance(node.failed.error(), ChildDiedError) and all(
        isinstance(each, UnavailableError) for each in errors
    ):
        return EXIT_FAILED
    for error in errors:
        raise error
    return 0


if __name__ == "__main__":
    sys.exit(uvloop.run(main(orjson.loads(sys.stdin.buffer.read()))))
