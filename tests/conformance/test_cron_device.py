"""``~cron@1.0`` as HyperBEAM's clients know it, and where its tasks do not get to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pytest
from aiohttp import web

from seriatim.actors.policy import Policy
from seriatim.actors.runtime.virtual_clock import VirtualClock
from seriatim.formats.errors import OverloadedError
from seriatim.formats.ids import decode_id, encode_id
from seriatim.formats.limits import PUBLIC_TRIGGERS_MAX
from seriatim.formats.schedule.mode import SchedulingMode
from seriatim.gateway.http.hyperbeam import public_tasks
from seriatim.gateway.http.hyperbeam.public_tasks import PublicTasks
from seriatim.gateway.http.operator import Operator
from tests.support.builders import NODE, message_item, spawn_item
from tests.support.http_node import HttpNode, HttpReply, serving, spawned
from tests.support.hyperbeam import client_wallet, http_message, location
from tests.support.hyperbeam_http import post
from tests.support.listening import listening
from tests.support.loopback import LOOPBACK, url_of
from tests.support.strategies import known_wallet

TOKEN: Final = "a-token"
STATUS: Final = "/~scheduler@1.0/status"
EVERYBODY: Final = Operator(TOKEN, public_cron=True)


class Cron:
    """A node and its time."""

    def __init__(self, http: HttpNode, clock: VirtualClock) -> None:
        self.http = http
        self.clock = clock

    async def ask(self, target: str, *, token: str = TOKEN, body: bytes | None = None) -> HttpReply:
        method = "GET" if body is None else "POST"
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return await self.http.send(method, f"/~cron@1.0/{target}", body or b"", **headers)

    async def task(self, target: str, *, token: str = TOKEN, body: bytes | None = None) -> str:
        """Ask for a task; return its id."""
        reply = await self.ask(target, token=token, body=body)
        text = reply.body.decode()
        assert reply.status == 200, text
        assert len(decode_id(text)) == 32
        await self.pass_time(milliseconds=1)
        return text

    async def pass_time(self, **passed: float) -> None:
        self.clock.advance(**passed)
        assert self.http.node.triggers is not None
        await self.http.node.triggers.settled()

    def ends(self, task: str) -> list[str]:
        """Return how each run of *task* has ended: the code of its error, empty for none."""
        triggers = self.http.node.triggers
        assert triggers is not None
        history = triggers.history(decode_id(task), limit=100)
        ends = [each.fields for each in history if each.fields.get("action") == "end"]
        return [str(each.get("code", "")) for each in ends]

    def nominal_times(self, task: str) -> list[int]:
        triggers = self.http.node.triggers
        assert triggers is not None
        history = triggers.history(decode_id(task), limit=100)
        found = [each.fields for each in history if each.fields.get("action") == "run"]
        return [value for each in found if isinstance(value := each["nominal-time"], int)]


def with_cron(
    tmp_path: Path,
    use: Callable[[Cron], Awaitable[None]],
    *,
    operator: Operator = Operator(TOKEN),  # noqa: B008  # immutable
    policy: Policy | None = None,
) -> None:
    async def main() -> None:
        clock = VirtualClock()
        async with serving(
            tmp_path, wallet=known_wallet(NODE), operator=operator, clock=clock, policy=policy
        ) as http:
            await use(Cron(http, clock))

    asyncio.run(main())


# What runs, and when.


def test_every_runs_at_once_and_then_without_drift_and_without_a_pause_lost(
    tmp_path: Path,
) -> None:
    async def use(cron: Cron) -> None:
        target = f"every?interval=500-milliseconds&cron-path={STATUS}"
        task = await cron.task(target)
        start_ms = cron.nominal_times(task)[0]
        for late_ms in (500, 517, 499, 1_483):
            await cron.pass_time(milliseconds=late_ms)
        times = [start_ms + 500 * number for number in (0, 1, 2, 3)]
        assert cron.nominal_times(task)[:4] == times
        assert all((each - start_ms) % 500 == 0 for each in cron.nominal_times(task))
        assert set(cron.ends(task)) == {""}
        # A second request is the same task: nothing is left over when that is stopped.
        assert await cron.task(target) == task
        assert (await cron.ask(f"stop?task={task}")).json()["body"]["task_id"] == task
        count = len(cron.nominal_times(task))
        await cron.pass_time(hours=1)
        assert len(cron.nominal_times(task)) == count
        again = await cron.ask(f"stop?task={task}")
        assert (again.status, again.body) == (400, b"Task not found.")

    with_cron(tmp_path, use)


def test_a_task_that_fails_comes_again_when_it_is_due_and_says_why(tmp_path: Path) -> None:
    async def use(cron: Cron) -> None:
        task = await cron.task("every?interval=1-minute&cron-path=/~scheduler@1.0/nothing")
        assert cron.ends(task) == ["status_404"]
        await cron.pass_time(seconds=59)
        assert cron.ends(task) == ["status_404"]
        await cron.pass_time(seconds=1)
        assert cron.ends(task) == ["status_404", "status_404"]

    with_cron(tmp_path, use)


def test_a_task_outlives_its_node(tmp_path: Path) -> None:
    """HyperBEAM keeps tasks in memory; so the same request after a restart is a second one."""

    async def main() -> None:
        clock = VirtualClock()
        target = f"every?interval=1-hour&cron-path={STATUS}"
        tasks: list[str] = []
        counts: list[int] = []
        for _ in range(2):
            async with serving(
                tmp_path, wallet=known_wallet(NODE), operator=Operator(TOKEN), clock=clock
            ) as http:
                cron = Cron(http, clock)
                if not tasks:
                    tasks.append(await cron.task(target))
                await cron.pass_time(hours=1)
                tasks.append(await cron.task(target))
                assert http.node.triggers is not None
                assert http.node.triggers.live == 1
                counts.append(len(cron.nominal_times(tasks[0])))
        assert len(set(tasks)) == 1
        assert counts == [2, 3]

    asyncio.run(main())


def test_once_runs_once_and_when_it_is_asked_for_again_once_more(tmp_path: Path) -> None:
    async def use(cron: Cron) -> None:
        process = await spawned(cron.http)
        raw = message_item(decode_id(process), "hello").raw
        target = f"once?cron-path=/{process}/schedule"
        task = await cron.task(target, body=raw)
        assert cron.ends(task) == [""]
        placed = cron.http.node.stored(decode_id(process), 1)
        assert placed.fields["data"] == "hello"
        await cron.pass_time(hours=1)
        assert cron.ends(task) == [""]
        assert await cron.task(target, body=raw) == task
        assert cron.ends(task) == ["", ""]
        # The same signed message has one slot, however often it comes.
        head = cron.http.node.head(decode_id(process))
        assert head is not None
        assert head.slot == 1

    with_cron(tmp_path, use)


def test_the_other_keys_of_a_request_go_along(tmp_path: Path) -> None:
    async def use(cron: Cron) -> None:
        process = await spawned(cron.http)
        task = await cron.task(f"once?cron-path=/~scheduler@1.0/slot?a=1&target={process}&b=x%26y")
        assert cron.ends(task) == [""]
        assert cron.http.node.triggers is not None
        definition = cron.http.node.triggers.show(decode_id(task)).definition
        assert definition.path == f"/~scheduler@1.0/slot?a=1&target={process}&b=x%26y"

    with_cron(tmp_path, use)


def test_a_signature_covers_one_request_and_no_task(tmp_path: Path) -> None:
    async def use(cron: Cron) -> None:
        message = http_message({"data": b"hello"})
        reply = await post(
            cron.http,
            message,
            f"/~cron@1.0/once?cron-path={STATUS}",
            authorization=f"Bearer {TOKEN}",
        )
        assert reply.status == 501

    with_cron(tmp_path, use)


@pytest.mark.parametrize(
    ("interval", "sentence"),
    [
        ("9" * 5_000 + "-seconds", "Invalid interval value."),
        ("0" * 5_000 + "-seconds", "Invalid interval value."),
        ("99999999-days", "Invalid interval value."),
        ("-1-seconds", "Invalid interval value."),
        ("\u0665-seconds", "Invalid interval value."),
        ("5-", "Invalid time unit: "),
        ("5", "Invalid time unit: "),
        ("5-\r\nx", "Invalid time unit: \r\nx"),
        ("5-" + "s" * 5_000, "Invalid time unit: " + "s" * 5_000),
    ],
    ids=lambda text: text[:24],
)
def test_an_interval_that_is_none_is_told_in_a_sentence(
    tmp_path: Path, interval: str, sentence: str
) -> None:
    async def use(cron: Cron) -> None:
        reply = await cron.ask(f"every?interval={quote(interval)}&cron-path={STATUS}")
        assert (reply.status, reply.body.decode()) == (400, sentence)

    with_cron(tmp_path, use)


def test_info_is_for_everybody_and_a_node_that_places_nothing_has_no_tasks(tmp_path: Path) -> None:
    async def use(cron: Cron) -> None:
        assert (await cron.ask("info", token="")).json()["body"]["version"] == "1.0"
        reply = await cron.ask(f"once?cron-path={STATUS}")
        assert (reply.status, reply.json()["code"]) == (501, "scheduling_disabled")

    with_cron(tmp_path, use, policy=Policy(mode=SchedulingMode.DISABLED))


# Where a task does not get to.

OUTSIDE: Final = (
    "//evil.example/x",
    "/\\evil.example/x",
    "\\\\evil.example/x",
    "http://evil.example/x",
    "HTTP:/evil.example",
    "evil.example/x",
    "@evil.example/",
    ":80/",
    "%2f%2fevil.example/x",
    "/x\r\nhost: evil.example",
    "/x\nGET / HTTP/1.1",
    "/x y",
    "/x\t",
    "/x\x00",
    "/\u2215\u2215evil.example",
    "/\uff0f\uff0fevil.example",
    "/x#@evil.example",
    "/x?target=" + "A" * 43 + "?hint=http://127.0.0.1:1",
    "/x?hint=http://127.0.0.1:1",
    "/x?%68int=http://127.0.0.1:1",
    "/x?HINT=http://127.0.0.1:1",
    "/x?1.hint+atom=http://127.0.0.1:1",
    "/x&hint=http:%2f%2f127.0.0.1:1/slot",
    "/x%3fhint=http:%2f%2f127.0.0.1:1",
)


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_path_that_could_lead_elsewhere_is_refused(tmp_path: Path, path: str) -> None:
    async def use(cron: Cron) -> None:
        for encoded in (quote(path, safe=""), quote(path, safe="/:@?=&")):
            reply = await cron.ask(f"once?cron-path={encoded}")
            assert reply.status == 400, reply.body
            assert reply.json()["code"] in {"bad_trigger", "bad_path"}
        assert cron.http.node.triggers is not None
        assert cron.http.node.triggers.page(limit=1) == []

    with_cron(tmp_path, use)


def test_a_run_is_sent_on_to_nobody(tmp_path: Path) -> None:
    """The node sends requests on, and knows where this one belongs: a task stays here."""

    async def main() -> None:
        asked: list[str] = []

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            asked.append(request.raw_path)
            return web.Response(body=b"{}")

        clock = VirtualClock()
        async with (
            listening(answer) as port,
            serving(
                tmp_path,
                wallet=known_wallet(NODE),
                operator=Operator(TOKEN),
                outbound_policy=LOOPBACK,
                clock=clock,
            ) as http,
        ):
            await post(http, location(url_of(port), client_wallet()), "/~scheduler@1.0/location")
            tags = {"Scheduler": encode_id(client_wallet().address), "Module": "A" * 43}
            raw = spawn_item(None, tags=tags).raw
            cron = Cron(http, clock)
            for path in ("/~scheduler@1.0/schedule", "/schedule", "/"):
                task = await cron.task(f"once?cron-path={path}", body=raw)
                assert cron.ends(task) == ["status_508"]
            assert asked == []
            assert (await http.post("/schedule", raw)).status == 200, "others are sent on"
            assert asked == ["/schedule"]

    asyncio.run(main())


def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    async def use(cron: Cron) -> None:
        http = cron.http
        there = location("http://127.0.0.1:1", client_wallet())
        await post(http, there, "/~scheduler@1.0/location")
        tags = {"Scheduler": encode_id(client_wallet().address), "Module": "A" * 43}
        task = await cron.task("once?cron-path=/schedule", body=spawn_item(None, tags=tags).raw)
        assert cron.ends(task) == ["status_307"]

    with_cron(tmp_path, use)


# Who may.


@pytest.mark.parametrize("token", ["", "another", TOKEN + "x", TOKEN[:-1], "\udcff"])
def test_tasks_are_for_the_operator(tmp_path: Path, token: str) -> None:
    async def use(cron: Cron) -> None:
        task = await cron.task(f"every?interval=1-day&cron-path={STATUS}")
        for target in ("once", "every", f"stop?task={task}", f"once?cron-path={STATUS}"):
            reply = await cron.ask(target, token=token)
            assert (reply.status, reply.json()["code"]) == (401, "unauthorized")
            assert reply.headers["www-authenticate"] == "Bearer"
            assert "operator-token" in reply.json()["detail"]
            assert "--public-cron" in reply.json()["detail"]

    with_cron(tmp_path, use)


def test_a_node_without_a_token_obeys_nobody(tmp_path: Path) -> None:
    async def use(cron: Cron) -> None:
        for headers in ({}, {"authorization": "Bearer "}, {"authorization": "Bearer"}):
            reply = await cron.http.get(f"/~cron@1.0/once?cron-path={STATUS}", **headers)
            assert reply.status == 401

    with_cron(tmp_path, use, operator=Operator())


def test_a_task_has_no_more_rights_than_anybody(tmp_path: Path) -> None:
    async def use(cron: Cron) -> None:
        inner = quote(f"/~cron@1.0/once?cron-path={STATUS}", safe="/")
        task = await cron.task(f"once?cron-path={inner}")
        assert cron.ends(task) == ["status_401"]

    with_cron(tmp_path, use)


def test_strangers_stop_and_replace_nothing_of_the_operators(tmp_path: Path) -> None:
    async def use(cron: Cron) -> None:
        target = f"every?interval=1-day&cron-path={STATUS}"
        own, theirs = await cron.task(target), await cron.task(target, token="")
        assert own != theirs
        assert (await cron.ask(f"stop?task={own}", token="")).body == b"Task not found."
        assert (await cron.ask(f"stop?task={theirs}", token="")).status == 200
        assert len(cron.ends(own)) == 1

    with_cron(tmp_path, use, operator=EVERYBODY)


def test_strangers_have_few_tasks_and_not_too_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public_tasks, "PUBLIC_TRIGGERS_MAX", 3)
    assert PUBLIC_TRIGGERS_MAX > 3

    async def main() -> None:
        clock = VirtualClock()
        for life in range(2):  # they are counted anew by the next node
            async with serving(
                tmp_path, wallet=known_wallet(NODE), operator=EVERYBODY, clock=clock
            ) as http:
                await strangers(Cron(http, clock), life)

    async def strangers(cron: Cron, life: int) -> None:
        fast = await cron.ask(f"every?interval=99-milliseconds&cron-path={STATUS}", token="")
        assert (fast.status, fast.json()["code"]) == (400, "too_often")
        target = "every?interval={0}-hours&cron-path=" + STATUS
        if life == 0:
            await cron.task(f"once?cron-path={STATUS}", token="")
            for hours in (1, 2):
                await cron.task(target.format(hours), token="")
        # The one that is over makes room.
        third = await cron.task(target.format(3 + life), token="")
        for hours in (1, 2):
            await cron.task(target.format(hours), token="")
        more = await cron.ask(target.format(9), token="")
        assert (more.status, more.json()["code"]) == (429, "overloaded")
        await cron.task(target.format(9))  # the operator's
        assert (await cron.ask(f"stop?task={third}", token="")).status == 200

    asyncio.run(main())


@pytest.mark.parametrize("are_cancelled", [False, True])
def test_strangers_have_no_more_tasks_though_they_ask_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, are_cancelled: bool
) -> None:
    monkeypatch.setattr(public_tasks, "PUBLIC_TRIGGERS_MAX", 3)

    async def use(cron: Cron) -> None:
        triggers = cron.http.node.triggers
        assert triggers is not None
        tasks, hour_ms = PublicTasks(), 3_600_000
        fields = [{"path": STATUS, "when": f"{hours} hours"} for hours in range(1, 31)]
        asked = [asyncio.ensure_future(tasks.define(triggers, each, hour_ms)) for each in fields]
        await asyncio.sleep(0)
        if are_cancelled:
            asked[0].cancel()
        ends = await asyncio.gather(*asked, return_exceptions=True)
        refused = [end for end in ends if isinstance(end, OverloadedError)]
        assert len(refused) == len(fields) - 3
        assert triggers.live == 3
        for each in triggers.page(limit=100):
            await tasks.remove(triggers, each.id)  # each is a stranger's to stop
        assert triggers.live == 0

    with_cron(tmp_path, use, operator=EVERYBODY)


# Multipass.


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("passes+integer=2&pass+integer=1/compute", 400),
        ("passes+integer=2&pass+integer=2/compute", 200),
        ("passes=2/compute", 400),
        ("a=1/compute", 200),
        ("passes+integer=2/set", 200),
        ("passes=x/compute", 400),
    ],
)
def test_multipass_answers_with_its_base_in_the_last_pass(
    tmp_path: Path, path: str, status: int
) -> None:
    async def use(cron: Cron) -> None:
        reply = await cron.http.get(f"/~multipass@1.0&{path}", accept="application/json")
        assert reply.status == status
        if status == 200:
            number = reply.json().get("passes", 1)
            assert number in (1, 2)
        elif "x" not in path:
            assert reply.json()["code"] == "pass"

    with_cron(tmp_path, use)
