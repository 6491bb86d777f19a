"""Seeds out of the recorded vectors: the bytes that real clients and nodes have sent."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson

from seriatim.formats.httpsig.placement import HttpMessage
from seriatim.formats.tabm.model import Tabm
from tests.support.notation import tabm

VECTORS: Final = Path(__file__).parents[1] / "conformance" / "vectors"


def files(pattern: str) -> list[bytes]:
    """Return the contents of the vectors' files that *pattern* names, in order."""
    return [file.read_bytes() for file in sorted(VECTORS.glob(pattern))]


def items() -> list[bytes]:
    """Return data items, whole and damaged."""
    return files("items/*.bin") + files("su-schedule/*-[apm]*.bin")


@cache
def hyperbeam_messages() -> tuple[Mapping[str, Any], ...]:
    """Return HyperBEAM's messages, each in all its forms."""
    return tuple(map(orjson.loads, files("hyperbeam/messages/*.json")))


def tabms() -> list[Tabm]:
    """Return HyperBEAM's messages as TABMs."""
    return [tabm(each["tabm"]) for each in hyperbeam_messages()]


def placed() -> list[HttpMessage]:
    """Return HyperBEAM's messages on the wire, unsigned."""
    wires = [each["httpsig"] for each in hyperbeam_messages()]
    return [
        HttpMessage(tabm(each["headers"]), b64decode(each.get("body_b64", ""))) for each in wires
    ]


def requests() -> list[bytes]:
    """Return recorded requests without their first line."""
    return [raw.partition(b"\r\n")[2] for raw in files("hyperbeam/scheduler/http/*.request.raw")]


def request_targets() -> list[bytes]:
    """Return the paths and queries of recorded requests."""
    return [raw.split(b" ", 2)[1] for raw in files("hyperbeam/scheduler/http/*.request.raw")]
