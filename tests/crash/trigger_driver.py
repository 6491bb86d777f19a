"""A node with triggers, to be killed: ``python -m tests.crash.trigger_driver FOLDER LIFE``.

It defines the triggers of all lives, and one more of its own, then lets them fire until it is
killed. Where another node holds the folder, it says so and waits for its turn. What it says is one
line of JSON each: ``ready``, ``refused`` with the other's pid, ``defined`` with a trigger's id.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import uvloop

from seriatim.actors.launch import open_node
from seriatim.actors.node import Node
from seriatim.actors.policy import Policy
from seriatim.actors.triggers.runs import Run
from seriatim.formats.errors import StoreLockedError
from seriatim.formats.ids import encode_id
from seriatim.formats.message import Message
from seriatim.formats.schedule.submission import submit_unsigned
from seriatim.formats.schedule.variant import Variant
from tests.crash.driver import say
from tests.support.builders import NODE
from tests.support.strategies import known_wallet

RETRY_S = 0.05
EVERY_MS = {"fast": 50, "slow": 200, "signed": 100, "runs": 75}


def spawns() -> dict[str, Message]:
    """Return the spawns of the processes that get the messages."""
    return {
        variant.tag: Message({"type": "Process", "variant": variant.tag, "name": "target"})
        for variant in (Variant.NATIVE, Variant.HYPERBEAM)
    }


def triggers(life: int) -> list[dict[str, Any]]:
    """Return what a node defines in its *life*; all but the last are the same each time."""
    native, signed = (
        {"process": encode_id(submit_unsigned(spawn).process)} for spawn in spawns().values()
    )
    actions = {"fast": native, "slow": native, "signed": signed, "runs": {"function": "act"}}
    found = [
        {"name": name, "when": f"every {EVERY_MS[name]} ms", "misfire": "all", **action}
        for name, action in actions.items()
    ]
    return [*found, {"name": f"life {life}", "when": "every 10 days", **native}]


async def act(run: Run) -> None:
    """Do nothing, after a while."""
    await asyncio.sleep(run.begun.nominal_ms % 10 / 1_000)


async def open_in_turn(folder: Path) -> Node:
    """Return a node on *folder*, as soon as no other one holds it."""
    while True:
        try:
            node, _ = await open_node(
                folder,
                wallet=known_wallet(NODE),
                policy=Policy(accept_unsigned=True, any_scheduler=True),
                in_children=False,
            )
        except StoreLockedError as error:
            say({"refused": error.pid})
            await asyncio.sleep(RETRY_S)
        else:
            return node


async def main(folder: Path, life: int) -> None:
    """Run the node; whoever started it ends it."""
    node = await open_in_turn(folder)
    table = node.triggers
    assert table is not None
    table.provide("act", act)
    for spawn in spawns().values():
        await node.place(submit_unsigned(spawn), variant_default=Variant.NATIVE)
    say({"ready": life})
    for fields in triggers(life):
        say({"defined": encode_id((await table.define(fields)).id)})
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), int(sys.argv[2])))
