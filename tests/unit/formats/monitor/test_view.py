"""What a monitor says, and the text for people: the same input, the same words."""

from __future__ import annotations

from pathlib import Path

import orjson
from hypothesis import given
from hypothesis import strategies as st

from seriatim.formats.jobs.status import RunningJob
from seriatim.formats.monitor.beat import Beat
from seriatim.formats.monitor.episodes import Episodes
from seriatim.formats.monitor.flags import Flags
from seriatim.formats.monitor.hud import hud
from seriatim.formats.monitor.view import (
    Moment,
    Observer,
    backlog_of,
    rates_between,
    summary_of,
    view_of,
)
from tests.support.sights import AT_MS, queue_of, sight_of, with_types
from tests.support.statuses import status_of

OBSERVER = Observer("node", 41, 2, 1_000)


def beat_of(name: str, category: str, *types: str) -> Beat:
    jobs = [RunningJob(f"{name}-{n}", kind, 1, 0.5) for n, kind in enumerate(types)]
    status = status_of(name, 1, *jobs, category=category, types=["VEHICLE_DETECT", "PLATE_READ"])
    return Beat(status, AT_MS)


BEATS = [
    beat_of("gpu1", "gpu", "VEHICLE_DETECT"),
    beat_of("gpu2", "gpu", "PLATE_READ"),
    beat_of("gpu3", "gpu", "PLATE_READ"),
    beat_of("gpu4", "gpu"),
    beat_of("cpu1", "cpu", "VEHICLE_DETECT", "VEHICLE_DETECT", "PLATE_READ", "PLATE_READ"),
]


def test_the_summary_has_the_words_of_the_first_system() -> None:
    assert summary_of(BEATS) == [
        "1 CPU worker busy: {PLATE_READ: 2, VEHICLE_DETECT: 2}",
        "3 GPU workers busy: {PLATE_READ: 2, VEHICLE_DETECT: 1}",
    ]
    assert summary_of([beat_of("w", "", "a"), beat_of("v", "", "a")]) == ["2 workers busy: {a: 2}"]
    assert summary_of([beat_of("w", "gpu")]) == []


COUNTS = st.dictionaries(st.sampled_from(["pending", "leased", "done"]), st.integers(1, 9))


@given(st.dictionaries(st.sampled_from("abcd"), COUNTS), st.sets(st.sampled_from("abcd")))
def test_the_backlog_is_all_that_waits_and_each_type_counts_where_it_is_run(
    types: dict[str, dict[str, int]], looked_at: set[str]
) -> None:
    whole = with_types(queue_of("default"), **types)
    shown = {kind: states for kind, states in types.items() if kind in looked_at}
    queue = whole._replace(types=shown, has_more_types=True)
    beats = [
        Beat(status_of("g", types=["a", "b"]), 0),
        Beat(status_of("c", category="cpu", types=["b", "c"]), 0),
        Beat(status_of("x", category="cpu", queue="another", types=["d"]), 0),
    ]
    backlog = backlog_of(sight_of(queue, beats=beats))

    def waiting(kind: str) -> int:
        return types.get(kind, {}).get("pending", 0) if kind in looked_at else 0

    assert sum(backlog.values()) == whole.states.get("pending", 0)
    assert backlog.get("gpu", 0) == waiting("a")
    assert backlog.get("cpu|gpu", 0) == waiting("b")
    assert backlog.get("cpu", 0) == waiting("c")


def test_rates_are_what_has_changed_between_two_looks() -> None:
    before = Moment(sight_of(queue_of("a", 10, done=5), queue_of("b", 1)), 1_000)
    now = Moment(sight_of(queue_of("a", 14, done=8, failed=1), queue_of("c", 9)), 3_000)
    assert rates_between(before, now) == {"a": {"ended_per_s": 2.0, "slots_per_s": 2.0}}
    forgotten = Moment(sight_of(queue_of("a", 12)), 2_000)
    assert rates_between(before, forgotten) == {"a": {"ended_per_s": 0.0, "slots_per_s": 2.0}}
    assert rates_between(before, before) == {}


GOLDEN = """\
5 workers, 3 busy, 1 idle, 1 slow, 1 stale
3 GPU workers busy: {PLATE_READ: 2, VEHICLE_DETECT: 1}
stop is set

worker  category  pulse  heard  pid  queue    jobs  runs
gpu1    gpu       ok     1s     7    default  1/2   VEHICLE_DETECT 50%
gpu2    gpu       ok     1s     7    default  1/2   PLATE_READ 50%
gpu3    gpu       slow   11s    7    default  1/2   PLATE_READ 50%
gpu4    gpu       ok     1s     7    default  0/2   -
cpu1    cpu       stale  31s    7    default  4/2   VEHICLE_DETECT 50%, VEHICLE_DETECT 50%,…

queue    slot  blocked  pending  scheduled  leased  done  failed  dead  cancelled  ended/s
default  12    0        4        0          7       9     0       0     0          3

backlog: NONE 1, CPU|GPU 3"""


def test_the_whole_as_people_see_it() -> None:
    queue = with_types(
        queue_of("default", 12),
        VEHICLE_DETECT={"pending": 3, "leased": 3},
        PLATE_READ={"leased": 4, "done": 9},
        unknown={"pending": 1},
    )
    episodes = Episodes()
    episodes.see({"cpu1": 1}, 0)
    episodes.see({"cpu1": 1, "gpu3": 1}, 20_000)
    episodes.see({beat.status.worker: 1 for beat in BEATS}, 30_000)
    before = Moment(sight_of(queue._replace(states={"done": 6})), 30_000)
    now = Moment(sight_of(queue, beats=BEATS, flags=Flags(stop=True)), 31_000)
    episodes.see({beat.status.worker: 1 for beat in BEATS}, 31_000)
    view = view_of(OBSERVER, now, episodes, before)
    assert hud(view) == GOLDEN
    # And what a node answers as JSON gives the same text.
    assert hud(orjson.loads(orjson.dumps(view))) == GOLDEN


def test_the_picture_in_the_document_is_this_one() -> None:
    document = Path(__file__).parents[4] / "docs" / "monitor.md"
    assert f"```\n$ seriatim top\n{GOLDEN}\n```" in document.read_text("utf-8")


def test_nothing_at_all_is_idle() -> None:
    view = view_of(OBSERVER, Moment(sight_of(), 0), Episodes(), None)
    assert hud(view) == "0 workers, 0 busy, 0 idle\nidle"
    assert view["idle"] is True
    assert view["observer"] == {"home": "node", "pid": 41, "tick": 2, "period_ms": 1_000}


def test_idle_is_said_with_its_slots() -> None:
    view = view_of(OBSERVER, Moment(sight_of(queue_of("a", 4, done=1)), 0), Episodes(), None)
    assert "idle at a 4" in hud(view)


def test_no_name_steers_the_terminal() -> None:
    beat = Beat(status_of("w\x1b[2J\n", 1, RunningJob("j", "t\x07", 1)), AT_MS)
    episodes = Episodes()
    episodes.see({beat.status.worker: 1}, 0)
    text = hud(view_of(OBSERVER, Moment(sight_of(beats=[beat]), 0), episodes, None))
    assert all(char.isprintable() or char == "\n" for char in text)
