"""The command line, run within this OS process: its exit status, and what it prints."""

from __future__ import annotations

from typing import Any

import orjson
from typer.testing import CliRunner

from seriatim.gateway.cli import app
from seriatim.gateway.cli.output import Exit


def run(*arguments: object) -> tuple[int, str]:
    """Return the exit status, and what was said on stdout and stderr."""
    result = CliRunner().invoke(app, [*map(str, arguments)])
    return result.exit_code, result.output


def run_json(*arguments: object, status: Exit = Exit.OK) -> Any:
    """Return what is said with ``--json`` by a command that ends with *status*."""
    code, output = run(*arguments, "--json")
    assert code == status, output
    return orjson.loads(output)
