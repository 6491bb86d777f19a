"""Every route of the API."""

from __future__ import annotations

from seriatim.actors.node import Node
from seriatim.gateway.http.api.description import DESCRIPTION
from seriatim.gateway.http.api.flags import FlagApi
from seriatim.gateway.http.api.hooks import Hooks
from seriatim.gateway.http.api.monitor import MonitorApi
from seriatim.gateway.http.api.queues import QueueApi
from seriatim.gateway.http.api.route import Route
from seriatim.gateway.http.api.triggers import TriggerApi
from seriatim.gateway.http.api.workers import WorkerApi
from seriatim.gateway.http.operator import Operator


def every_route(node: Node, operator: Operator) -> tuple[Route, ...]:
    """Return what can be asked of *node*; its hooks are those of *operator*."""
    hooks = Hooks(node, operator)
    return (
        *TriggerApi(node, hooks).routes(),
        *QueueApi(node).routes(),
        *WorkerApi(node).routes(),
        *FlagApi(node).routes(),
        *MonitorApi(node).routes(),
        *hooks.routes(),
        DESCRIPTION,
    )
