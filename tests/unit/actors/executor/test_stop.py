"""The order to stop: heard once, by whoever listens."""

from __future__ import annotations

from seriatim.actors.executor.stop import Stop


def test_it_is_said_once_to_those_who_listen_then_or_later() -> None:
    stop, heard = Stop(), list[str]()
    stop.listen(heard.append)
    forget = stop.listen(lambda reason: heard.append(f"also {reason}"))
    forget()
    assert stop.reason == ""
    stop.stop("first")
    stop.stop("second")
    stop.listen(lambda reason: heard.append(f"late {reason}"))
    assert heard == ["first", "late first"]
