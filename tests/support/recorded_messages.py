"""HyperBEAM's recorded messages, each in all its forms; `notation` reads what is in them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.support.hyperbeam import VECTORS as HYPERBEAM

FOLDER = HYPERBEAM / "messages"
NAMES = [file.stem for file in sorted(FOLDER.glob("*.json"))]
VECTORS: list[dict[str, Any]] = [
    orjson.loads((FOLDER / f"{name}.json").read_bytes()) for name in NAMES
]
each_vector = pytest.mark.parametrize("vector", VECTORS, ids=NAMES)
