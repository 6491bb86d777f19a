"""The peers: each can be installed by the extra, and loaded without it; real ones where there."""

from __future__ import annotations

import re
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from seriatim.formats.errors import MalformedError
from seriatim.gateway.bench.jobs.contender import Contender, Server
from seriatim.gateway.bench.jobs.contenders import CONTENDERS, choose_contenders
from seriatim.gateway.bench.jobs.peers import PEERS
from seriatim.gateway.bench.jobs.servers import PostgresServer, RedisServer
from seriatim.gateway.bench.jobs.session import in_session
from seriatim.gateway.cli import app

ROOT = Path(__file__).parents[5]
OURS = [each.name for each in CONTENDERS if each.is_ours]


def name_of(peer: Contender) -> str:
    return peer.name


def test_the_extra_has_every_peer() -> None:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extra = {re.split(r"[\[<>=]", each)[0] for each in project["optional-dependencies"]["bench"]}
    assert {peer.package for peer in PEERS} <= extra


@pytest.mark.parametrize("peer", PEERS, ids=name_of)
def test_a_peer_loads_without_its_package(peer: Contender) -> None:
    import_module(peer.producer[2])


def test_peers_are_chosen_by_name() -> None:
    chosen = [each.name for each in choose_contenders(["celery", "huey"])]
    assert chosen == [*OURS, "huey", "celery"]
    assert choose_contenders([]) == list(CONTENDERS)
    with pytest.raises(MalformedError, match="no peer nobody, none; choose from huey, "):
        choose_contenders(["none", "huey", "nobody"])


def test_an_unknown_peer_is_refused_before_anything_is_measured() -> None:
    result = CliRunner().invoke(app, ["bench", "jobs", "--peers", "huey,none", "--json"])
    assert result.exit_code == 4
    assert orjson.loads(result.stdout)["error"] == "bad_peer"


def test_options_of_the_other_run_are_not_taken_silently() -> None:
    result = CliRunner().invoke(app, ["bench", "--json", "jobs"])
    assert result.exit_code == 2
    assert "options come after jobs" in result.output


@pytest.mark.slow
@pytest.mark.parametrize("server", [PostgresServer(), RedisServer()], ids=lambda each: each.name)
def test_a_server_that_is_there_starts_and_ends(tmp_path: Path, server: Server) -> None:
    if missing := server.missing():
        pytest.skip(missing)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o711)  # PostgreSQL runs as somebody else where we are root
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    with server.serving(tmp_path / "first") as first, server.serving(tmp_path / "second") as second:
        assert first != second
        assert "127.0.0.1" in first


@pytest.mark.slow
@pytest.mark.parametrize("peer", PEERS, ids=name_of)
def test_a_real_peer_runs_every_job(tmp_path: Path, peer: Contender) -> None:
    if missing := peer.missing():
        pytest.skip(missing)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o711)
    with in_session(peer, tmp_path / peer.name) as session:
        run = session.run(20, callers=2)
    assert len(run.ran_ns) == 20
