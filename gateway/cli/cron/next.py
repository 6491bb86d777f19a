"""``seriatim cron next``: when a recurrence is due, without a node, or a trigger of one."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from seriatim.formats.limits import CRON_NEXT_DEFAULT, CRON_NEXT_MAX
from seriatim.formats.recurrence.zone import FoldPolicy, GapPolicy
from seriatim.gateway.cli.cron.lines import local_line, offset_of
from seriatim.gateway.cli.cron.trigger_path import path_of
from seriatim.gateway.cli.options import DATA_DEFAULT, Json, NodeUrl
from seriatim.gateway.cli.output import print_json, printable, reporting
from seriatim.gateway.cli.reach import Plain, Reach, TokenFile
from seriatim.gateway.reply import field

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from seriatim.formats.recurrence.recurrence import Recurrence
    from seriatim.gateway.api_client import ApiClient

# No recurrence looks so: one of more than a word has spaces.
_ID: Final = re.compile("[A-Za-z0-9_-]{43}")


class _Times(NamedTuple):
    """What is shown.

    Attributes:
        recurrence: whose times they are; ``None`` for a watch, which has none.
        zone: whose clocks are meant.
        now_ms: they are after that.
        times: in milliseconds.
    """

    recurrence: Recurrence | None
    zone: ZoneInfo
    now_ms: int
    times: Sequence[int]


def next_times(
    recurrence: Annotated[
        str,
        typer.Argument(
            help="A cron expression, or a phrase: 'every monday at 9'; or the id of a trigger, or "
            "with --node or --data the name of one."
        ),
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
    ] = CRON_NEXT_DEFAULT,
    gap: Annotated[
        GapPolicy | None, typer.Option(help="Times that a clock skips: when it is put forward.")
    ] = None,
    fold: Annotated[
        FoldPolicy | None, typer.Option(help="Times that a clock shows twice: when it is put back.")
    ] = None,
    node: NodeUrl = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="The data folder of the trigger's node.")
    ] = None,
    token_file: TokenFile = None,
    *,
    as_json: Json = False,
) -> None:
    """Print the next times of RECURRENCE, one a line, with changes of the clock marked."""
    if node is None and data is None and not _ID.fullmatch(recurrence):
        with reporting(as_json=as_json):
            _say(_read(recurrence, zone_name, since, count, gap, fold), as_json=as_json)
        return

    async def ask(client: ApiClient) -> _Times:
        trigger = await client.ask("GET", path_of(recurrence))
        shown = await client.ask("GET", path_of(recurrence, "next"), query={"count": count})
        return _of_trigger(trigger, [field(each, "time_ms", int) for each in shown["times"]])

    if since is not None or gap is not None or fold is not None or zone_name != "UTC":
        raise typer.BadParameter("a trigger has its own zone and policies, and its next times")
    reach = Reach(node, data or DATA_DEFAULT, token_file, as_json)
    with reporting(as_json=as_json):
        reach.ask(ask, lambda found: _say(found, as_json=as_json))


def _read(
    text: str,
    zone_name: str,
    since: str | None,
    count: int,
    gap: GapPolicy | None,
    fold: FoldPolicy | None,
) -> _Times:
    from seriatim.formats.recurrence.once import parse_instant
    from seriatim.formats.recurrence.parse import parse_recurrence
    from seriatim.formats.recurrence.recurrence import times_after
    from seriatim.formats.recurrence.zone_database import read_zone

    zone = read_zone(zone_name)
    now_ms = _now_ms() if since is None else parse_instant(since, zone)
    recurrence = parse_recurrence(text, zone, now_ms=now_ms, gap=gap, fold=fold)
    return _Times(recurrence, zone, now_ms, list(islice(times_after(recurrence, now_ms), count)))


def _of_trigger(trigger: Plain, times: Sequence[int]) -> _Times:
    """Return *times* of *trigger*, with the recurrence that says why they are."""
    from seriatim.formats.recurrence.zone_database import read_zone
    from seriatim.formats.triggers.definition import Definition

    said = field(trigger, "definition", dict)
    named = {key: said[key] for key in ("when", "tz", "start", "end", "gap", "fold") if key in said}
    definition = Definition.from_fields(named)
    recurrence = None
    if definition.when:
        recurrence = definition.timing(field(trigger, "defined_ms", int)).recurrence
    return _Times(recurrence, read_zone(definition.tz), _now_ms(), times)


def _say(found: _Times, *, as_json: bool) -> None:
    from seriatim.formats.recurrence.local import local_time

    if as_json:
        print_json([local_time(each, found.zone).isoformat() for each in found.times])
    for line in () if as_json else _lines(found):
        typer.echo(printable(line))


def _lines(found: _Times) -> Iterator[str]:
    """Yield a line for each time: weekday, local time, offset, and what the clock has done."""
    from seriatim.formats.recurrence.cron import Cron
    from seriatim.formats.recurrence.local import local_time
    from seriatim.formats.recurrence.recurrence import Bounded

    whole = found.recurrence
    recurrence = whole.recurrence if isinstance(whole, Bounded) else whole
    offset = offset_of(local_time(found.now_ms, found.zone))
    for due_ms in found.times:
        local = local_time(due_ms, found.zone)
        marks = []
        if offset_of(local) != offset:
            marks.append(f"DST {offset} → {offset_of(local)}")
        if isinstance(recurrence, Cron) and recurrence.is_shifted(due_ms):
            marks.append("shifted: the clock skips its time")
        if local.fold:
            marks.append("second: the clock shows it again")
        offset = offset_of(local)
        yield "  ".join([local_line(local), *marks])


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
