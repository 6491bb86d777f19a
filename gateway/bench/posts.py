"""Part b: messages posted over HTTP, against an aiohttp hello that reads the same bodies."""

from __future__ import annotations

import asyncio
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import perf_counter_ns
from typing import Final, NamedTuple

from seriatim.actors.keyring import create_wallet
from seriatim.formats.ans104.item import DataItem
from seriatim.formats.errors import UnavailableError
from seriatim.formats.ids import encode_id
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.scheme import WalletKind
from seriatim.formats.signing.wallet import Wallet
from seriatim.gateway.bench.children import HELLO, load, serving, serving_node
from seriatim.gateway.bench.corpus import Form, make_spawns, write_signed, write_unsigned
from seriatim.gateway.bench.figure import Aim, Figure, Part, Sample, Say, make_sample
from seriatim.gateway.bench.scale import Plan, Scale
from seriatim.gateway.client import connect

PROCESSES: Final = 64
UNIT: Final = "posts/s"
_HASH_BYTES: Final = 48


class Kind(NamedTuple):
    """One kind of traffic.

    Attributes:
        name: for the table.
        wallet: the node's wallet and the client's.
        form: unsigned JSON, or messages that the wallet signs.
        variant: of the processes.
        aim: of the ratio to hello; ``None`` where signing is the limit, not HTTP.
    """

    name: str
    wallet: WalletKind
    form: Form
    variant: Variant
    aim: Aim | None


KINDS: Final = (
    Kind("unsigned", WalletKind.ED25519, Form.UNSIGNED, Variant.NATIVE, Aim(0.60)),
    Kind("ed25519", WalletKind.ED25519, Form.ITEM, Variant.HYPERBEAM, Aim(0.40)),
    Kind("secp256k1", WalletKind.SECP256K1, Form.ITEM, Variant.HYPERBEAM, Aim(0.40)),
    Kind("RSA-4096", WalletKind.RSA, Form.ITEM, Variant.HYPERBEAM, None),
    Kind("RSA-4096 ao.TN.1", WalletKind.RSA, Form.ITEM, Variant.LEGACY, None),
    Kind("RSA-4096 HTTP-signed", WalletKind.RSA, Form.HTTP, Variant.HYPERBEAM, None),
)
RSA_AIM: Final = Aim(0.85)


class _Traffic(NamedTuple):
    """What is posted in every round, each time to a new node: the same items, the same order.

    Attributes:
        kind: what it is.
        wallet: file of the wallet, the node's and the client's.
        spawns: raw items, one per process.
        requests: file of the messages; the first `Scale.warm_up` are for warming up.
        plan: pairs of a number of connections and the number of posts over them.
    """

    kind: Kind
    wallet: Path
    spawns: list[bytes]
    requests: Path
    warm_up: int
    plan: Plan

    @property
    def processes(self) -> list[bytes]:
        """The ids of the processes."""
        return [DataItem.decode(raw).id for raw in self.spawns]

    @property
    def total(self) -> int:
        """How many messages a node gets in a round."""
        return self.warm_up + sum(count for _, count in self.plan)


class _Rounds(NamedTuple):
    """The samples of one kind, by number of connections; raw signing once per round."""

    nodes: dict[int, list[Sample]]
    hellos: dict[int, list[Sample]]
    raw: list[Sample]


async def measure_posts(folder: Path, scale: Scale, say: Say) -> list[Figure]:
    """Return the figures of part b; *folder* is for its files.

    Raises:
        UnavailableError: a post was not answered 200, or a process has not got all its slots.
    """
    files = {kind: folder / f"{kind.value}.json" for kind in WalletKind}
    say("making wallets")
    wallets = {kind: create_wallet(file, kind) for kind, file in files.items()}
    figures: list[Figure] = []
    async with serving(HELLO) as hello:
        for kind in KINDS:
            say(f"{kind.name}: signing the messages")
            wallet = wallets[kind.wallet]
            traffic = await _make_traffic(folder, scale, kind, wallet, files[kind.wallet])
            rounds = _Rounds(
                {connections: [] for connections, _ in traffic.plan},
                {connections: [] for connections, _ in traffic.plan},
                [],
            )
            for number in range(scale.rounds):
                say(f"{kind.name}: round {number + 1} of {scale.rounds}")
                if kind.wallet is WalletKind.RSA:
                    rounds.raw.append(await asyncio.to_thread(sign_raw, wallet, scale.sign_ms))
                await _take_round(folder / f"data-{number}", traffic, hello, rounds)
            figures += _figures(traffic, rounds)
            traffic.requests.unlink()
    return figures


async def _make_traffic(
    folder: Path, scale: Scale, kind: Kind, wallet: Wallet, file: Path
) -> _Traffic:
    is_rsa = kind.wallet is WalletKind.RSA
    traffic = _Traffic(
        kind,
        file,
        make_spawns(wallet, kind.variant, PROCESSES),
        folder / "requests",
        scale.warm_up_rsa if is_rsa else scale.warm_up,
        scale.posts_rsa if is_rsa else scale.posts,
    )
    if kind.form is not Form.UNSIGNED:
        await write_signed(kind.form, file, traffic.processes, traffic.total, traffic.requests)
    else:
        write_unsigned(traffic.processes, traffic.total, traffic.requests)
    return traffic


async def _take_round(data: Path, traffic: _Traffic, hello: str, rounds: _Rounds) -> None:
    """Post the whole traffic to a new node, and in turns with it to *hello*."""
    async with serving_node(data, traffic.wallet) as url:
        async with connect(url) as client:
            for spawn in traffic.spawns:
                await client.schedule_item(spawn)
        await load(url, traffic.requests, connections=8, first=0, count=traffic.warm_up)
        first = traffic.warm_up
        for connections, count in traffic.plan:
            for target, samples in ((hello, rounds.hellos), (url, rounds.nodes)):
                sample = await load(
                    target, traffic.requests, connections=connections, first=first, count=count
                )
                samples[connections].append(sample)
            first += count
        await _check_slots(url, traffic)
    shutil.rmtree(data)


async def _check_slots(url: str, traffic: _Traffic) -> None:
    """Refuse a run after which a process does not end at the slot of its last message.

    The log takes no slot but the next one, so that the last one stands for all.
    """
    processes = traffic.processes
    async with connect(url) as client:
        for index, process in enumerate(processes):
            expected = len(range(index, traffic.total, len(processes)))
            found = await client.slot(encode_id(process))
            if found != expected:
                raise UnavailableError(
                    f"process {encode_id(process)} ends at slot {found}, not {expected}"
                )


def sign_raw(wallet: Wallet, duration_ms: int) -> Sample:
    """Return how often *wallet* signs per second with a thread per core and nothing else."""
    workers = os.cpu_count() or 1
    started_ns = perf_counter_ns()
    end_ns = started_ns + duration_ms * 1_000_000

    def sign_until(_: int) -> list[int]:
        took_ns = []
        at_ns = perf_counter_ns()
        while at_ns < end_ns:
            wallet.sign(bytes(_HASH_BYTES))
            was_ns, at_ns = at_ns, perf_counter_ns()
            took_ns.append(at_ns - was_ns)
        return took_ns

    with ThreadPoolExecutor(workers) as pool:
        took_ns = [each for of_one in pool.map(sign_until, range(workers)) for each in of_one]
    return make_sample(len(took_ns), perf_counter_ns() - started_ns, took_ns)


def _figures(traffic: _Traffic, rounds: _Rounds) -> list[Figure]:
    figures = []
    for connections, count in traffic.plan:
        name = f"{traffic.kind.name}, {connections} connection{'s' * (connections > 1)}"
        line = partial(
            Figure, part=Part.HTTP, name=name, unit=UNIT, samples=rounds.nodes[connections], n=count
        )
        hellos = rounds.hellos[connections]
        figures.append(line(ceiling_name="aiohttp hello", ceilings=hellos, aim=traffic.kind.aim))
        if rounds.raw:
            # One connection has one signature under way: the cores cannot be shared out.
            aim = RSA_AIM if connections > 1 else None
            figures.append(line(ceiling_name="raw signing", ceilings=rounds.raw, aim=aim))
    return figures
