"""The log as JSON, an object per line: for programs that read it."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any, Final

# What every record has; what it has beside that, somebody has said of it.
_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """Writes ``time_ms``, ``level``, ``logger``, ``message``, and whatever else a record says."""

    def format(self, record: logging.LogRecord) -> str:
        """Return *record* as one line."""
        said: dict[str, Any] = {
            "time_ms": round(record.created * 1_000),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        said |= {key: value for key, value in vars(record).items() if key not in _OWN}
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        return json.dumps(said, default=str)


def log_as(*, as_json: bool) -> None:
    """Have the log go to stderr: lines for people, or objects, and then a line per job, too."""
    if not as_json:
        logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        return
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler])
    logging.getLogger("seriatim.jobs").setLevel(logging.INFO)


def log_making(path: Path) -> None:
    """Log that a wallet is made, which takes seconds; for people, see `say_making`."""
    logging.getLogger("seriatim.gateway").warning("makes an RSA-4096 wallet in %s, once", path)
