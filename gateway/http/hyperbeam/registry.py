"""What a node answers with: its own devices, codecs and reply formats, and those of other packages.

Another package adds one through an entry point whose object, or class without arguments, has the
shape of `Device` (group ``seriatim.devices``), `Codec` (``seriatim.codecs``) or `ReplyFormat`
(``seriatim.replies``). Its own name decides: one that the node has already is replaced. A node does
not start with one that cannot be loaded or has another shape; one that fails later fails its own
requests only (500, ``internal``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from seriatim.actors.installed import installed
from seriatim.formats.ans104.codec import Ans104Codec
from seriatim.formats.codecs import Codec, CodecRegistry
from seriatim.formats.codecs.cbor import CborCodec
from seriatim.formats.codecs.json import JsonCodec
from seriatim.formats.httpsig.signature import DEVICE as HTTPSIG
from seriatim.gateway.http.forward import Forwarder
from seriatim.gateway.http.hyperbeam.ao_units import AoUnits
from seriatim.gateway.http.hyperbeam.device import Device
from seriatim.gateway.http.hyperbeam.devices.compute_keys import COMPUTE_KEYS
from seriatim.gateway.http.hyperbeam.devices.cron_device import CronDevice
from seriatim.gateway.http.hyperbeam.devices.message_device import MessageDevice
from seriatim.gateway.http.hyperbeam.devices.meta_device import MetaDevice
from seriatim.gateway.http.hyperbeam.devices.multipass_device import MultipassDevice
from seriatim.gateway.http.hyperbeam.devices.scheduler_device import PROCESS, SchedulerDevice
from seriatim.gateway.http.hyperbeam.replies.ans104_reply import Ans104Reply
from seriatim.gateway.http.hyperbeam.replies.aos2_reply import Aos2Reply
from seriatim.gateway.http.hyperbeam.replies.cbor_reply import CborReply
from seriatim.gateway.http.hyperbeam.replies.httpsig_reply import HttpsigReply
from seriatim.gateway.http.hyperbeam.replies.json_reply import JsonReply
from seriatim.gateway.http.hyperbeam.reply_format import ReplyFormat, ReplyFormats
from seriatim.gateway.http.hyperbeam.submit import MessageReader
from seriatim.gateway.http.operator import NOBODY, Operator

DEVICES: Final = "seriatim.devices"
CODECS: Final = "seriatim.codecs"
REPLIES: Final = "seriatim.replies"


class Registry(NamedTuple):
    """Devices by name, and the formats of replies."""

    devices: Mapping[str, Device]
    replies: ReplyFormats


def make_registry(forwarder: Forwarder | None = None, operator: Operator = NOBODY) -> Registry:
    """Return what is installed; loads the code of other packages.

    Args:
        forwarder: sends messages for ao units on to them; without one, clients are told to.
        operator: who may define tasks.

    Raises:
        UnsupportedError: what another package offers cannot be used.
    """
    codecs = CodecRegistry((Ans104Codec(), JsonCodec(), CborCodec(), *installed(CODECS, Codec)))
    reader = MessageReader(codecs)
    ao_units = None if forwarder is None else AoUnits(forwarder)
    devices: Iterable[Device] = (
        SchedulerDevice(reader, ao_units),
        SchedulerDevice(reader, ao_units, name=PROCESS, more=COMPUTE_KEYS),
        MessageDevice(),
        MetaDevice(),
        CronDevice(operator),
        MultipassDevice(),
        *installed(DEVICES, Device),
    )
    json = JsonReply()
    replies = (
        HttpsigReply(),
        json,
        Aos2Reply(json),
        CborReply(),
        Ans104Reply(),
        *installed(REPLIES, ReplyFormat),
    )
    return Registry(
        {device.name: device for device in devices},
        ReplyFormats(replies, own=HTTPSIG, default=JsonReply.device),
    )
