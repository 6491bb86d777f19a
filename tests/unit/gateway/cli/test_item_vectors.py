"""``seriatim item`` gives every recorded item its verdict, in a shape that does not change."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from seriatim.gateway.cli import app

ITEMS = Path(__file__).parents[3] / "conformance" / "vectors" / "items"
FILES = sorted(ITEMS.glob("*.bin"))
MAINTAINED = "@dha-team/arbundles@1.0.4"
OVER_A_BOUND = {"tags-129"}
DESCRIBED = {
    "id",
    "signature_type",
    "owner_address",
    "target",
    "anchor",
    "tags",
    "data_size",
}


@cache
def results() -> dict[str, Any]:
    """Return what one call says about all files."""
    said = CliRunner().invoke(app, ["item", *map(str, FILES), "--json"])
    assert said.exit_code == 1, "some are bad"
    found = orjson.loads(said.stdout)
    assert [result["file"] for result in found] == [str(file) for file in FILES]
    return {Path(result["file"]).stem: result for result in found}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))
def test_a_result_has_the_documented_shape(file: Path) -> None:
    result = results()[file.stem]
    if result["ok"]:
        assert set(result) == {"file", "ok"} | DESCRIBED
        return
    assert {"file", "ok", "error", "reason"} <= set(result)
    assert set(result) - {"file", "ok", "error", "reason"} in (set(), DESCRIBED)
    assert result["error"].isidentifier()
    assert result["reason"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))
def test_the_verdict_and_what_a_good_item_is_are_as_recorded(file: Path) -> None:
    recorded = orjson.loads(file.with_suffix(".json").read_bytes())
    result = results()[file.stem]
    good = recorded.get("verify", {}).get(MAINTAINED) is True and recorded["tagsAreCanonicalAvro"]
    assert result["ok"] == (good and file.stem not in OVER_A_BOUND)
    if not result["ok"]:
        return
    assert result["id"] == recorded["id"]
    assert result["signature_type"] == recorded["signatureType"]
    assert result["owner_address"] == recorded["ownerAddressSha256"]
    assert result["target"] == recorded["target"]
    assert result["anchor"] == recorded["anchorBase64url"]
    assert result["data_size"] == recorded["dataLength"]
    for tag, told in zip(result["tags"], recorded["tags"], strict=True):
        assert tag == {half: spelled(tag, told, half) for half in ("name", "value")}


def spelled(tag: dict[str, str], told: dict[str, str], half: str) -> str:
    """Return half of a recorded tag as it is shown: some are recorded in hex, or cut short."""
    if f"{half}Hex" in told:
        return bytes.fromhex(told[f"{half}Hex"]).decode(errors="replace")
    cut = f"({len(tag[half])} bytes) {tag[half][:40]}..."
    return tag[half] if told[half] == cut else told[half]
