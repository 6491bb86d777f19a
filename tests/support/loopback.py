"""This machine as an address: all that a test ever speaks to."""

from __future__ import annotations

from ipaddress import ip_network

from seriatim.gateway.outbound import OutboundPolicy

LOOPBACK = OutboundPolicy(networks=(ip_network("127.0.0.0/8"),))
"""Lets a node go to any other one on this machine."""


def url_of(port: int) -> str:
    """Return the URL of what listens on *port*."""
    return f"http://127.0.0.1:{port}"
