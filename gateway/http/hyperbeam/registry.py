"""What a node answers with: its own devices, codecs and reply formats, and those of other packages.

Another package adds one through an entry point whose object, or class without arguments, has the
shape of `Device` (group ``seriatim.devices``), `Codec` (``seriatim.codecs``) or `ReplyFormat`
(``seriatim.replies``). Its own name decides: one that the node has already is replaced.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from typing import Any, Final, NamedTuple

from seriatim.formats.ans104.codec import Ans104Codec
from seriatim.formats.codecs import CodecRegistry
from seriatim.formats.codecs.cbor import CborCodec
from seriatim.formats.codecs.json import JsonCodec
from seriatim.formats.httpsig.signature import DEVICE as HTTPSIG
from seriatim.gateway.http.hyperbeam.device import Device
from seriatim.gateway.http.hyperbeam.devices.message_device import MessageDevice
from seriatim.gateway.http.hyperbeam.devices.meta_device import MetaDevice
from seriatim.gateway.http.hyperbeam.devices.scheduler_device import PROCESS, SchedulerDevice
from seriatim.gateway.http.hyperbeam.replies.ans104_reply import Ans104Reply
from seriatim.gateway.http.hyperbeam.replies.aos2_reply import Aos2Reply
from seriatim.gateway.http.hyperbeam.replies.cbor_reply import CborReply
from seriatim.gateway.http.hyperbeam.replies.httpsig_reply import HttpsigReply
from seriatim.gateway.http.hyperbeam.replies.json_reply import JsonReply
from seriatim.gateway.http.hyperbeam.reply_format import ReplyFormats
from seriatim.gateway.http.hyperbeam.submit import MessageReader

DEVICES: Final = "seriatim.devices"
CODECS: Final = "seriatim.codecs"
REPLIES: Final = "seriatim.replies"


class Registry(NamedTuple):
    """Devices by name, and the formats of replies."""

    devices: Mapping[str, Device]
    replies: ReplyFormats


def make_registry() -> Registry:
    """Return what is installed; loads the code of other packages."""
    codecs = CodecRegistry((Ans104Codec(), JsonCodec(), CborCodec(), *_installed(CODECS)))
    reader = MessageReader(codecs)
    devices: Iterable[Device] = (
        SchedulerDevice(reader),
        SchedulerDevice(reader, name=PROCESS),
        MessageDevice(),
        MetaDevice(),
        *_installed(DEVICES),
    )
    replies = (
        HttpsigReply(),
        JsonReply(),
        Aos2Reply(),
        CborReply(),
        Ans104Reply(),
        *_installed(REPLIES),
    )
    return Registry(
        {device.name: device for device in devices},
        ReplyFormats(replies, own=HTTPSIG, default=JsonReply.device),
    )


def _installed(group: str) -> list[Any]:
    """Return the objects of an entry point group: what other packages offer, unchecked."""
    found = [entry.load() for entry in entry_points(group=group)]
    return [each() if isinstance(each, type) else each for each in found]
