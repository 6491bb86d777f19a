"""One slot as ``seriatim log`` shows it: read from an assignment, written for people."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from seriatim.gateway.cli.output import printable
from seriatim.gateway.reply import field

Row = dict[str, Any]


def make_row(assignment: object) -> Row:
    """Return what is shown of the plain *assignment*, from our own folder or from any node.

    Raises:
        UnavailableError: it has no slot, or another field that every assignment has is missing.
    """
    body = assignment.get("body") if isinstance(assignment, dict) else None
    if not isinstance(body, dict):
        body = {}  # a reference: the message lives elsewhere
    return {
        "slot": field(assignment, "slot", int),
        "timestamp": field(assignment, "timestamp", int),
        "message": field(assignment, "message", str),
        "owner": _owner(body),
        "action": body.get("action") or body.get("type"),
        "data_size": _data_size(body),
        "hash_chain": field(assignment, "hash-chain", str),
    }


def make_line(row: Row) -> str:
    """Return *row* as a line for people."""
    owner = (row["owner"] or "unsigned")[:8]
    action = str(row["action"] or "-")[:24]
    # Clients and other nodes choose these words: none of them may steer the reader's terminal.
    return printable(
        f"{row['slot']:>8}  {_time(row['timestamp'])}  {row['message'][:43]}  {owner:8}  "
        f"{action:24}  {row['data_size']}"
    )


def _owner(body: dict[str, Any]) -> str | None:
    commitments = body.get("commitments")
    for each in commitments.values() if isinstance(commitments, dict) else ():
        owner = each.get("committer") if isinstance(each, dict) else None
        if isinstance(owner, str):
            return owner
    return None


def _data_size(body: dict[str, Any]) -> int:
    encoded = body.get("data+base64url")
    if isinstance(encoded, str):
        return len(encoded) * 3 // 4
    return len(str(body.get("data", "")).encode())


def _time(timestamp_ms: int) -> str:
    try:
        time = datetime.fromtimestamp(timestamp_ms / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return f"{timestamp_ms} ms"  # no calendar goes so far
    return time.isoformat(timespec="milliseconds")
