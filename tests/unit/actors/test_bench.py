"""A filled folder is what a node would have written: it verifies, and a node goes on with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from seriatim.actors.bench import BATCH_SLOTS, fill_folder
from seriatim.actors.launch import open_node
from seriatim.actors.offline import open_offline
from seriatim.actors.policy import Policy
from seriatim.formats.schedule.audit import Audit
from seriatim.formats.schedule.variant import Variant
from tests.support.builders import NODE, messages, spawn, unsigned
from tests.support.strategies import known_wallet


@pytest.mark.parametrize("variant", [Variant.LEGACY, Variant.HYPERBEAM])
def test_a_filled_folder_verifies(tmp_path: Path, variant: Variant) -> None:
    first, second = spawn(variant, "first"), spawn(variant, "second")
    submissions = [
        first,
        second,
        *messages(first.process, 3),
        *messages(second.process, 2),
    ]
    fill_folder(tmp_path, submissions, variant=variant, wallet=known_wallet(NODE))
    with open_offline(tmp_path) as folder:
        for process, slots in ((first.process, 4), (second.process, 3)):
            audit = Audit(process)
            for slot, record in folder.records(process, 0, slots):
                audit.add(slot, record)
            assert audit.slots == slots


@pytest.mark.asyncio
async def test_a_node_goes_on_where_the_filling_ended(tmp_path: Path) -> None:
    first = spawn(Variant.NATIVE)
    count = BATCH_SLOTS + 1
    rest = (unsigned(first.process, f"{number}") for number in range(count))
    fill_folder(tmp_path, [first, *rest], variant=Variant.NATIVE, wallet=None)
    node, _ = await open_node(
        tmp_path, wallet=None, policy=Policy(accept_unsigned=True), in_children=False
    )
    receipt = await node.place(unsigned(first.process, "next"), variant_default=Variant.NATIVE)
    await node.close()
    assert receipt.slot == count + 1
