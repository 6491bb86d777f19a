"""How a legacy compute unit reads a schedule, and what makes it stop.

Written from the unit's observable behaviour, in the shape of its own loop: it asks for a page,
goes on from the last cursor while there is more, and recomputes nonce and hash chain on every
assignment that has a predecessor. It knows nothing of the product's own code.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

Page = dict[str, Any]
FetchPage = Callable[[str | None], Page]
"""Given a cursor, or nothing for the first page, returns the page."""


class ScheduleRefusedError(Exception):
    """The unit would stop this process."""


def walk_schedule(fetch_page: FetchPage) -> list[Page]:
    """Return every edge of a schedule in order.

    Raises:
        ScheduleRefusedError: a page or an assignment that the unit does not go on from.
    """
    edges = list(_read_edges(fetch_page))
    previous: dict[str, str] | None = None
    for edge in edges:
        assignment = _assignment_of(edge)
        if not assignment.get("Hash-Chain"):
            raise ScheduleRefusedError("an assignment without a hash chain")
        if previous is not None:
            _check_link(previous, assignment)
        previous = assignment
    return edges


def _read_edges(fetch_page: FetchPage) -> Iterator[Page]:
    cursor: str | None = None
    while True:
        page = fetch_page(cursor)
        yield from page["edges"]
        if not page["page_info"]["has_next_page"]:
            return
        if not page["edges"]:
            raise ScheduleRefusedError("more is promised and nothing given: the unit starts over")
        cursor = page["edges"][-1]["cursor"]


def _check_link(previous: dict[str, str], assignment: dict[str, str]) -> None:
    if int(assignment["Nonce"]) != int(previous["Nonce"]) + 1:
        raise ScheduleRefusedError(f"nonce {assignment['Nonce']} after {previous['Nonce']}")
    if int(assignment["Timestamp"]) < int(previous["Timestamp"]):
        raise ScheduleRefusedError(f"time goes back at nonce {assignment['Nonce']}")
    link = sha256(_decode(previous["id"]) + _decode(previous["Hash-Chain"])).digest()
    if _encode(link) != assignment["Hash-Chain"]:
        raise ScheduleRefusedError(f"HashChain invalid at nonce {assignment['Nonce']}")


def _assignment_of(edge: Page) -> dict[str, str]:
    assignment = edge["node"]["assignment"]
    return {tag["name"]: tag["value"] for tag in assignment["tags"]} | {"id": assignment["id"]}


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
