"""What the bench posts is what it says."""

from __future__ import annotations

from seriatim.formats.ans104.item import DataItem
from seriatim.formats.httpsig.canonical import keep_received
from seriatim.formats.httpsig.placement import HttpMessage
from seriatim.formats.httpsig.received import receive
from seriatim.formats.ids import encode_id
from seriatim.gateway.bench.corpus import Form, make_payload, make_signed_request
from tests.support.hyperbeam import client_wallet
from tests.support.records import make_id

PROCESS = make_id("process")


def post(form: Form) -> tuple[dict[str, bytes], bytes]:
    """Return the headers and the body of a post."""
    head, _, body = make_signed_request(form, client_wallet(), PROCESS, 7).partition(b"\r\n\r\n")
    lines = (line.partition(b": ") for line in head.split(b"\r\n")[1:])
    return {name.decode().lower(): value for name, _, value in lines}, body


def test_an_http_signed_post_is_a_message_that_verifies() -> None:
    kept = keep_received(receive(HttpMessage(*post(Form.HTTP))))
    kept.verify()
    assert kept.signature is not None
    assert kept.signature.address == client_wallet().address
    assert kept.fields["target"] == encode_id(PROCESS).encode()
    assert kept.fields["data"] == make_payload(7).encode()


def test_a_post_of_an_item_is_one_that_verifies() -> None:
    headers, body = post(Form.ITEM)
    item = DataItem.decode(body)
    item.verify()
    assert headers["content-type"] == b"application/ans104"
    assert (bytes(item.target), bytes(item.data)) == (PROCESS, make_payload(7).encode())
