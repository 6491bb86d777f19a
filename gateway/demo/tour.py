"""The tour: one node, real OS processes, a SIGKILL in the middle, and an offline check."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final, NamedTuple

from seriatim.actors.keyring import create_wallet
from seriatim.actors.offline import running_node
from seriatim.actors.proof import check_log, open_export, open_folder_log, write_export
from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.item import DataItem, sign_item
from seriatim.formats.errors import ChainBrokenError, SchedulerError, UnavailableError
from seriatim.formats.ids import decode_id, encode_id
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.scheme import WalletKind
from seriatim.formats.signing.wallet import Wallet
from seriatim.gateway.client import NodeClient, connect
from seriatim.gateway.demo.node_process import KILLED, NodeProcess

MESSAGES: Final = 120
KILL_AFTER: Final = 60
_CLIENTS: Final = 8
_PAGE: Final = 7
_NODE_WALLET: Final = WalletKind.RSA


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
        self._folder = folder
        self._data = folder / "data"
        self._say = say
        self._steps: list[Step] = []
        self._wallets: dict[WalletKind, Wallet] = {}
        self._processes: dict[Variant, str] = {}
        self._sent: list[DataItem] = []
        self._acknowledged: dict[str, dict[str, Any]] = {}

    async def take(self) -> list[Step]:
        """Take every step; an error ends the tour, with a step that says so."""
        try:
            await self._walk()
        except (SchedulerError, OSError) as error:
            self._add("the tour", f"ended early: {error}", held=False)
        return self._steps

    async def _walk(self) -> None:
        self._make_wallets()
        async with aclosing(NodeProcess(self._data, self._wallet_file(_NODE_WALLET))) as node:
            await node.start()
            await self._spawn(node.url)
            self._sign_messages()
            await self._send_and_kill(node)
            await node.start()
            await self._send_again(node.url)
            for variant in Variant:
                await self._page(node.url, variant)
            await self._page_legacy(node.url)
            status = await node.stop()
            self._add("SIGTERM", f"exit status {status}", held=status == 0)
        for variant in Variant:
            self._verify(variant)
        self._tamper(self._processes[Variant.HYPERBEAM])

    def _make_wallets(self) -> None:
        for kind in WalletKind:
            self._say(f"making a wallet: {kind.value}")
            self._wallets[kind] = create_wallet(self._wallet_file(kind), kind)
        names = ", ".join(kind.value for kind in WalletKind)
        addresses = {wallet.address for wallet in self._wallets.values()}
        held = len(addresses) == len(WalletKind)
        self._add("wallets", f"{names}; the node signs with {_NODE_WALLET.value}", held=held)

    async def _spawn(self, url: str) -> None:
        self._say("spawning processes")
        user = self._wallets[WalletKind.ED25519]
        async with connect(url) as client:
            address = await client.address()
            for variant in Variant:
                receipt = await client.schedule_item(_spawn_item(user, variant, address).raw)
                self._processes[variant] = receipt["process"]
        tags = ", ".join(variant.tag for variant in Variant)
        held = len(set(self._processes.values())) == len(Variant)
        self._add("spawn", f"one process of each variant: {tags}", held=held)

    def _sign_messages(self) -> None:
        """Sign all messages: each kind of wallet in turn, each process in turn."""
        self._say("signing messages")
        signers = [self._wallets[WalletKind.ED25519], self._wallets[WalletKind.SECP256K1]]
        targets = [decode_id(process) for process in self._processes.values()]
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

    async def _send_and_kill(self, node: NodeProcess) -> None:
        """Send from several clients; kill the node once enough has been answered."""
        waiting = iter(self._sent)
        enough = asyncio.Event()

        async def send() -> None:
            async with connect(node.url) as client:
                for item in waiting:
                    try:
                        receipt = await _schedule(client, item)
                    except UnavailableError:
                        return  # the node is dead
                    self._acknowledged[receipt["id"]] = receipt
                    self._say(f"sending: {len(self._acknowledged)} answered")
                    if len(self._acknowledged) >= KILL_AFTER:
                        enough.set()

        clients = asyncio.gather(*(send() for _ in range(_CLIENTS)))
        reached = asyncio.create_task(enough.wait())
        await asyncio.wait((clients, reached), return_when=asyncio.FIRST_COMPLETED)
        reached.cancel()
        status = await node.kill()
        await clients
        count = len(self._acknowledged)
        held = KILL_AFTER <= count < MESSAGES
        self._add("send", f"{count} of {MESSAGES} messages were answered", held=held)
        gone = status == KILLED and running_node(self._data) is None
        self._add("SIGKILL", f"the node, pid {node.pid}, was killed while they came", held=gone)

    async def _send_again(self, url: str) -> None:
        """Send every message again: the answered ones must come back with the same answer."""
        answered, moved = len(self._acknowledged), 0
        async with connect(url) as client:
            for number, item in enumerate(self._sent, 1):
                self._say(f"sending again: {number} of {MESSAGES}")
                receipt = await _schedule(client, item)
                moved += receipt != self._acknowledged.setdefault(receipt["id"], receipt)
        found = f"all {MESSAGES} sent again; {answered - moved} of {answered} answers are the same"
        self._add("restart", found, held=moved == 0)

    async def _page(self, url: str, variant: Variant) -> None:
        """Read the schedule page by page; the slots must be whole and in order."""
        self._say(f"paging {variant.tag}")
        process = self._processes[variant]
        slots: list[int] = []
        async with connect(url) as client:
            end = await client.slot(process)
            for first in range(0, end + 1, _PAGE):
                page = await client.schedule(process, first, first + _PAGE - 1)
                slots += sorted(int(slot) for slot in page["assignments"])
        self._add_pages(f"pages of {variant.tag}", slots)

    async def _page_legacy(self, url: str) -> None:
        """The same as an ao unit serves it: timestamps as cursors, nonces in tags."""
        self._say("paging by the legacy API")
        process = self._processes[Variant.LEGACY]
        slots: list[int] = []
        after_ms: int | None = None
        async with connect(url) as client:
            while True:
                page = await client.legacy_page(process, after_ms=after_ms, limit=_PAGE)
                slots += [_nonce(edge["node"]) for edge in page["edges"]]
                if not page["page_info"]["has_next_page"]:
                    break
                after_ms = int(page["edges"][-1]["cursor"])
        self._add_pages("legacy pages", slots)

    def _add_pages(self, name: str, slots: list[int]) -> None:
        held = slots == list(range(MESSAGES // len(Variant) + 1))
        self._add(name, f"{len(slots)} slots, no gap, no repeat" if held else f"{slots}", held=held)

    def _verify(self, variant: Variant) -> None:
        """Check the folder, with no node on it."""
        self._say(f"verifying {variant.tag}")
        process = self._processes[variant]
        with open_folder_log(self._data, decode_id(process)) as log:
            report = check_log(log)
        known = [each for each in self._acknowledged.values() if each["process"] == process]
        found = f"{report.slots} links, {report.signatures} signatures"
        self._add(f"verify {variant.tag}", found, held=report.slots == len(known) + 1)

    def _tamper(self, process: str) -> None:
        """Check an export, change one byte of a message in it, and check it again."""
        self._say("exporting")
        file = self._folder / "export.jsonl"
        with open_folder_log(self._data, decode_id(process)) as log:
            write_export(log, file)
        with open_export(file) as log:
            whole = check_log(log)
        self._add("export", f"{whole.slots} slots verified from the file", held=True)
        slot = whole.slots // 2
        _change_byte(file, slot)
        try:
            with open_export(file) as log:
                check_log(log)
        except ChainBrokenError as error:
            found = f"verify names slot {error.slot}; it was slot {slot}"
            self._add("one byte changed", found, held=error.slot == slot)
        else:
            self._add("one byte changed", "verify did not notice", held=False)

    def _wallet_file(self, kind: WalletKind) -> Path:
        return self._folder / f"{kind.value}.json"

    def _add(self, name: str, found: str, *, held: bool) -> None:
        self._steps.append(Step(name, found, held))


async def _schedule(client: NodeClient, item: DataItem) -> dict[str, Any]:
    return await client.schedule_item(item.raw, encode_id(item.target))


def _spawn_item(wallet: Wallet, variant: Variant, scheduler: str) -> DataItem:
    tags = [
        Tag(b"Data-Protocol", b"ao"),
        Tag(b"Type", b"Process"),
        Tag(b"Variant", variant.tag.encode()),
        Tag(b"Module", b"A" * 43),
        Tag(b"Scheduler", scheduler.encode()),
    ]
    return sign_item(wallet, tags=tags, data=b"demo")


def _nonce(node: dict[str, Any]) -> int:
    tags = {tag["name"]: tag["value"] for tag in node["assignment"]["tags"]}
    return int(tags["Nonce"])


def _change_byte(export: Path, slot: int) -> None:
    """Change one character in the message of *slot*: one of its bytes is another one then."""
    lines = export.read_bytes().splitlines(keepends=True)
    line = lines[slot + 1]
    at = line.index(b'"message":"') + 40
    other = b"A" if line[at : at + 1] != b"A" else b"B"
    lines[slot + 1] = line[:at] + other + line[at + 1 :]
    export.write_bytes(b"".join(lines))
