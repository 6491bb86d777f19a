"""``/api/v1/triggers``: what the operator defines and sees, and the document that says so."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from seriatim.actors.node import Node
from seriatim.actors.policy import Policy
from seriatim.actors.runtime.virtual_clock import VirtualClock
from seriatim.formats.ids import decode_id, encode_id
from seriatim.formats.limits import HOOK_BODY_MAX_BYTES
from seriatim.formats.schedule.mode import SchedulingMode
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.triggers.definition import Definition
from seriatim.formats.triggers.progress import State
from seriatim.formats.triggers.word import Word
from seriatim.gateway.http.api import page
from seriatim.gateway.http.api.description import DESCRIPTION
from seriatim.gateway.http.api.route import Route
from seriatim.gateway.http.api.routes import every_route
from seriatim.gateway.http.operator import Operator
from tests.support.api_schema import DOCUMENT, resolved
from tests.support.asker import TOKEN, Asker, with_asker
from tests.support.builders import message_item, spawn_item
from tests.support.copying_node import copying
from tests.support.http_node import HttpReply, spawned
from tests.support.waiting import until

ALL: Final = "/api/v1/triggers"
NOBODY: Final = "A" * 43


class TriggerAsker(Asker):
    """An operator who defines triggers."""

    async def define(self, **fields: object) -> dict[str, Any]:
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        reply = await self.ask("POST", ALL, named)
        assert reply.status in (200, 201), reply.body
        plain: dict[str, Any] = reply.json()
        return plain

    async def pass_time(self, **passed: float) -> None:
        self.clock.advance(**passed)
        assert self.http.node.triggers is not None
        await self.http.node.triggers.settled()


def with_api(
    tmp_path: Path,
    use: Callable[[TriggerAsker], Awaitable[None]],
    *,
    policy: Policy | None = None,
) -> None:
    with_asker(tmp_path, lambda api: use(TriggerAsker(api.http, api.clock)), policy=policy)


def test_a_trigger_from_its_definition_to_its_end(tmp_path: Path) -> None:
    async def use(api: TriggerAsker) -> None:
        process = await spawned(api.http, Variant.NATIVE)
        definition = {
            "when": "0 9 * * *",
            "tz": "Europe/Paris",
            "name": "daily report",
            "process": process,
            "message": {"action": "report", "raw+base64url": "_-8"},
        }
        reply = await api.ask("POST", ALL, definition)
        assert reply.status == 201
        trigger = reply.json()
        assert trigger == {
            "id": trigger["id"],
            "state": "live",
            "defined": "2026-01-01T01:00:00+01:00",
            "defined_ms": 1_767_225_600_000,
            "next": "2026-01-01T09:00:00+01:00",
            "next_ms": 1_767_254_400_000,
            "definition": definition,
        }
        path = f"{ALL}/{trigger['id']}"
        assert reply.headers["location"] == path
        again = await api.ask("POST", ALL, definition)
        assert (again.status, again.json()) == (200, trigger)
        assert await api.get(path) == await api.get(f"{ALL}/daily%20report") == trigger
        assert (await api.get(ALL)) == {"triggers": [trigger], "after": None}

        await api.pass_time(hours=8)
        placed = api.http.node.stored(decode_id(process), 1).fields
        assert (placed["action"], placed["raw"]) == ("report", b"\xff\xef")
        assert placed["nominal-time"] == trigger["next_ms"]

        assert (await api.ask("POST", f"{path}/pause")).json()["state"] == "paused"
        await api.pass_time(days=2)
        assert (await api.ask("POST", f"{path}/resume")).json()["state"] == "live"
        fired = await api.ask("POST", f"{path}/fire")
        assert (fired.status, fired.json()["what"]) == (201, "fire")
        span = {"from": "2026-01-01", "to": trigger["next_ms"] + 10 * 86_400_000}
        filled = (await api.ask("POST", f"{path}/backfill", span)).json()
        assert filled == {"fired": 2, "had_fired": 1}

        history = (await api.get(f"{path}/history"))["history"]
        events = [each["what"] for each in history]
        assert events == ["define", "fire", "pause", "resume", "fire", "fire", "fire"]
        assert [each["number"] for each in history] == list(range(7))
        assert history[0]["definition"] == definition
        assert history[1] | {"timestamp": "", "timestamp_ms": 0} == {
            "number": 1,
            "what": "fire",
            "process": process,
            "slot": 1,
            "timestamp": "",
            "timestamp_ms": 0,
            "nominal": trigger["next"],
            "nominal_ms": trigger["next_ms"],
        }
        missed = history[3]
        assert (missed["first"], missed["last"], missed["reason"]) == (
            "2026-01-02T09:00:00+01:00",
            "2026-01-03T09:00:00+01:00",
            "paused",
        )
        assert (await api.ask("DELETE", path)).json() == {"id": trigger["id"], "state": "removed"}
        assert (await api.ask("GET", path)).status == 404
        assert (await api.get(f"{path}/history?after=6"))["history"][0]["what"] == "remove"
        assert (await api.ask("POST", ALL, definition)).status == 201

    with_api(tmp_path, use)


def test_a_path_is_posted_to_and_its_end_is_told(tmp_path: Path) -> None:
    async def use(api: TriggerAsker) -> None:
        said = {"when": "every minute", "method": "POST", "body": "no item", "path": "/schedule"}
        one = await api.define(**said, content_type="application/ans104")
        assert one["definition"]["body+base64url"] == "bm8gaXRlbQ"
        await api.pass_time(minutes=1)
        *_, run, end = (await api.get(f"{ALL}/{one['id']}/history"))["history"]
        assert (run["what"], end["what"], end["code"]) == ("run", "end", "status_400")
        assert end["nominal_ms"] == run["nominal_ms"]
        assert end["reason"]

    with_api(tmp_path, use)


@pytest.mark.parametrize("variant", [Variant.NATIVE, Variant.HYPERBEAM])
def test_what_a_watch_has_seen_is_told(tmp_path: Path, variant: Variant) -> None:
    """Messages of both kinds say it: as values, and as the text of a data item."""

    async def use(api: TriggerAsker) -> None:
        target = await spawned(api.http, variant)
        spawn = spawn_item(Variant.HYPERBEAM, tags={"Name": "watched"})
        watched = (await api.http.post("/schedule", spawn.raw)).headers["process"]
        watch = {"kind": "slots", "process": watched}
        one = await api.define(watch=watch, process=target, name="watch")
        assert (one["next"], one["definition"]["watch"]) == (None, watch)
        item = message_item(decode_id(watched), "seen")
        assert (await api.http.post("/push", item.raw)).status == 200
        node = api.http.node
        await until(lambda: (head := node.head(decode_id(target))) is not None and head.slot == 1)
        _, fired = (await api.get(f"{ALL}/watch/history"))["history"]
        assert (fired["what"], fired["process"], fired["slot"]) == ("fire", target, 1)
        assert (fired["event"]["process"], fired["event"]["slot"]) == (watched, 1)
        assert fired["event"]["message"] == encode_id(item.id)
        assert (await api.get(f"{ALL}/watch/next"))["times"] == []

    with_api(tmp_path, use)


def test_lists_are_paged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def use(api: TriggerAsker) -> None:
        made = [await api.define(when="@daily", path=f"/{number}") for number in range(5)]
        for limit in (1, 2, 5, 500):
            assert await api.pages(ALL, "triggers", limit) == sorted(made, key=lambda t: t["id"])
        one = f"{ALL}/{made[0]['id']}"
        for verb in ("pause", "resume"):
            assert (await api.ask("POST", f"{one}/{verb}")).status == 200
        found = await api.pages(f"{one}/history", "history", 2)
        assert [each["what"] for each in found] == ["define", "pause", "resume"]
        monkeypatch.setattr(page, "HTTP_PAGE_MAX_BYTES", 1)
        assert len((await api.get(ALL))["triggers"]) == 1, "one is never too long"
        assert len(await api.pages(ALL, "triggers", 500)) == 5

    with_api(tmp_path, use)


def test_what_comes_next_of_a_trigger_and_of_a_recurrence(tmp_path: Path) -> None:
    async def use(api: TriggerAsker) -> None:
        one = await api.define(when="30 2 * * *", tz="Europe/Paris", path="/")
        shown = await api.get(f"{ALL}/{one['id']}/next?count=2")
        assert [each["time"] for each in shown["times"]] == [
            "2026-01-01T02:30:00+01:00",
            "2026-01-02T02:30:00+01:00",
        ]
        asked = "when=30%202%20*%20*%20*&tz=Europe/Paris&from=2026-03-28T12:00&count=1"
        for more, time in {
            "": "2026-03-29T03:00:00+02:00",
            "&gap=skip": "2026-03-30T02:30:00+02:00",
            "&start=2026-04-01": "2026-04-01T02:30:00+02:00",
        }.items():
            assert (await api.get(f"/api/v1/next?{asked}{more}"))["times"][0]["time"] == time
        assert (await api.get(f"/api/v1/next?{asked}&end=2026-03-29"))["times"] == []

    with_api(tmp_path, use)


REFUSED: Final[tuple[tuple[str, str, object, int, str], ...]] = (
    ("POST", ALL, [], 400, "bad_json"),
    ("POST", ALL, {}, 400, "bad_trigger"),
    ("POST", ALL, {"when": "@daily", "path": "/", "commitments": {}}, 400, "bad_trigger"),
    ("POST", f"{ALL}/x/pause", {"x": 1}, 400, "bad_body"),
    ("POST", ALL, {"when": "@daily", "path": "//evil"}, 400, "bad_trigger"),
    ("POST", ALL, {"when": "@daily", "path": "/?hint=http://evil"}, 400, "bad_trigger"),
    ("POST", ALL, {"when": "0 0 31 2 *", "path": "/"}, 400, "bad_cron"),
    ("POST", ALL, {"when": "every 0 minutes", "path": "/"}, 400, "bad_interval"),
    ("POST", ALL, {"when": "@daily", "tz": "Mars", "path": "/"}, 400, "unknown_zone"),
    ("POST", ALL, {"when": "@daily", "path": "/", "color": "red"}, 400, "bad_trigger"),
    ("POST", ALL, {"when": None, "path": "/"}, 400, "bad_json"),
    ("POST", ALL, {"when": "@daily", "process": NOBODY}, 404, "not_found"),
    ("GET", f"{ALL}/{NOBODY}", None, 404, "not_found"),
    ("GET", f"{ALL}/nobody/history", None, 404, "not_found"),
    ("POST", f"{ALL}/nobody/fire", None, 404, "not_found"),
    ("DELETE", f"{ALL}/nobody", None, 404, "not_found"),
    ("GET", f"{ALL}/", None, 404, "not_found"),
    ("GET", f"{ALL}/??", None, 400, "bad_query"),
    ("PUT", ALL, {}, 405, "wrong_method"),
    ("GET", f"{ALL}?color=red", None, 400, "bad_query"),
    ("GET", f"{ALL}?limit=0", None, 400, "bad_query"),
    ("GET", f"{ALL}?limit=501", None, 400, "bad_query"),
    ("GET", f"{ALL}?limit=%ff", None, 400, "bad_query"),
    ("GET", f"{ALL}?after=x", None, 400, "bad_id"),
    ("GET", f"{ALL}?" + "limit=1&" * 65, None, 400, "bad_query"),
    ("GET", "/api/v1/next?when=@daily&gap=never", None, 400, "bad_query"),
    ("GET", "/api/v1/next", None, 400, "bad_time"),
    ("GET", "/api/v1/nothing", None, 404, "not_found"),
    ("GET", "/api/", None, 404, "not_found"),
    ("POST", f"{ALL}/x/backfill", {"from": 1}, 404, "not_found"),
)


@pytest.mark.parametrize(("method", "target", "body", "status", "code"), REFUSED)
def test_what_is_wrong_is_a_problem_with_its_code(
    tmp_path: Path, method: str, target: str, body: object, status: int, code: str
) -> None:
    async def use(api: TriggerAsker) -> None:
        reply = await api.ask(method, target, body)
        assert (reply.status, reply.json()["code"]) == (status, code), reply.body
        assert reply.headers["content-type"] == "application/problem+json"
        if status == 405:
            assert reply.headers["allow"] == "GET, POST"
        assert (await api.get(ALL))["triggers"] == []

    with_api(tmp_path, use)


@pytest.mark.parametrize("span", [{}, {"from": 1}, {"from": 1, "to": True}, {"from": "x", "to": 1}])
def test_a_backfill_has_two_ends(tmp_path: Path, span: Mapping[str, object]) -> None:
    async def use(api: TriggerAsker) -> None:
        one = await api.define(when="@daily", path="/", name="one")
        reply = await api.ask("POST", f"{ALL}/one/backfill", span)
        assert reply.status == 400
        extra = {"from": 1, "to": 2, "dry": 1}
        assert (await api.ask("POST", f"{ALL}/{one['id']}/backfill", extra)).status == 400

    with_api(tmp_path, use)


def test_a_trigger_for_a_copy_is_refused_and_sends_nobody_anywhere(tmp_path: Path) -> None:
    async def main() -> None:
        async with copying(tmp_path, Variant.HYPERBEAM, operator=Operator(TOKEN)) as (
            source,
            copy,
            proxy,
            process,
        ):
            await copy.get(f"/{process}/schedule")  # and it has a copy
            proxy.asked.clear()
            asker = Asker(copy, VirtualClock())
            reply = await asker.ask("POST", ALL, {"when": "@daily", "process": process})
            assert (reply.status, reply.json()["code"]) == (400, "followed")
            assert "location" not in reply.headers
            assert proxy.asked == []
            assert source.node.triggers is not None

    asyncio.run(main())


def test_the_api_is_for_the_operator_but_for_its_document(tmp_path: Path) -> None:
    async def use(api: TriggerAsker) -> None:
        for method, target in every_request(api.http.node):
            reply = await api.http.send(method, target, b"")
            if target == DESCRIPTION.path:
                assert (reply.status, reply.json()) == (200, DOCUMENT)
            elif "/hooks/" in target:
                assert (reply.status, reply.json()["code"]) == (404, "not_found")
            else:
                assert (reply.status, reply.json()["code"]) == (401, "unauthorized")
        # Who has no token does not hear which paths there are, either.
        assert (await api.http.send("PUT", ALL, b"")).status == 401

    with_api(tmp_path, use)


def every_request(node: Node) -> list[tuple[str, str]]:
    return [
        (each.method, each.path.replace("{trigger}", NOBODY).replace("{secret}", NOBODY))
        for each in routes_of(node)
    ]


def routes_of(node: Node) -> tuple[Route, ...]:
    return every_route(node, Operator(TOKEN))


def test_a_hook_takes_events_from_who_knows_its_path(tmp_path: Path) -> None:
    async def use(api: TriggerAsker) -> None:
        process = await spawned(api.http)
        one = await api.define(watch={"kind": "webhook"}, process=process, name="hook")
        assert one["hook"].startswith(f"/api/v1/hooks/{one['id']}/")
        assert "hook" not in await api.define(when="@hourly", process=process)

        async def post(path: str, body: bytes, **headers: str) -> HttpReply:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await api.http.send("POST", path, body, **named)

        paid = {"idempotency_key": "paid-1", "content_type": "application/json"}
        first = await post(one["hook"], b'{"paid":5}', **paid)
        assert (first.status, first.json()) == (201, {"process": process, "slot": 1})
        again = await post(one["hook"], b'{"paid":6}', **paid)
        assert again.json()["slot"] == 1
        assert (await post(one["hook"], b"\xff")).json()["slot"] == 2
        assert (await post(one["hook"], b"\xff")).json()["slot"] == 3, "without a key, another one"
        events = [each["event"] for each in (await api.get(f"{ALL}/hook/history"))["history"][1:]]
        assert events[0]["body"] == '{"paid":5}'
        assert events[1]["body+base64url"] == "_w"
        for wrong in (one["hook"][:-1], f"/api/v1/hooks/{NOBODY}/{NOBODY}", "/api/v1/hooks/a/b"):
            assert (await post(wrong, b"")).status == 404
        large = await post(one["hook"], b"x" * (HOOK_BODY_MAX_BYTES + 1))
        assert (large.status, large.json()["code"]) == (413, "limit_exceeded")
        odd = await post(one["hook"], b"", idempotency_key="x" * 200)
        assert odd.status == 413
        assert (await api.ask("POST", f"{ALL}/hook/pause")).status == 200
        assert (await post(one["hook"], b"")).json()["code"] == "not_live"

    with_api(tmp_path, use)


def test_the_log_of_the_triggers_is_shown_to_nobody(tmp_path: Path) -> None:
    async def use(api: TriggerAsker) -> None:
        process = await spawned(api.http)
        one = await api.define(when="@hourly", process=process, name="secret")
        (entry,) = (await api.get(f"{ALL}/{one['id']}/history"))["history"]
        table = entry["process"]
        for path in (
            f"/{table}",
            f"/{table}/schedule",
            f"/{table}~process@1.0/schedule&from=0",
            f"/{table}~process@1.0/slot/current",
            f"/{table}~process@1.0/checkpoint",
            f"/{table}~process@1.0/name",
            f"/~scheduler@1.0/schedule?target={table}",
            f"/~scheduler@1.0/next?target={table}&at-slot=0",
            f"/{table}?process-id={table}",
            f"/processes/{table}",
            f"/{table}/latest",
        ):
            reply = await api.http.send("GET", path, b"")
            assert reply.status in (400, 404), (path, reply.body)
            assert b"secret" not in reply.body
        status = await api.http.send("GET", "/~scheduler@1.0/status", b"")
        assert table.encode() not in status.body

    with_api(tmp_path, use)


def test_a_node_that_places_nothing_has_no_triggers(tmp_path: Path) -> None:
    async def use(api: TriggerAsker) -> None:
        reply = await api.ask("GET", ALL)
        assert (reply.status, reply.json()["code"]) == (501, "scheduling_disabled")

    with_api(tmp_path, use, policy=Policy(mode=SchedulingMode.DISABLED))


# The document.


def known_in(operation: Mapping[str, Any]) -> set[str] | None:
    """Return the names that the document has for a body; ``None`` where it has any body."""
    if "requestBody" not in operation:
        return set()
    (content,) = operation["requestBody"]["content"].values()
    if not content:
        return None
    schema = resolved(content["schema"])
    assert schema["additionalProperties"] is False
    return set(schema["properties"])


def test_the_document_has_every_route_with_its_query_and_body_and_no_other(tmp_path: Path) -> None:
    async def use(api: TriggerAsker) -> None:
        ours = {(each.method.lower(), each.path): each for each in routes_of(api.http.node)}
        theirs = {
            (method, path): operation
            for path, operations in DOCUMENT["paths"].items()
            for method, operation in operations.items()
        }
        assert theirs.keys() == ours.keys()
        for key, operation in theirs.items():
            said = {
                (each["in"], each["name"])
                for each in operation.get("parameters", ())
                if each["in"] != "header"
            }
            named = {("path", name) for name in re.findall(r"{(\w+)}", key[1])}
            assert said == named | {("query", name) for name in ours[key].query}
            assert ours[key].is_public == (operation.get("security") == [])
            body = ours[key].body
            assert known_in(operation) == (None if body is None else body.keys)

    with_api(tmp_path, use)


def test_the_document_knows_every_field_and_every_word() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    ours = {each.name.replace("_", "-") for each in dataclass_fields(Definition)}
    assert schemas["Definition"]["properties"].keys() == ours | {"body+base64url"}
    states = set(State) - {State.REMOVED}
    assert set(schemas["Trigger"]["properties"]["state"]["enum"]) == states
    assert set(schemas["Event"]["properties"]["what"]["enum"]) == {*Word, "fire"}


def test_every_reference_of_the_document_leads_somewhere() -> None:
    found = re.findall(r'"#/components/schemas/(\w+)"', orjson.dumps(DOCUMENT).decode())
    assert set(found) == DOCUMENT["components"]["schemas"].keys()


@pytest.mark.parametrize("kind", ["Trigger", "Event"])
def test_what_is_answered_has_the_names_of_the_document(tmp_path: Path, kind: str) -> None:
    async def use(api: TriggerAsker) -> None:
        one = await api.define(when="@hourly", path="/~cron@1.0/once")
        await api.pass_time(hours=1)
        assert (await api.ask("POST", f"{ALL}/{one['id']}/pause")).status == 200
        shown = [one]
        if kind == "Event":
            shown = (await api.get(f"{ALL}/{one['id']}/history"))["history"]
        schema = DOCUMENT["components"]["schemas"][kind]
        for each in shown:
            assert set(schema["required"]) <= each.keys() <= schema["properties"].keys()

    with_api(tmp_path, use)
