"""Reply formats: which of them a request gets. See ``replies/`` for those that every node has."""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import MappingProxyType
from typing import Final, Protocol, runtime_checkable

from aiohttp import web

from seriatim.formats.errors import UnsupportedError
from seriatim.formats.schedule.record import Kind
from seriatim.formats.signing.wallet import RsaWallet
from seriatim.gateway.http.hyperbeam.answer import Answer, Placed, Promised
from seriatim.gateway.http.hyperbeam.path import Keys
from seriatim.gateway.http.reply import MULTIPART

NO_STORE: Final = MappingProxyType({"cache-control": "no-store"})

_ANY: Final = frozenset({"", "*/*", "application/*", "text/html"})
_WEIGHT: Final = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
_DEVICE_PREFIX: Final = "device/"


@runtime_checkable
class ReplyFormat(Protocol):
    """One form of replies.

    A format of another package is an object of this shape under the entry point group
    ``seriatim.replies``; the name of the entry point does not matter.
    """

    device: str
    """``name@version``."""
    content_types: tuple[str, ...]

    async def send(self, request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
        """Return the reply to *request* that says *answer*.

        Raises:
            UnsupportedError: it has no form for such an answer.
        """


class ReplyFormats:
    """Formats by device name and content type, and the rule by which one is chosen."""

    def __init__(self, formats: Iterable[ReplyFormat], *, own: str, default: str) -> None:
        """Offer *formats*.

        Args:
            formats: of two with one name, the last is taken.
            own: the device of the format that HTTP messages are answered in, and requests that
                do not say what they accept.
            default: the device of the format for those that accept anything.
        """
        self._by_name: dict[str, ReplyFormat] = {}
        for each in formats:
            for name in (each.device, *each.content_types):
                self._by_name[name] = each
        self._own = self._by_name[own]
        self._default = self._by_name[default]

    @property
    def default(self) -> ReplyFormat:
        """The format for those that accept anything."""
        return self._default

    def required(self, request: web.BaseRequest, keys: Keys) -> ReplyFormat | None:
        """Return the format of the device that *request* names, if it names one.

        A device that is named (``require-codec``, ``accept-codec``, in path or headers) is what
        the client gets; whether it is known is found out before anything is done.

        Raises:
            UnsupportedError: the device that is named is not known.
        """
        for key in ("require-codec", "accept-codec"):
            named = keys.get(key) or request.headers.get(key)
            if named:
                return self._named(_device_of(named))
        return None

    def choose(self, request: web.BaseRequest, keys: Keys, answer: Answer) -> ReplyFormat:
        """Return the format for *answer* to *request*, which requires none.

        Of ``accept``, the known type with the highest weight, of two the first.
        """
        accept = keys.get("accept") or request.headers.get("accept")
        if isinstance(answer, Placed):
            # An assignment is signed in the form of its message: another one costs a signature.
            is_own = answer.submission.kind is Kind.TABM and bool(answer.receipt.assignment)
            # Who sends a data item within an HTTP message, as HyperBEAM's nodes do, reads such.
            is_own |= accept is None and _is_carried(request, answer)
        elif isinstance(answer, Promised):
            is_own = answer.kind is Kind.TABM
        else:
            is_own = accept is None
        fallback = self._own if is_own else self._default
        for kind in _accepted(accept or ""):
            known = self._by_name.get(kind) or self._by_name.get(_device_of(kind))
            if known is not None:
                return known
        return fallback

    def _named(self, device: str) -> ReplyFormat:
        known = self._by_name.get(device)
        if known is None:
            devices = sorted({each.device for each in self._by_name.values()})
            raise UnsupportedError(
                f"no reply format {device[:64]!r}; known are {', '.join(devices)}"
            )
        return known


def _accepted(accept: str) -> list[str]:
    """Return the types that *accept* names, best first: RFC 9110 §12.5.1, ranges left out.

    A weight that is none counts as 1; a type with weight 0 is not wanted.
    """
    weighed: list[tuple[float, str]] = []
    for named in accept.split(","):
        kind, *parameters = (part.strip().lower() for part in named.split(";"))
        weights = [each[2:] for each in parameters if each.startswith("q=")]
        weight = float(weights[0]) if weights and _WEIGHT.fullmatch(weights[0]) else 1.0
        if kind not in _ANY and weight > 0:
            weighed.append((weight, kind))
    # Sorting is stable: of two with one weight, the first stays first.
    return [kind for _, kind in sorted(weighed, key=lambda each: -each[0])]


def _is_carried(request: web.BaseRequest, placed: Placed) -> bool:
    """Tell whether a message came within another one, to a node that can sign one back."""
    is_multipart = request.content_type == MULTIPART
    return is_multipart and isinstance(placed.node.wallet, RsaWallet)


def _device_of(named: str) -> str:
    """Return the device that a type or a device's name stands for."""
    name = named.strip().lower().removeprefix(_DEVICE_PREFIX).removeprefix("application/")
    return name if "@" in name else f"{name}@1.0"
