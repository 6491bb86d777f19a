"""Fixtures of the interop tests: Node.js with its modules, and nodes to speak to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import orjson
import pytest

from seriatim.formats.signing.scheme import WalletKind
from seriatim.formats.signing.wallet import Wallet
from tests.support.live_node import LiveNode, live_node
from tests.support.node_js import NodeJs, find_node_js
from tests.support.strategies import KEYS, known_wallet

SCHEDULER_KEY = KEYS / "test-only-arweave-scheduler.jwk.json"


@pytest.fixture(scope="session")
def node_js() -> NodeJs:
    """Node.js with the modules of the lock file installed."""
    found = find_node_js()
    found.install_modules()
    return found


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    """A node with the RSA test wallet, as most schedulers have one."""
    with _node_with(SCHEDULER_KEY.read_bytes(), tmp_path_factory.mktemp("node")) as it:
        yield it


@pytest.fixture(scope="session", params=list(WalletKind), ids=lambda kind: str(kind.value))
def node_of_each_wallet(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveNode]:
    """A node for each kind of wallet that can sign assignments."""
    wallet: Wallet = known_wallet(request.param)
    with _node_with(wallet.to_json(), tmp_path_factory.mktemp("wallets")) as it:
        yield it


def _node_with(wallet_json: bytes, folder: Path) -> AbstractContextManager[LiveNode]:
    wallet = folder / "wallet.json"
    # A wallet that others can read is refused.
    wallet.touch(mode=0o600)
    wallet.write_bytes(wallet_json)
    return live_node(folder / "data", "--wallet", str(wallet))


@pytest.fixture(scope="session")
def user_jwk() -> dict[str, str]:
    """The key of the test user, as clients take it."""
    key: dict[str, str] = orjson.loads((KEYS / "test-only-arweave-user.jwk.json").read_bytes())
    return key


@pytest.fixture(scope="session")
def user_keys(user_jwk: dict[str, str]) -> dict[str, object]:
    """Every private key that a client signs items with."""
    others = orjson.loads((KEYS / "test-only-other-keys.json").read_bytes())
    return {"jwk": user_jwk, "secp256k1": others["ethereum"], "ed25519": others["ed25519Seed"]}


@pytest.fixture
def item_folder(tmp_path: Path) -> Path:
    """An empty folder for generated items."""
    folder = tmp_path / "items"
    folder.mkdir()
    return folder
