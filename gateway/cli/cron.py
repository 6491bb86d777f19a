"""``seriatim cron next``: when a recurrence is due, without a node."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from seriatim.formats.limits import CRON_NEXT_MAX
from seriatim.formats.recurrence.zone import FoldPolicy, GapPolicy
from seriatim.gateway.cli.options import Json
from seriatim.gateway.cli.output import print_json, printable, reporting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from zoneinfo import ZoneInfo

    from seriatim.formats.recurrence.recurrence import Recurrence

cron_app = typer.Typer(help="When triggers are due.", no_args_is_help=True)


@cron_app.callback()
def _group() -> None:
    """Keep ``next`` a verb of its own: typer makes an only command the whole."""


@cron_app.command("next")
def next_times(
    recurrence: Annotated[
        str, typer.Argument(help="A cron expression, or a phrase: 'every monday at 9'.")
    ],
    zone_name: Annotated[
        str, typer.Option("--tz", help="The IANA time zone whose clocks are meant.")
    ] = "UTC",
    since: Annotated[
        str | None,
        typer.Option("--from", help="Times after this one (ISO 8601); else after now."),
    ] = None,
    count: Annotated[
        int, typer.Option(min=1, max=CRON_NEXT_MAX, help="How many times at most.")
    ] = 5,
    gap: Annotated[
        GapPolicy | None, typer.Option(help="Times that a clock skips: when it is put forward.")
    ] = None,
    fold: Annotated[
        FoldPolicy | None, typer.Option(help="Times that a clock shows twice: when it is put back.")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Print the next times of RECURRENCE, one a line, with changes of the clock marked."""
    from seriatim.formats.recurrence.once import parse_instant
    from seriatim.formats.recurrence.parse import parse_recurrence
    from seriatim.formats.recurrence.zone_database import read_zone

    with reporting(as_json=as_json):
        zone = read_zone(zone_name)
        now_ms = time.time_ns() // 1_000_000 if since is None else parse_instant(since, zone)
        parsed = parse_recurrence(recurrence, zone, now_ms=now_ms, gap=gap, fold=fold)
        times = list(_times(parsed, now_ms, count))
        if as_json:
            print_json([_local(each, zone).isoformat() for each in times])
        for line in () if as_json else _lines(parsed, zone, now_ms, times):
            typer.echo(printable(line))


def _times(recurrence: Recurrence, now_ms: int, count: int) -> Iterator[int]:
    due_ms = recurrence.after(now_ms)
    while due_ms is not None and count:
        yield due_ms
        count -= 1
        due_ms = recurrence.after(due_ms) if count else None


def _lines(
    recurrence: Recurrence, zone: ZoneInfo, now_ms: int, times: Sequence[int]
) -> Iterator[str]:
    """Yield a line for each time: weekday, local time, offset, and what the clock has done."""
    from seriatim.formats.recurrence.cron import Cron

    offset = _offset(_local(now_ms, zone))
    for due_ms in times:
        local = _local(due_ms, zone)
        marks = []
        if _offset(local) != offset:
            marks.append(f"DST {offset} → {_offset(local)}")
        if isinstance(recurrence, Cron) and recurrence.is_shifted(due_ms):
            marks.append("shifted: the clock skips its time")
        if local.fold:
            marks.append("second: the clock shows it again")
        offset = _offset(local)
        yield "  ".join([f"{local:%a %Y-%m-%d} {local.time()} {offset}", *marks])


def _local(instant_ms: int, zone: ZoneInfo) -> datetime:
    whole = datetime.fromtimestamp(instant_ms // 1000, zone)
    return whole.replace(microsecond=instant_ms % 1000 * 1000)


def _offset(local: datetime) -> str:
    """Return the offset as ``+01:00``."""
    return local.isoformat()[-6:]
