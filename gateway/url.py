"""Reading URLs: what two readers might read in two ways has no reading here."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from seriatim.formats.errors import OutboundError
from seriatim.formats.limits import OUTBOUND_URL_MAX_BYTES

_PORTS: Final = {"http": 80, "https": 443}
_PORT_MAX: Final = 65_535
_NAME_MAX: Final = 253
_LABEL: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_VISIBLE: Final = re.compile(r"[!-\[\]-~]+")  # no space, no control, no backslash, ASCII only
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")


class Origin(NamedTuple):
    """Where a request goes to.

    Attributes:
        scheme: ``http`` or ``https``.
        host: lower case, without a trailing dot; an address without brackets.
        port: 1 to 65,535.
    """

    scheme: str
    host: str
    port: int

    @property
    def url(self) -> str:
        """The URL without a path, in the one spelling that every reader reads alike."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


class Url(NamedTuple):
    """A URL that has been read.

    Attributes:
        origin: where it leads.
        path: path and query, beginning with a slash; there is no fragment.
    """

    origin: Origin
    path: str

    @property
    def text(self) -> str:
        """The URL in the one spelling that every reader reads alike."""
        return self.origin.url + self.path


def read_url(text: str) -> Url:
    """Return where *text* leads, or refuse it: what two readers might read in two ways has none.

    Raises:
        OutboundError: not http or https; credentials; a host that is neither a name nor a plain
            address (numbers in decimal, octal or hexadecimal among them); a port that cannot be;
            spaces, backslashes, or anything but ASCII; longer than ``OUTBOUND_URL_MAX_BYTES``.
    """
    if len(text) > OUTBOUND_URL_MAX_BYTES or _VISIBLE.fullmatch(text) is None:
        raise OutboundError("the URL is too long, or has characters that no URL has")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise OutboundError(f"not a URL: {error}") from error
    scheme = parts.scheme.lower()
    if not scheme:
        raise OutboundError(f"{text[:64]!r} is no URL: it begins with neither http:// nor https://")
    if scheme not in _PORTS:
        raise OutboundError(f"{scheme[:16]!r} is not spoken here; http and https are")
    if "@" in parts.netloc:
        raise OutboundError("a URL with credentials is not followed")
    if port is None:
        port = _PORTS[scheme]
    if not 1 <= port <= _PORT_MAX:
        raise OutboundError(f"there is no port {port}")
    host = _read_host(parts.hostname or "", is_bracketed="[" in parts.netloc)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Url(Origin(scheme, host, port), path)


def check_node_url(text: str) -> str:
    """Return *text*, which has to be the URL of a node.

    Raises:
        OutboundError: it is none that can be asked, see `read_url`; or it has a query, a fragment.
    """
    try:
        url = read_url(text)
        if "?" in url.path or "#" in text:
            raise OutboundError("it has a query or a fragment")
    except OutboundError as error:
        raise OutboundError(
            f"{text!r:.64} is no node's URL, such as http://127.0.0.1:8734: {error}"
        ) from error
    return text


def _read_host(text: str, *, is_bracketed: bool) -> str:
    host = text.lower().removesuffix(".")
    if is_bracketed:
        try:
            return str(IPv6Address(host)) if "%" not in host else _refuse_host(text)
        except ValueError:
            _refuse_host(text)
    labels = host.split(".")
    if len(host) > _NAME_MAX or not all(_LABEL.fullmatch(label) for label in labels):
        _refuse_host(text)
    if is_number(labels[-1]):  # an address, whatever it looks like (WHATWG URL §3.5)
        try:
            return str(IPv4Address(host))
        except ValueError:
            _refuse_host(text)
    return host


def _refuse_host(text: str) -> str:
    raise OutboundError(f"{text[:64]!r} is neither a host's name nor a plain address")


def is_number(label: str) -> bool:
    """Tell whether *label* is a number: a host that ends in one is an address (WHATWG URL §3.5)."""
    return _NUMBER.fullmatch(label) is not None
