"""Nothing of HyperBEAM's vectors is passed over: every file is read, and every field compared.

A file or a field that comes to the vectors fails here until a test reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from tests.support.hyperbeam import HTTP, RECORDED, REPLAYED, SCHEDULER
from tests.support.notation import is_error
from tests.support.recorded_messages import FOLDER, VECTORS

# Of each recorded message, under the name of the test file that compares it.
COMPARED: Final[dict[str, set[str]]] = {
    "test_tabm": {
        "flat",
        "flat_serialized",
        "httpsig.body_b64",
        "httpsig.body_present",
        "httpsig.headers",
        "json",
        "structured",
        "structured_from_httpsig",
        "structured_from_tabm",
        "tabm",
        "tabm_from_httpsig",
    },
    "test_httpsig": {
        "hmac.hmac_id",
        "ids.all",
        "ids.unsigned",
        "reset_hmac",
        "signed.committed",
        "signed.httpsig",
        "signed.ids",
        "signed.json",
        "signed.sign",
        "signed.structured",
        "signed.tabm",
        "signed.tabm_from_httpsig",
    },
    "test_ans104_messages": {"ans104.signed", "ans104.unsigned"},
}

# Said by what is compared: lengths and hashes of bodies, bases whose keyed hash is the id, an
# unsigned message's signers, and that all of what is signed verifies.
SAID_ELSEWHERE: Final = {
    "hmac.base",
    "httpsig.body_length",
    "httpsig.body_sha256",
    "ids.signed",
    "ids.signers",
    "name",
    "signed.hmac",
    "signed.verify",
}
_WITH_FIELDS: Final = {"ans104", "hmac", "httpsig", "ids", "signed"}


def _fields(vector: dict[str, Any]) -> Iterator[str]:
    for name, value in vector.items():
        if name not in _WITH_FIELDS:
            yield name
        elif not is_error(value):
            yield from (f"{name}.{each}" for each in value)


def test_every_field_of_a_recorded_message_is_compared() -> None:
    found = {field for vector in VECTORS for field in _fields(vector)}
    assert found == set.union(SAID_ELSEWHERE, *COMPARED.values())


def test_every_file_of_the_vectors_is_read() -> None:
    messages = {
        name
        for vector in VECTORS
        for name in (
            f"{vector['name']}.json",
            f"{vector['name']}.httpsig-body.bin" if vector["httpsig"]["body_present"] else "",
        )
    }
    assert {file.name for file in FOLDER.iterdir()} == messages - {""}
    assert len(list((SCHEDULER / "assignments").iterdir())) == len(RECORDED)
    # The one item on its own is what another request carries; `test_ans104_messages` compares.
    replayed = {f"{name}{end}" for name in REPLAYED for end in (".json", ".request.raw")}
    assert {file.name for file in HTTP.iterdir()} == {
        *replayed,
        "05-post-message-ans104.item.bin",
    }
