"""Part c: pages of a schedule, against aiohttp sending the same bytes and against a raw cursor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from itertools import chain
from pathlib import Path
from time import perf_counter_ns
from typing import Final, NamedTuple

import aiohttp
import orjson

from seriatim.actors.bench import fill_folder
from seriatim.actors.keyring import create_wallet
from seriatim.formats.ans104.item import DataItem
from seriatim.formats.errors import UnavailableError
from seriatim.formats.ids import encode_id
from seriatim.formats.schedule.submission import submit_item
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.scheme import WalletKind
from seriatim.formats.signing.wallet import Wallet
from seriatim.gateway.bench.children import HELLO, load, serving, serving_node
from seriatim.gateway.bench.corpus import make_spawns, sign_message
from seriatim.gateway.bench.figure import Aim, Figure, Part, Sample, Say, make_sample
from seriatim.gateway.bench.load import pack_requests
from seriatim.gateway.bench.scale import Scale
from seriatim.store.baseline import RawReader

SIZES: Final = (100, 1_000)
CONNECTIONS: Final = 4
AIM: Final = Aim(0.50)
UNIT: Final = "pages/s"


class Shape(NamedTuple):
    """One way to ask for a page.

    Attributes:
        name: for the table.
        variant: of the process that is paged through.
        database: where the raw cursor finds what the page is made of.
        target: the path for the page from a slot on, of so many slots.
        pages_through: whether clients go from page to page; otherwise the first one is asked
            for again and again.
        is_first_time: whether each page is asked for only once, of a node that was just started.
    """

    name: str
    variant: Variant
    database: bytes
    target: Callable[[str, int, int], str]
    pages_through: bool
    is_first_time: bool


def _legacy_target(process: str, first: int, size: int) -> str:
    del first
    return f"/{process}?process-id={process}&limit={size}"


def _aos2_target(process: str, first: int, size: int) -> str:
    keys = f"target={process}&from={first}&to={first + size - 1}&accept=application/aos-2"
    return f"/~scheduler@1.0/schedule?{keys}"


SHAPES: Final = (
    Shape(
        "legacy",
        Variant.LEGACY,
        b"views",
        _legacy_target,
        pages_through=False,
        is_first_time=False,
    ),
    Shape(
        "aos-2, first time",
        Variant.HYPERBEAM,
        b"log",
        _aos2_target,
        pages_through=True,
        is_first_time=True,
    ),
    Shape(
        "aos-2, again",
        Variant.HYPERBEAM,
        b"log",
        _aos2_target,
        pages_through=True,
        is_first_time=False,
    ),
)


class _Book(NamedTuple):
    """The pages of one shape and size.

    Attributes:
        shape: how they are asked for.
        size: assignments per page.
        process: whose they are, 32 raw bytes.
        data: the node's folder.
        wallet: file of the node's wallet.
        targets: one per page.
        requests: file of the requests for them.
        body: file of the first page's bytes, as the node sends it.
        reads: how many pages are asked for per round.
    """

    shape: Shape
    size: int
    process: bytes
    data: Path
    wallet: Path
    targets: list[str]
    requests: Path
    body: Path
    reads: int


class _Rounds(NamedTuple):
    """The samples of one book."""

    nodes: list[Sample]
    hellos: list[Sample]
    cursors: list[Sample]


async def measure_pages(folder: Path, scale: Scale, say: Say) -> list[Figure]:
    """Return the figures of part c; *folder* is for its files.

    Raises:
        UnavailableError: a page was not answered 200, or is not whole.
    """
    file = folder / "wallet.json"
    wallet = create_wallet(file, WalletKind.ED25519)
    books: list[_Book] = []
    for variant in (Variant.LEGACY, Variant.HYPERBEAM):
        say(f"{variant.tag}: filling a log of {scale.page_slots:,} slots")
        data = folder / variant.tag
        process = await asyncio.to_thread(_fill, data, wallet, variant, scale.page_slots)
        shapes = [shape for shape in SHAPES if shape.variant is variant]
        of_variant = [
            _make_book(folder, data, file, process, shape, size, scale)
            for shape in shapes
            for size in SIZES
        ]
        async with serving_node(data, file) as url:
            for book in of_variant:
                await _keep_page(url, book)
        books += of_variant
    figures: list[Figure] = []
    async with serving(HELLO, *(f"{book.body.name}={book.body}" for book in books)) as hello:
        for book in books:
            rounds = _Rounds([], [], [])
            for number in range(scale.rounds):
                say(f"{book.shape.name}, {book.size} a page: round {number + 1} of {scale.rounds}")
                await _take_round(book, hello, rounds)
            figures += _figures(book, rounds)
    return figures


def _fill(data: Path, wallet: Wallet, variant: Variant, slots: int) -> bytes:
    """Make a process of *slots* slots in the new folder *data*, and return its id."""
    spawn = DataItem.decode(make_spawns(wallet, variant, 1)[0])
    messages = (sign_message(wallet, spawn.id, number) for number in range(1, slots))
    submissions = map(submit_item, chain([spawn], messages))
    fill_folder(data, submissions, variant=variant, wallet=wallet)
    return spawn.id


def _make_book(
    folder: Path,
    data: Path,
    wallet: Path,
    process: bytes,
    shape: Shape,
    size: int,
    scale: Scale,
) -> _Book:
    firsts = range(0, scale.page_slots, size) if shape.pages_through else range(1)
    targets = [shape.target(encode_id(process), first, size) for first in firsts]
    book = _Book(
        shape,
        size,
        process,
        data,
        wallet,
        targets,
        requests=folder / f"{SHAPES.index(shape)}-{size}.requests",
        body=folder / f"{SHAPES.index(shape)}-{size}",
        reads=len(targets) if shape.is_first_time else scale.page_slots_read // size,
    )
    book.requests.write_bytes(pack_requests(map(_get, targets)))
    return book


def _get(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


async def _keep_page(url: str, book: _Book) -> None:
    """Write the first page as the node sends it to the book's file."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(url + book.targets[0]) as response,
    ):
        body = await response.read()
    edges = orjson.loads(body)["edges"] if response.status == HTTPStatus.OK else []
    if len(edges) != book.size:
        raise UnavailableError(f"a page of {book.size} came with {len(edges)}: {body[:200]!r}")
    book.body.write_bytes(body)


async def _take_round(book: _Book, hello: str, rounds: _Rounds) -> None:
    """Read the pages of *book* each way: by cursor, from *hello*, from a new node."""
    rounds.cursors.append(await asyncio.to_thread(_read_raw, book))
    ready = book.requests.with_suffix(".ready")
    ready.write_bytes(pack_requests([_get(f"/page/{book.body.name}")]))
    read = partial(load, connections=CONNECTIONS, first=0)
    rounds.hellos.append(await read(hello, ready, count=book.reads))
    async with serving_node(book.data, book.wallet) as url:
        if not book.shape.is_first_time:
            await read(url, book.requests, count=max(len(book.targets), CONNECTIONS))
        rounds.nodes.append(await read(url, book.requests, count=book.reads))


def _read_raw(book: _Book) -> Sample:
    """Return how many pages per second a bare cursor reads in this OS process."""
    reader = RawReader(book.data)
    took_ns: list[int] = []
    try:
        for number in range(book.reads):
            first = number % len(book.targets) * book.size
            started_ns = perf_counter_ns()
            reader.read(book.shape.database, book.process, first, book.size)
            took_ns.append(perf_counter_ns() - started_ns)
    finally:
        reader.close()
    return make_sample(len(took_ns), sum(took_ns), took_ns)


def _figures(book: _Book, rounds: _Rounds) -> list[Figure]:
    megabytes = book.body.stat().st_size / 1e6
    line = partial(
        Figure,
        part=Part.PAGES,
        name=f"{book.shape.name}, {book.size} ({megabytes:.2f} MB)",
        unit=UNIT,
        samples=rounds.nodes,
        n=book.reads,
    )
    return [
        line(ceiling_name="aiohttp, same bytes", ceilings=rounds.hellos, aim=AIM),
        line(ceiling_name="raw cursor", ceilings=rounds.cursors),
    ]
