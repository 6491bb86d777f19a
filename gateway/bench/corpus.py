"""What the load sends: spawns and messages, made and signed before any clock starts.

Run as ``python -m seriatim.gateway.bench.corpus FORM WALLET PROCESSES FIRST COUNT FILE`` it signs
messages FIRST to FIRST + COUNT - 1 for the processes in the file PROCESSES, in turn, and writes
them to FILE as `load.pack_requests` does: signing takes a core for seconds. FORM is a `Form` that
is signed.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

import orjson

from seriatim.actors.keyring import read_wallet
from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.item import DataItem, sign_item
from seriatim.formats.httpsig.commitments import sign, to_http
from seriatim.formats.ids import ID_BYTES, encode_id
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.wallet import RsaWallet, Wallet
from seriatim.gateway.bench.children import SIGN, run_tool
from seriatim.gateway.bench.load import pack_requests

PAYLOAD_BYTES: Final = 1_024
SCHEDULE_PATH: Final = "/~scheduler@1.0/schedule"
ITEM: Final = {"Content-Type": b"application/ans104"}
JSON: Final = {"Content-Type": b"application/json"}

_MESSAGE_TAGS: Final = (Tag(b"Data-Protocol", b"ao"), Tag(b"Type", b"Message"))


class Form(StrEnum):
    """How messages are posted."""

    UNSIGNED = "unsigned"
    ITEM = "item"
    HTTP = "http"


def make_payload(number: int) -> str:
    """Return a text of `PAYLOAD_BYTES` that no other *number* has."""
    return f"{number:020d}".ljust(PAYLOAD_BYTES, ".")


def make_spawns(wallet: Wallet, variant: Variant, count: int) -> list[bytes]:
    """Return *count* signed spawns of *variant*, as raw items."""
    tags = [
        Tag(b"Data-Protocol", b"ao"),
        Tag(b"Type", b"Process"),
        Tag(b"Variant", variant.tag.encode()),
    ]
    return [
        sign_item(wallet, tags=[*tags, Tag(b"Name", b"%d" % number)], data=b"").raw
        for number in range(count)
    ]


def sign_message(wallet: Wallet, process: bytes, number: int) -> DataItem:
    """Return the message with that *number* for *process*."""
    data = make_payload(number).encode()
    return sign_item(wallet, target=process, tags=_MESSAGE_TAGS, data=data)


def make_request(headers: Mapping[str, bytes], body: bytes) -> bytes:
    """Return the whole HTTP request that posts *body*."""
    own = {"Host": b"localhost", "Content-Length": b"%d" % len(body)}
    lines = [b"%b: %b\r\n" % (name.encode(), value) for name, value in {**own, **headers}.items()]
    return f"POST {SCHEDULE_PATH} HTTP/1.1\r\n".encode() + b"".join(lines) + b"\r\n" + body


def make_signed_request(form: Form, wallet: Wallet, process: bytes, number: int) -> bytes:
    """Return the request that posts the message with that *number* for *process* in *form*."""
    if form is Form.ITEM:
        return make_request(ITEM, bytes(sign_message(wallet, process, number).raw))
    assert isinstance(wallet, RsaWallet), "HTTP messages are signed with RSA"
    said = {tag.name.decode().lower(): tag.value for tag in _MESSAGE_TAGS}
    fields = {**said, "data": make_payload(number).encode(), "target": encode_id(process).encode()}
    return make_request(*to_http(sign(fields, wallet)))


def write_unsigned(processes: Sequence[bytes], count: int, file: Path) -> None:
    """Write *count* requests with unsigned JSON messages for *processes*, in turn."""
    file.write_bytes(
        pack_requests(
            make_request(
                JSON,
                orjson.dumps(
                    {
                        "target": encode_id(processes[number % len(processes)]),
                        "data": make_payload(number),
                    }
                ),
            )
            for number in range(count)
        )
    )


async def write_signed(
    form: Form, wallet: Path, processes: Sequence[bytes], count: int, file: Path
) -> None:
    """Write *count* requests in *form* for *processes*, in turn, signed on every core.

    Raises:
        UnavailableError: a child that signs has failed.
    """
    ids = file.with_suffix(".processes")
    ids.write_bytes(b"".join(processes))
    workers = os.cpu_count() or 1
    bounds = [count * worker // workers for worker in range(workers + 1)]
    parts = [file.with_suffix(f".{worker}") for worker in range(workers)]
    await asyncio.gather(
        *(
            run_tool(SIGN, form, str(wallet), str(ids), str(first), str(end - first), str(part))
            for first, end, part in zip(bounds, bounds[1:], parts, strict=False)
        )
    )
    with file.open("wb") as whole:
        for part in parts:
            whole.write(part.read_bytes())
            part.unlink()


def main(arguments: list[str]) -> None:
    """Sign what the command line says."""
    form, wallet_file, ids_file, first, count, file = arguments
    wallet = read_wallet(Path(wallet_file))
    ids = Path(ids_file).read_bytes()
    processes = [ids[at : at + ID_BYTES] for at in range(0, len(ids), ID_BYTES)]
    Path(file).write_bytes(
        pack_requests(
            make_signed_request(Form(form), wallet, processes[number % len(processes)], number)
            for number in range(int(first), int(first) + int(count))
        )
    )


if __name__ == "__main__":
    main(sys.argv[1:])
