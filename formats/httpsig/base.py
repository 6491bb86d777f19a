"""What is signed: a line for each component, and a line of parameters.

RFC 9421 with HyperBEAM's deviations: components are keys of the placed message and not of the
request, and their lines never carry the ``@`` that the list of identifiers does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from seriatim.formats.errors import MalformedError
from seriatim.formats.httpsig.placement import BODY_KEYS
from seriatim.formats.tabm import sf

_DERIVED: Final = frozenset(
    {
        "method",
        "target-uri",
        "authority",
        "scheme",
        "request-target",
        "path",
        "query",
        "query-param",
        "status",
    }
)


def component_names(headers: Mapping[str, bytes]) -> list[str]:
    """Return what of *headers* is signed, sorted: all but ``body-keys``, which follows."""
    return sorted(name for name in headers if name != BODY_KEYS)


def qualified(name: str) -> str:
    """Return the identifier of component *name*: with an ``@`` where the RFC derives it."""
    return f"@{name}" if name in _DERIVED else name


def unqualified(identifier: str) -> str:
    """Return the name of the component that *identifier* stands for."""
    return identifier.removeprefix("@")


def inner_list(identifiers: Iterable[str], params: Mapping[str, sf.Bare]) -> sf.InnerList:
    """Return *identifiers* with *params* as a structured field."""
    items = tuple(sf.Item(identifier.encode()) for identifier in identifiers)
    return sf.InnerList(items, params)


def identifiers_of(member: sf.Item | sf.InnerList | None) -> list[str]:
    """Return the identifiers that *member* of ``signature-input`` lists.

    Raises:
        MalformedError: it is no list of strings; code ``bad_signature_input``.
    """
    if not isinstance(member, sf.InnerList):
        raise _bad("an entry is no list")
    identifiers: list[str] = []
    for item in member.items:
        # Byte sequences are bytes too, of a class of their own.
        if type(item.value) is not bytes or item.params:
            raise _bad("an identifier is no plain string")
        identifiers.append(item.value.decode("utf-8", "replace"))
    return identifiers


def signature_base(
    headers: Mapping[str, bytes], identifiers: Sequence[str], params: Mapping[str, sf.Bare]
) -> bytes:
    """Return the bytes that are signed.

    Args:
        headers: the placed message.
        identifiers: the components, in the order in which they are signed.
        params: of the signature; signed in the order of their names.

    Raises:
        MalformedError: a component is not there; code ``bad_signature_input``.
    """
    lines = [_line(headers, identifier) for identifier in identifiers]
    listed = sf.write_inner_list(inner_list(identifiers, dict(sorted(params.items()))))
    # With no component at all the base still begins with the line feed that ends the last one.
    return b"\n".join(lines) + b'\n"@signature-params": ' + listed


def check_components(names: Collection[str], identifiers: Iterable[str]) -> None:
    """Return when the components of *identifiers* are all among the headers called *names*.

    Raises:
        MalformedError: one is not; code ``bad_signature_input``.
    """
    for identifier in identifiers:
        if unqualified(identifier) not in names:
            raise _missing(identifier)


def _line(headers: Mapping[str, bytes], identifier: str) -> bytes:
    name = unqualified(identifier)
    value = headers.get(name)
    if value is None:
        raise _missing(identifier)
    return b'"%b": %b' % (name.encode(), value.strip(b" ").replace(b"\n", b" "))


def _missing(identifier: str) -> MalformedError:
    return _bad(f"component {identifier[:64]!r} is not in the message")


def _bad(reason: str) -> MalformedError:
    return MalformedError(
        f"signature-input does not fit the message: {reason}", code="bad_signature_input"
    )
