"""The conformance kit: our node holds to every claim, and each claim can be seen to break."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from seriatim.actors.policy import Policy
from seriatim.formats.signing.scheme import WalletKind
from seriatim.testing.conformance import CHECKS, Kind, Outcome, Report, run
from tests.support.defective_node import DEFECTS, Ask, Defect, Forward, defective, no_items, sound
from tests.support.http_node import HttpReply, serving
from tests.support.live_node import live_node
from tests.support.strategies import known_wallet

# A minute in all: `make test` runs them, `make check` does not.
pytestmark = pytest.mark.slow

DOCUMENT = Path(__file__).parents[2] / "docs" / "conformance.md"
WALLET = known_wallet(WalletKind.RSA)
SUITES = [(kind, check.name) for check in CHECKS for kind in sorted(check.kinds)]
REQUESTS_MAX = 7
"""The longest of the shortest conversations: three messages, each read by itself."""


async def hold(
    folder: Path, defect: Defect = sound, policy: Policy | None = None, **options: Any
) -> Report:
    """Return what the kit says about a node of ours with *defect*."""
    async with (
        serving(folder, wallet=WALLET, policy=policy) as http,
        defective(http, defect) as url,
    ):
        return await asyncio.to_thread(run, url, **options)


@pytest.mark.parametrize(
    "policy",
    [Policy(), Policy(accept_unsigned=True)],
    ids=["signed only", "unsigned too"],
)
@pytest.mark.long
def test_our_node_holds_to_every_claim(tmp_path: Path, policy: Policy) -> None:
    report = asyncio.run(hold(tmp_path, policy=policy, examples=10))
    assert [(each.check, each.reason) for each in report.results if each.reason] == []
    assert report.ok
    assert [(each.kind, each.check) for each in report.results] == [
        (kind, check.name) for kind in Kind for check in CHECKS if kind in check.kinds
    ]


@pytest.mark.parametrize(("kind", "check"), SUITES)
def test_each_check_finds_the_defect_that_it_is_there_for(
    tmp_path: Path, kind: Kind, check: str
) -> None:
    report = asyncio.run(hold(tmp_path, DEFECTS[check](), kind=kind, only=[check]))
    (result,) = report.results
    assert (result.kind, result.check, result.outcome) == (kind, check, Outcome.FAILS)
    assert result.reason
    assert 1 <= len(result.exchanges) <= REQUESTS_MAX, "shrunk to what shows it"
    assert not report.ok


class RefusesCopies:
    """Answer a message that is there as an ao unit does."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()

    async def __call__(self, ask: Ask, forward: Forward) -> HttpReply:
        item = ask.item
        if item is not None and item.id in self._seen:
            return HttpReply(400, {}, b'{"error":"Message already exists"}')
        if item is not None:
            self._seen.add(item.id)
        return await forward(ask)


def test_a_node_may_refuse_what_it_has(tmp_path: Path) -> None:
    report = asyncio.run(
        hold(tmp_path, RefusesCopies(), only=["repost", "race", "traffic"], examples=10)
    )
    assert report.ok


def test_a_node_without_hash_chains_has_that_check_skipped(tmp_path: Path) -> None:
    async def unchained(ask: Ask, forward: Forward) -> HttpReply:
        reply = await forward(ask)
        return reply._replace(body=reply.body.replace(b"Hash-Chain", b"Base-Hashpath"))

    (result,) = asyncio.run(hold(tmp_path, unchained, kind=Kind.HYPERBEAM, only=["chain"])).results
    assert (result.outcome, result.exchanges) == (Outcome.SKIPPED, ())
    assert "no hash chain" in result.reason


def test_a_node_that_places_no_items_is_spoken_to_in_http_messages(tmp_path: Path) -> None:
    report = asyncio.run(hold(tmp_path, no_items, kind=Kind.HYPERBEAM, examples=3))
    outcomes = {each.check: each.outcome for each in report.results}
    assert outcomes.pop("rsa") is Outcome.FAILS, "that is what it does wrong"
    assert outcomes.pop("messages") is Outcome.SKIPPED
    assert set(outcomes.values()) == {Outcome.HOLDS}


@pytest.mark.parametrize("kind", [WalletKind.ED25519, WalletKind.SECP256K1])
def test_a_node_that_signs_items_only_holds_to_the_rest(tmp_path: Path, kind: WalletKind) -> None:
    async def main() -> Report:
        async with serving(tmp_path, wallet=known_wallet(kind)) as http:
            url = f"http://127.0.0.1:{http.port}"
            return await asyncio.to_thread(run, url, examples=3)

    report = asyncio.run(main())
    assert report.ok
    assert [each.check for each in report.results if each.outcome is Outcome.SKIPPED] == ["http"]


def test_a_served_node_holds_to_every_claim(tmp_path: Path) -> None:
    with live_node(tmp_path / "data") as node:
        report = run(node.url, examples=10)
    assert [(each.check, each.reason) for each in report.results if each.reason] == []


def test_a_defect_is_found_by_the_same_conversation_again(tmp_path: Path) -> None:
    def shapes(report: Report) -> list[list[str]]:
        return [[each.request.method for each in r.exchanges] for r in report.results]

    first, second = (
        shapes(asyncio.run(hold(tmp_path / name, DEFECTS["slots"](), only=["slots"], seed=7)))
        for name in ("a", "b")
    )
    assert first == second == [["POST", "POST", "POST", "GET"]] * 2


class Spoiled:
    """Put something else in the place of one value in each reply."""

    OTHERS: tuple[Any, ...] = (None, True, -1, 2**63, "", "x", "9" * 5_000, [], {}, [{}])

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    async def __call__(self, ask: Ask, forward: Forward) -> HttpReply:
        reply = await forward(ask)
        if ask.method != "GET" or ask.target in ("/", "/~meta@1.0/info/address"):
            return reply
        plain = orjson.loads(reply.body) if reply.body[:1] == b"{" else {"value": "x"}
        self._spoil(plain)
        headers = {name: self._random.choice(("", "x", value)) for name, value in _own(reply)}
        return HttpReply(reply.status, headers, orjson.dumps(plain))

    def _spoil(self, plain: Any) -> None:
        """Replace a member somewhere below *plain*."""
        names = list(plain) if isinstance(plain, dict) else list(range(len(plain)))
        if not names:
            return
        name = self._random.choice(names)
        if isinstance(plain[name], (dict, list)) and plain[name] and self._random.random() < 0.8:
            self._spoil(plain[name])
        else:
            plain[name] = self._random.choice(self.OTHERS)


def _own(reply: HttpReply) -> list[tuple[str, str]]:
    return [(name, value) for name, value in reply.headers.items() if "-" in name]


@pytest.mark.parametrize("seed", range(4))
def test_no_reply_stops_the_kit(tmp_path: Path, seed: int) -> None:
    report = asyncio.run(hold(tmp_path, Spoiled(seed), examples=10))
    assert len(report.results) == len(SUITES)
    assert not report.ok


def test_the_document_has_every_check() -> None:
    table = DOCUMENT.read_text().partition("## What is claimed")[2].partition("## In a program")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", table, re.MULTILINE)
    documented = {
        (kind, name) for name, api in rows for kind in Kind if api in ("both", kind.value)
    }
    assert documented == set(SUITES)
    counts = [
        sum(kind in check.kinds for check in CHECKS) for kind in (Kind.LEGACY, Kind.HYPERBEAM)
    ]
    names = len({check.name for check in CHECKS})
    assert (counts, names) == ([19, 20], 22), "this document and CHANGELOG.md say how many"


def test_the_programs_in_the_document_run(tmp_path: Path) -> None:
    programs = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert len(programs) == 2

    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            for program in programs:
                code = program.replace("8734", str(http.port)).replace("200", "5")
                code = code.replace("*CHECKS, mine", "*CHECKS[:1], mine")
                await asyncio.to_thread(exec, code, {})

    asyncio.run(main())


def test_every_check_has_a_defect_of_its_own() -> None:
    assert set(DEFECTS) == {check.name for check in CHECKS}
