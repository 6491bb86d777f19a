"""The command line, run within this OS process: its exit status, and what it prints."""

from __future__ import annotations

from typing import Any

import orjson
from typer.testing import CliRunner, Result

from seriatim.gateway.cli import app
from seriatim.gateway.cli.output import Exit


def invoke(*arguments: object) -> Result:
    """Return how the command ends, and what it says on stdout and on stderr."""
    return CliRunner().invoke(app, [*map(str, arguments)])


def run(*arguments: object) -> tuple[int, str]:
    """Return the exit status, and what was said on stdout and stderr."""
    result = invoke(*arguments)
    return result.exit_code, result.output


def run_json(*arguments: object, status: Exit = Exit.OK) -> Any:
    """Return what is said with ``--json`` by a command that ends with *status*."""
    result = invoke(*arguments, "--json")
    assert result.exit_code == status, result.output
    return orjson.loads(result.stdout)
