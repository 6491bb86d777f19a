"""PostgreSQL and Redis: each started for one contender, on loopback, with every commit synced.

They take a free port, a folder of their own and a password that nobody else knows. Servers that run
on the machine already are neither asked nor touched.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from seriatim.formats.errors import UnavailableError
from seriatim.gateway.bench.jobs.running import run_to_end, running, wait_until

_HOST: Final = "127.0.0.1"
_USER: Final = "seriatim"

# Who runs PostgreSQL where we are root, as which it refuses to run.
_UNPRIVILEGED: Final = ("postgres", "nobody")

# Where Debian puts the programs of a server, which are not for everybody's path.
_DEBIAN_FOLDER: Final = Path("/usr/lib/postgresql")

_POSTGRES_SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": _HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_sync_method": "fdatasync",
    "shared_buffers": "1GB",
    "max_wal_size": "4GB",
}
_REDIS_SETTINGS: Final[Mapping[str, str]] = {
    "bind": _HOST,
    "appendonly": "yes",
    "appendfsync": "always",
    "save": '""',
    "auto-aof-rewrite-percentage": "0",
}


class PostgresServer:
    """PostgreSQL: every commit waits for its log to be synced."""

    name = "postgres"

    def missing(self) -> str | None:
        """Return what to install, or ``None`` where it can be started."""
        if _postgres_program("initdb") and _postgres_program("postgres"):
            return None
        return "PostgreSQL's server: on Debian, apt-get install postgresql"

    @contextmanager
    def serving(self, folder: Path) -> Iterator[str]:
        """Run it on *folder*; give the URL of its one database.

        Raises:
            UnavailableError: it does not start; as root, where nobody else can enter *folder*.
        """
        user = _unprivileged_user()
        if user is not None:
            shutil.chown(folder, user)
        password = secrets.token_hex(16)
        log = folder / "log"
        data, secret = folder / "data", folder / "password"
        _write_secret(secret, password, user)
        run_to_end(
            [
                *(_postgres_program("initdb"), "--no-sync", "--no-locale", "--encoding=UTF8"),
                *("--auth=scram-sha-256", f"--username={_USER}", f"--pwfile={secret}"),
                str(data),
            ],
            name="initdb",
            log=log,
            user=user,
        )
        port = _free_port()
        settings = {**_POSTGRES_SETTINGS, "port": str(port)}
        command = [_postgres_program("postgres"), "-D", str(data)]
        command += [text for name, value in settings.items() for text in ("-c", f"{name}={value}")]
        # SIGINT is its fast shutdown: it drops its clients, and takes its shared memory away.
        with running(command, name="postgres", log=log, user=user, end=signal.SIGINT) as server:
            pid_file = data / "postmaster.pid"
            wait_until(lambda: _says_ready(pid_file), needed=(server,), what="PostgreSQL")
            yield f"postgresql://{_USER}:{password}@{_HOST}:{port}/postgres"


class RedisServer:
    """Redis with an append-only file that is synced before any reply."""

    name = "redis"

    def missing(self) -> str | None:
        """Return what to install, or ``None`` where it can be started."""
        if shutil.which("redis-server"):
            return None
        return "Redis: on Debian, apt-get install redis-server"

    @contextmanager
    def serving(self, folder: Path) -> Iterator[str]:
        """Run it on *folder*; give its URL.

        Raises:
            UnavailableError: it does not start.
        """
        password, port = secrets.token_hex(16), _free_port()
        own = {"port": str(port), "dir": f'"{folder}"', "requirepass": password}
        settings = {**_REDIS_SETTINGS, **own}
        config = folder / "redis.conf"
        _write_secret(config, "".join(f"{each} {text}\n" for each, text in settings.items()), None)
        command = ["redis-server", str(config)]
        with running(command, name="redis-server", log=folder / "log") as server:
            wait_until(lambda: _takes_connections(port), needed=(server,), what="Redis")
            yield f"redis://:{password}@{_HOST}:{port}/0"


def _postgres_program(name: str) -> str:
    """Return the path of PostgreSQL's program *name*, of its newest version; empty for none."""
    if found := shutil.which(name):
        return found
    versions = sorted(_DEBIAN_FOLDER.glob("*"), key=lambda each: each.name.zfill(4), reverse=True)
    return next((path for each in versions if (path := shutil.which(name, path=each / "bin"))), "")


def _unprivileged_user() -> str | None:
    """Return as whom to run a server that refuses to run as root; ``None`` where we are not."""
    if os.geteuid():
        return None
    for name in _UNPRIVILEGED:
        with suppress(KeyError):
            pwd.getpwnam(name)
            return name
    raise UnavailableError(f"PostgreSQL does not run as root, and there is no user {_UNPRIVILEGED}")


def _write_secret(file: Path, text: str, user: str | None) -> None:
    """Write *text* to *file*, which only *user* can read; ``None`` is ourselves."""
    file.touch(mode=0o600)
    file.write_text(text)
    if user is not None:
        shutil.chown(file, user)


def _says_ready(pid_file: Path) -> bool:
    """Tell whether PostgreSQL takes connections: the last line of its lock file says so."""
    try:
        return pid_file.read_text().rstrip().endswith("ready")
    except FileNotFoundError:
        return False


def _takes_connections(port: int) -> bool:
    try:
        socket.create_connection((_HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def _free_port() -> int:
    """Return a port of loopback that nobody has right now."""
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])
