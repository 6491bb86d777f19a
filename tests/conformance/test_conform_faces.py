"""The kit reads what others have answered: recorded replies of HyperBEAM and of an ao unit."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from aiohttp import web

from seriatim.formats.ids import encode_id
from seriatim.gateway.conform.checks.manners import every_reply_names_an_origin
from seriatim.gateway.conform.checks.shapes import the_slot_key_names_process_and_block
from seriatim.gateway.conform.claim import ClaimBrokenError
from seriatim.gateway.conform.faces.face import Face, Page
from seriatim.gateway.conform.faces.hyperbeam import HyperbeamFace
from seriatim.gateway.conform.faces.legacy import LegacyFace
from seriatim.gateway.conform.talk.conversation import Conversation
from seriatim.gateway.conform.talk.keys import Keys, Signed
from tests.support.hyperbeam import PROCESS, SCHEDULER
from tests.support.strategies import KEYS

UNIT = KEYS.parent / "su-schedule"
HTTP = SCHEDULER / "http"
PID = encode_id(PROCESS)
ADDRESS = "A" * 43


def hyperbeam(name: str) -> web.Response:
    """Return what HyperBEAM of May 2025 has replied."""
    recorded = orjson.loads((HTTP / f"{name}.json").read_bytes())["response"]
    own = {"transfer-encoding", "content-length", "date", "server"}
    # A header with NULs, as `slot` has it there, is none that a client would read.
    headers = [
        (key, value.replace("\0", "?")) for key, value in recorded["headers"] if key not in own
    ]
    return web.Response(
        status=int(recorded["status"]), headers=headers, body=b64decode(recorded["body_b64"])
    )


def unit(name: str) -> web.Response:
    """Return what an ao unit has replied."""
    return web.Response(body=(UNIT / f"{name}.json").read_bytes())


def read(kind: type[Face], reply: Callable[[], web.Response], call: Callable[[Any], Any]) -> Any:
    """Return what *call* makes of a node that answers *reply* to everything."""

    def talk(url: str) -> Any:
        with Conversation(url, deadline_ms=10_000) as opened:
            return call(kind(opened, Keys(), ADDRESS))

    async def main() -> Any:
        async def answer(_: object) -> web.Response:
            return reply()

        runner = web.ServerRunner(web.Server(answer))
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            return await asyncio.to_thread(talk, url)
        finally:
            await runner.cleanup()

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("name", "slots"),
    [
        ("16-get-schedule-aos2-header", [0, 1, 2, 3, 4]),
        ("17-get-schedule-aos2-header-from1-to2", [1, 2]),
    ],
)
def test_a_page_of_hyperbeam_is_read(name: str, slots: list[int]) -> None:
    page: Page = read(HyperbeamFace, lambda: hyperbeam(name), lambda face: face.page(PID, "from=0"))
    assert [(entry.slot, entry.cursor) for entry in page.entries] == [(s, s) for s in slots]
    assert page.has_next is False
    assert all(entry.hash_chain and entry.assignment_id for entry in page.entries)


def test_a_receipt_of_hyperbeam_is_read() -> None:
    message = Signed("B" * 43, PID, {})

    def accept(face: HyperbeamFace) -> int | None:
        return face.accepted(message, face.post(message)).slot

    assert read(HyperbeamFace, lambda: hyperbeam("02-post-message-flat"), accept) == 1


def test_a_head_and_a_preflight_of_hyperbeam_are_read() -> None:
    current = "33-get-slot-current-key"
    assert read(HyperbeamFace, lambda: hyperbeam(current), lambda face: face.head(PID)) == 4
    read(
        HyperbeamFace,
        lambda: hyperbeam("50-options"),
        lambda face: every_reply_names_an_origin(face, ["/~scheduler@1.0/schedule"]),
    )


def test_the_swapped_block_of_hyperbeam_is_found() -> None:
    class Known(HyperbeamFace):
        def spawn(self, *_: Any) -> Any:
            return Signed(PID, PID, {})

        def send(self, *_: Any, **__: Any) -> Any:
            return None

    with pytest.raises(ClaimBrokenError, match="block-height"):
        read(
            Known,
            lambda: hyperbeam("30-get-slot"),
            lambda face: the_slot_key_names_process_and_block(face, 4),
        )


@pytest.mark.parametrize(
    ("name", "slots", "has_next"),
    [("GET-list-limit3", [0, 1, 2], True), ("GET-list-past-end", [], False)],
)
def test_a_page_of_the_unit_is_read(name: str, slots: list[int], has_next: bool) -> None:
    page: Page = read(LegacyFace, lambda: unit(name), lambda face: face.page(PID, ""))
    assert ([entry.slot for entry in page.entries], page.has_next) == (slots, has_next)
