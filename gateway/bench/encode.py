"""Part e: assignments per second in each form, in one OS process, against reading their records."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import chain
from pathlib import Path
from time import perf_counter_ns
from typing import Final, NamedTuple

from seriatim.actors.bench import fill_folder
from seriatim.actors.launch import open_node
from seriatim.actors.node import Node
from seriatim.actors.policy import Policy
from seriatim.formats.ans104.item import DataItem
from seriatim.formats.errors import UnavailableError
from seriatim.formats.schedule.assignment import Block
from seriatim.formats.schedule.submission import submit_item
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.wallet import RsaWallet
from seriatim.formats.wire import aos2, schedule
from seriatim.formats.wire.http_schedule import encode_page
from seriatim.gateway.bench.corpus import make_spawns, sign_message
from seriatim.gateway.bench.figure import Figure, Part, Sample, Say
from seriatim.gateway.bench.posts import sign_raw
from seriatim.gateway.bench.scale import Scale
from seriatim.store.baseline import RawReader

UNIT: Final = "assignments/s"

Render = Callable[[Node, bytes, int], Awaitable[int]]
"""Makes a page of so many slots of a process, and returns its bytes."""


class Form(NamedTuple):
    """One form of a page.

    Attributes:
        name: for the table.
        render: makes a page.
        is_signed: whether its first reader waits for signatures.
    """

    name: str
    render: Render
    is_signed: bool = False


async def _render_json(node: Node, process: bytes, slots: int) -> int:
    chunks = node.rendered(process, 0, slots - 1, shape="json", encode=schedule.encode_entry)
    return sum(map(len, chunks))


async def _render_aos2(node: Node, process: bytes, slots: int) -> int:
    chunks = node.rendered(process, 0, slots - 1, shape="aos-2", encode=aos2.encode_edge)
    return sum(map(len, chunks))


async def _render_http(node: Node, process: bytes, slots: int) -> int:
    entries, last = await node.http_entries(process, 0, slots - 1)
    if last != slots - 1:
        raise UnavailableError(f"a page of {slots} slots ended at slot {last}")
    return len(encode_page(entries, process, Block(), continues=False).body)


FORMS: Final = (
    Form("JSON", _render_json),
    Form("aos-2", _render_aos2),
    Form("HTTP message", _render_http, is_signed=True),
)


async def measure_encodings(folder: Path, scale: Scale, say: Say) -> list[Figure]:
    """Return the figures of part e; *folder* is for its files.

    Raises:
        UnavailableError: a page is not whole.
    """
    say(f"signing {scale.encode_slots:,} data items and their assignments")
    wallet = await asyncio.to_thread(RsaWallet.generate)
    data = folder / "data"
    process = await asyncio.to_thread(_fill, data, wallet, scale.encode_slots)
    figures: list[Figure] = []
    for form in FORMS:
        found: dict[str, list[Sample]] = {}
        for number in range(scale.rounds):
            say(f"{form.name}: round {number + 1} of {scale.rounds}")
            copy = folder / f"{form.name}-{number}"
            shutil.copytree(data, copy)
            for name, sample in (await _take_round(copy, wallet, process, form, scale)).items():
                found.setdefault(name, []).append(sample)
            shutil.rmtree(copy)
        figures += _figures(form, found, scale.encode_slots)
    return figures


def _fill(data: Path, wallet: RsaWallet, slots: int) -> bytes:
    spawn = DataItem.decode(make_spawns(wallet, Variant.HYPERBEAM, 1)[0])
    messages = (sign_message(wallet, spawn.id, number) for number in range(1, slots))
    submissions = map(submit_item, chain([spawn], messages))
    fill_folder(data, submissions, variant=Variant.HYPERBEAM, wallet=wallet)
    return spawn.id


async def _take_round(
    data: Path, wallet: RsaWallet, process: bytes, form: Form, scale: Scale
) -> dict[str, Sample]:
    slots = scale.encode_slots
    found = {"raw": await asyncio.to_thread(_read_raw, data, process, slots)}
    if form.is_signed:
        found["raw signing"] = await asyncio.to_thread(sign_raw, wallet, scale.sign_ms)
        async with _node(data, wallet) as node:
            found["signed first"] = await _timed(form, node, process, slots)
    async with _node(data, wallet) as node:
        found["first time"] = await _timed(form, node, process, slots)
        found["again"] = await _timed(form, node, process, slots)
    return found


@asynccontextmanager
async def _node(data: Path, wallet: RsaWallet) -> AsyncIterator[Node]:
    node, _ = await open_node(data, wallet=wallet, policy=Policy(), in_children=False)
    try:
        yield node
    finally:
        await node.close()


async def _timed(form: Form, node: Node, process: bytes, slots: int) -> Sample:
    started_ns = perf_counter_ns()
    await form.render(node, process, slots)
    return Sample(slots * 1e9 / (perf_counter_ns() - started_ns))


def _read_raw(data: Path, process: bytes, slots: int) -> Sample:
    reader = RawReader(data)
    try:
        started_ns = perf_counter_ns()
        reader.read(b"log", process, 0, slots)
        return Sample(slots * 1e9 / (perf_counter_ns() - started_ns))
    finally:
        reader.close()


def _figures(form: Form, found: dict[str, list[Sample]], slots: int) -> list[Figure]:
    figures = []
    for name in ("signed first", "first time", "again"):
        if name not in found:
            continue
        ceiling = "raw signing" if name == "signed first" else "raw"
        figures.append(
            Figure(
                part=Part.ENCODE,
                name=f"{form.name}, {name}",
                unit=UNIT,
                samples=found[name],
                ceiling_name="raw signing, all cores" if ceiling != "raw" else "raw cursor",
                ceilings=found[ceiling],
                n=slots,
            )
        )
    return figures
