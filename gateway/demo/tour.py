"""The tour: one node, real OS processes, a SIGKILL in the middle, and an offline check."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from seriatim.actors.keyring import create_wallet
from seriatim.actors.offline import open_offline
from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.item import DataItem, sign_item
from seriatim.formats.codecs.json import parse_json
from seriatim.formats.errors import ChainBrokenError, SchedulerError
from seriatim.formats.ids import decode_id, encode_id
from seriatim.formats.schedule.audit import Audit
from seriatim.formats.schedule.export import ExportHeader, decode_export, encode_header, encode_slot
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.scheme import WalletKind
from seriatim.formats.signing.wallet import Wallet
from seriatim.gateway.client import NodeClient, connect

MESSAGES: Final = 120
KILL_AFTER: Final = 60
_CLIENTS: Final = 8


class Step(NamedTuple):
    """One thing that the tour did.

    Attributes:
        name: what was tried.
        found: what came of it, for people.
        held: whether it was as promised.
    """

    name: str
    found: str
    held: bool


class Tour:
    """Takes the steps one after another; later ones use what earlier ones left."""

    def __init__(self, folder: Path, *, say: Callable[[str], None]) -> None:
        """Use *folder*, which is empty; tell *say* what is going on."""
        self._data = folder / "data"
        self._folder = folder
        self._say = say
        self._steps: list[Step] = []
        self._wallets: dict[WalletKind, Wallet] = {}
        self._acknowledged: dict[str, dict[str, Any]] = {}
        self._sent: list[DataItem] = []

    async def take(self) -> list[Step]:
        """Take every step; one that fails ends the tour."""
        try:
            await self._walk()
        except (SchedulerError, OSError, AssertionError) as error:
            self._add("the tour", f"ended early: {error}", held=False)
        return self._steps

    async def _walk(self) -> None:
        self._make_wallets()
        node = _NodeProcess(self._data, self._folder / "node.json")
        await node.start()
        try:
            processes = await self._spawn(node.url)
            self._sign_messages(processes)
            await self._send_and_kill(node)
            self._add("SIGKILL", f"node {node.pid} and its children are gone", held=True)
            await node.start()
            await self._send_again(node.url)
            for variant, process in processes.items():
                await self._page(node.url, variant, process)
        finally:
            stopped = await node.stop()
        self._add("SIGTERM", f"exit status {stopped}", held=stopped == 0)
        for variant, process in processes.items():
            self._verify(variant, process)
        self._tamper(processes[Variant.HYPERBEAM])

    def _make_wallets(self) -> None:
        for kind in WalletKind:
            self._say(f"making a wallet: {kind.value}")
            path = self._folder / ("node.json" if kind is WalletKind.RSA else f"{kind.value}.json")
            self._wallets[kind] = create_wallet(path, kind)
        names = ", ".join(kind.value for kind in WalletKind)
        self._add("wallets", f"{names}; the node signs with RSA-4096", held=True)

    async def _spawn(self, url: str) -> dict[Variant, str]:
        self._say("spawning processes")
        processes: dict[Variant, str] = {}
        user = self._wallets[WalletKind.ED25519]
        async with connect(url) as client:
            address = await client.address()
            for variant in Variant:
                item = _spawn_item(user, variant, address)
                receipt = await client.schedule_item(item.raw)
                processes[variant] = receipt["process"]
        tags = ", ".join(variant.tag for variant in Variant)
        self._add(
            "spawn", f"one process of each variant: {tags}", held=len(processes) == len(Variant)
        )
        return processes

    def _sign_messages(self, processes: dict[Variant, str]) -> None:
        self._say("signing messages")
        signers = [self._wallets[WalletKind.ED25519], self._wallets[WalletKind.SECP256K1]]
        targets = [decode_id(process) for process in processes.values()]
        self._sent = [
            sign_item(
                signers[number % len(signers)],
                target=targets[number % len(targets)],
                tags=[
                    Tag(b"Data-Protocol", b"ao"),
                    Tag(b"Type", b"Message"),
                    Tag(b"Number", str(number).encode()),
                ],
                data=b"message %d" % number,
            )
            for number in range(MESSAGES)
        ]

    async def _send_and_kill(self, node: _NodeProcess) -> None:
        """Send from several clients; kill the node once enough has been answered."""
        waiting = iter(self._sent)
        enough = asyncio.Event()

        async def send() -> None:
            async with connect(node.url) as client:
                for item in waiting:
                    receipt = await self._send(client, item)
                    self._acknowledged[receipt["id"]] = receipt
                    self._say(f"sending: {len(self._acknowledged)} answered")
                    if len(self._acknowledged) >= KILL_AFTER:
                        enough.set()

        clients = [asyncio.create_task(send()) for _ in range(_CLIENTS)]
        finished = asyncio.gather(*clients, return_exceptions=True)
        await enough.wait()
        await node.kill()
        await finished
        count = len(self._acknowledged)
        self._add(
            "send", f"{count} messages were answered before the kill", held=count >= KILL_AFTER
        )

    async def _send_again(self, url: str) -> None:
        """Send every message again: the answered ones must come back with their slots."""
        moved = 0
        async with connect(url) as client:
            for number, item in enumerate(self._sent):
                self._say(f"sending again: {number + 1} of {len(self._sent)}")
                receipt = await self._send(client, item)
                before = self._acknowledged.get(receipt["id"])
                moved += before is not None and before != receipt
                self._acknowledged[receipt["id"]] = receipt
        found = f"{len(self._sent)} sent again, {moved} answers changed"
        self._add("restart", found, held=moved == 0)

    async def _send(self, client: NodeClient, item: DataItem) -> dict[str, Any]:
        return await client.schedule_item(item.raw, encode_id(item.target))

    async def _page(self, url: str, variant: Variant, process: str) -> None:
        """Page through the schedule by sevens; the slots must be whole and in order."""
        self._say(f"paging {variant.tag}")
        slots: list[int] = []
        async with connect(url) as client:
            end = await client.slot(process)
            for first in range(0, end + 1, 7):
                page = await client.schedule(process, first, first + 6)
                slots += sorted(int(slot) for slot in page["assignments"])
        held = slots == list(range(MESSAGES // len(Variant) + 1))
        self._add(f"pages of {variant.tag}", f"{len(slots)} slots, no gap, no repeat", held=held)

    def _verify(self, variant: Variant, process: str) -> None:
        self._say(f"verifying {variant.tag}")
        raw = decode_id(process)
        audit = Audit(raw)
        with open_offline(self._data) as folder:
            for slot, record in folder.records(raw, 0, folder.head(raw).slot):
                audit.add(slot, record)
        known = [each for each in self._acknowledged.values() if each["process"] == process]
        found = f"{audit.slots} links, {audit.signatures} signatures"
        self._add(f"verify {variant.tag}", found, held=audit.slots == len(known) + 1)

    def _tamper(self, process: str) -> None:
        """Change one byte of an exported message; the check must name its slot."""
        lines = self._export(process)
        at = lines[2].index(b'"message":"') + 40
        swapped = b"A" if lines[2][at : at + 1] != b"A" else b"B"
        lines[2] = lines[2][:at] + swapped + lines[2][at + 1 :]
        header, records = decode_export(lines)
        audit = Audit(header.process)
        try:
            for slot, record in records:
                audit.add(slot, record)
        except ChainBrokenError as error:
            self._add("one byte changed", f"found at slot {error.slot}", held=error.slot == 1)
        else:
            self._add("one byte changed", "not found", held=False)

    def _export(self, process: str) -> list[bytes]:
        raw = decode_id(process)
        with open_offline(self._data) as folder:
            head = folder.head(raw)
            header = encode_header(ExportHeader(raw, head.variant, head.slot + 1))
            records = folder.records(raw, 0, head.slot)
            return [header, *(encode_slot(slot, record) for slot, record in records)]

    def _add(self, name: str, found: str, *, held: bool) -> None:
        self._steps.append(Step(name, found, held))


class _NodeProcess:
    """``seriatim serve`` as an OS process of its own."""

    def __init__(self, data: Path, wallet: Path) -> None:
        self._data = data
        self._wallet = wallet
        self._process: asyncio.subprocess.Process | None = None
        self.url = ""
        self.pid = 0

    async def start(self) -> None:
        """Start the node and wait until it says that it is ready."""
        command = ["-m", "seriatim", "serve", "--json", "--port", "0"]
        command += ["--data", str(self._data), "--wallet", str(self._wallet)]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdout=asyncio.subprocess.PIPE
        )
        assert self._process.stdout is not None, "asked for above"
        ready = parse_json(await self._process.stdout.readline())
        self.url, self.pid = ready["url"], ready["pid"]

    async def kill(self) -> None:
        """Kill it without warning."""
        assert self._process is not None, "started before"
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> int:
        """Ask it to stop; return its exit status."""
        assert self._process is not None, "started before"
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        return await self._process.wait()


def _spawn_item(wallet: Wallet, variant: Variant, scheduler: str) -> DataItem:
    tags = [
        Tag(b"Data-Protocol", b"ao"),
        Tag(b"Type", b"Process"),
        Tag(b"Variant", variant.tag.encode()),
        Tag(b"Module", b"A" * 43),
        Tag(b"Scheduler", scheduler.encode()),
    ]
    return sign_item(wallet, tags=tags, data=b"demo")
