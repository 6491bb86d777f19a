"""``seriatim follow``: keep a verified copy of a process that another node schedules."""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from seriatim.gateway.cli.options import DATA_DEFAULT, Data, Json, Process, check_url
from seriatim.gateway.cli.output import Exit, print_json, printable, reporting

if TYPE_CHECKING:
    from seriatim.actors.follow.follower import Follower, News
    from seriatim.formats.errors import DivergedError

SAY_EVERY_S: Final = 1.0
"""Pages come faster than anybody reads lines."""


def follow(
    url: Annotated[
        str,
        typer.Argument(
            callback=check_url, help="The node to copy from: ours, HyperBEAM's, or an ao unit."
        ),
    ],
    process: Process,
    data: Data = DATA_DEFAULT,
    *,
    once: Annotated[
        bool, typer.Option("--once", help="End when all that is there is copied.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Keep a verified copy of a process, until Ctrl-C. With --json: one object per line."""
    import uvloop

    from seriatim.formats.errors import DivergedError
    from seriatim.formats.ids import decode_id

    with reporting(as_json=as_json):
        try:
            uvloop.run(_follow(url, decode_id(process), data, once=once, as_json=as_json))
        except DivergedError as error:
            _say_finding(error, as_json=as_json)
            raise typer.Exit(Exit.FAILED) from None


async def _follow(url: str, process: bytes, data: Path, *, once: bool, as_json: bool) -> None:
    from seriatim.actors.follow.folder import open_followed
    from seriatim.actors.follow.follower import Follower
    from seriatim.actors.runtime.clock import SystemClock
    from seriatim.formats.limits import CLIENT_REPLY_MAX_BYTES
    from seriatim.gateway.outbound import Outbound, OutboundPolicy
    from seriatim.gateway.source import NodeSource
    from seriatim.gateway.stop import stop_signal
    from seriatim.gateway.url import read_url

    policy = OutboundPolicy(frozenset({read_url(url).origin}))
    clock = SystemClock(asyncio.get_running_loop())
    stop = stop_signal(clock)
    async with (
        open_followed(data, process, url=url, now_ms=clock.now_ms()) as copy,
        Outbound(policy, reply_max_bytes=CLIENT_REPLY_MAX_BYTES) as outbound,
    ):
        source = NodeSource(outbound, url, process)
        say = _Say(url, copy.slots, as_json=as_json)
        follower = Follower(copy, source, clock=clock, draw=secrets.randbelow, tell=say)
        await _run(follower, stop, once=once)
        say.end(copy.slots)


async def _run(follower: Follower, stop: asyncio.Event, *, once: bool) -> None:
    """Run *follower* until it ends, or until *stop*: between two pages, never inside one."""
    following = asyncio.ensure_future(follower.run(once=once))
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({following, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if following.done():
        following.result()
        return
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following


class _Say:
    """Says what is new, and not the same twice."""

    def __init__(self, url: str, slots: int, *, as_json: bool) -> None:
        self._url = url
        self._as_json = as_json
        self._said = ("", slots)
        self._said_s = time.monotonic()
        # Where the run of pages began whose rate is said.
        self._first, self._first_s = slots, self._said_s

    def __call__(self, news: News) -> None:
        now_s = time.monotonic()
        is_page = news.what == "page"
        is_early = is_page and now_s - self._said_s < SAY_EVERY_S
        is_same = news.what != "away" and (news.what, news.slots) == self._said
        if not is_early and not is_same:
            self._said, self._said_s = (news.what, news.slots), now_s
            rate = (news.slots - self._first) / max(now_s - self._first_s, 1e-3)
            self._write(news.what, news.slots, rate, reason=news.reason, wait_ms=news.wait_ms)
        if not is_page:
            self._first, self._first_s = news.slots, now_s

    def end(self, slots: int) -> None:
        """Say how many slots there are in the end."""
        self._write("end", slots, 0.0)

    def _write(
        self, what: str, slots: int, rate: float, *, reason: str = "", wait_ms: int = 0
    ) -> None:
        if self._as_json:
            plain: dict[str, Any] = {"what": what, "slots": slots}
            if what in {"page", "head"}:
                plain["slots_per_s"] = round(rate, 1)
            if what == "away":
                plain |= {"reason": reason, "wait_ms": wait_ms}
            print_json(plain)
            return
        line = {
            "page": f"{slots} slots  {rate:.0f}/s",
            "head": f"{slots} slots, all that {self._url} has",
            "behind": f"{slots} slots; {self._url} has fewer now, waiting",
            "away": f"{slots} slots; {reason}; trying again in {wait_ms / 1000:g} s",
            "end": f"{slots} slots, verified",
        }[what]
        typer.echo(printable(line))


def _say_finding(error: DivergedError, *, as_json: bool) -> None:
    if not as_json:
        typer.echo(printable(f"{error.code}: {error}"), err=True)
        return
    print_json(
        {
            "ok": False,
            "error": error.code,
            "process": error.process,
            "slot": error.slot,
            "expected": error.expected,
            "given": error.given,
            "evidence": error.evidence,
        }
    )
