"""Nobody can lead us to an address that the operator has not allowed, however it is written."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address, ip_network

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from seriatim.formats.errors import LimitExceededError, OutboundError, UnavailableError
from seriatim.gateway.outbound import (
    Outbound,
    OutboundPolicy,
    OutboundReply,
    is_public,
    plain_address,
)
from seriatim.gateway.url import Origin, read_url
from tests.support.listening import listening

POLICY = OutboundPolicy()
INSIDE = [
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
    *("172.16.0.0/12", "192.0.0.0/29", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4"),
    *("240.0.0.0/4", "168.63.129.16/32", "::/127", "fe80::/10", "fc00::/7", "ff00::/8"),
    *("2002::/16", "2001::/32", "2001:db8::/32", "64:ff9b::/96", "fec0::/10", "::/96"),
]
PUBLIC = ("8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700::1", "2a00:1450::8", "::ffff:8.8.8.8")


@st.composite
def inside(draw: st.DrawFn) -> IPv4Address | IPv6Address:
    """Draw an address that nobody may lead us to, an IPv4 one mapped into IPv6 at times."""
    network = ip_network(draw(st.sampled_from(INSIDE)))
    address = network[draw(st.integers(0, network.num_addresses - 1))]
    if isinstance(address, IPv4Address) and draw(st.booleans()):
        return IPv6Address(f"::ffff:{address}")
    return address


def spellings(address: IPv4Address) -> Sequence[str]:
    """Return how *address* may be written for `inet_aton`, and for people."""
    number = int(address)
    parts = [number >> shift & 255 for shift in (24, 16, 8, 0)]
    return [
        str(address),
        f"{address}.",
        str(number),
        hex(number),
        f"0{number:o}",
        ".".join(f"0{part:o}" for part in parts),
        ".".join(hex(part) for part in parts),
        f"{parts[0]}.{number & 0xFFFFFF}",
        f"{parts[0]}.{parts[1]}.{number & 0xFFFF}",
        f"[::ffff:{address}]",
        f"[::ffff:{number >> 16:x}:{number & 0xFFFF:x}]",
        f"[0:0:0:0:0:ffff:{address}]",
        f"[::{address}]",
        f"user@{address}",
        f"example.com@{address}",
        f"example.com:80@{address}",
        f"{address}%00",
        "".join(chr(0xFF10 + int(c)) if c.isdigit() else c for c in str(address)),
    ]


@given(address=inside())
def test_what_is_inside_is_not_public(address: IPv4Address | IPv6Address) -> None:
    assert not is_public(plain_address(address))
    with pytest.raises(OutboundError, match="not a public address"):
        POLICY.check(str(address))
    OutboundPolicy(networks=(ip_network("0.0.0.0/0"), ip_network("::/0"))).check(str(address))


@pytest.mark.parametrize("text", PUBLIC)
def test_what_is_public_is_allowed(text: str) -> None:
    POLICY.check(text)


class NoNames(AbstractResolver):
    """Fails the test when it is asked: these hosts are no names."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        raise AssertionError(f"{host} was resolved")

    async def close(self) -> None:
        return


@given(data=st.data())
def test_no_spelling_of_an_address_inside_is_connected_to(data: st.DataObject) -> None:
    network = IPv4Network(data.draw(st.sampled_from([each for each in INSIDE if ":" not in each])))
    address = network[data.draw(st.integers(0, network.num_addresses - 1))]
    host = data.draw(st.sampled_from(spellings(address)))
    scheme = data.draw(st.sampled_from(["http", "https", "HTTP"]))
    port = data.draw(st.sampled_from(["", ":80", ":8734"]))

    async def main() -> None:
        async with Outbound(POLICY, reply_max_bytes=1, resolver=NoNames()) as outbound:
            with pytest.raises(OutboundError):
                await outbound.get(f"{scheme}://{host}{port}/metadata")

    asyncio.run(main())


@pytest.mark.parametrize(
    "url",
    [
        *("", "x", "//example.com/", "ftp://example.com/", "file:///etc/passwd", "http://"),
        *("http:///x", "http://exa mple.com/", "http://example.com\\@10.0.0.1/", "http://[::1"),
        *("http://example.com:0/", "http://example.com:99999/", "http://example.com:x/"),
        *("http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/", "http://[example.com]/"),
        *("http://a..b/", "http://-a.com/", "http://.com/", "http://a.com../", "http://é.com/"),
        *("http://a.com/\n", "http://a.com/\tx", "gopher://a.com/", "http://u:p@a.com/"),
        *(
            "http://1.2.3.4.5/",
            "http://1.2.3/",
            "http://0x7f.1/",
            "http://a.0x7f/",
            "http://256.1.1.1/",
        ),
        "http://a.com/" + "x" * 3_000,
    ],
)
def test_what_is_no_plain_url_is_refused(url: str) -> None:
    with pytest.raises(OutboundError):
        read_url(url)


def test_what_has_no_scheme_is_named() -> None:
    with pytest.raises(OutboundError, match=r"'nonsense' is no URL: .* neither http:// nor https"):
        read_url("nonsense")


@given(url=st.text(max_size=40) | st.from_regex(r"https?://[!-~]{0,30}", fullmatch=True))
def test_a_url_is_refused_or_has_one_reading(url: str) -> None:
    try:
        location = read_url(url)
    except OutboundError:
        return
    assert read_url(location.text) == location


def test_a_url_is_read_into_its_parts() -> None:
    location = read_url("HTTPS://Example.COM./a/b?c=d#e")
    assert location.origin == Origin("https", "example.com", 443)
    assert location.text == "https://example.com:443/a/b?c=d"
    assert read_url("http://[2606:4700:0::1]:81").text == "http://[2606:4700::1]:81/"


class Names(AbstractResolver):
    """Answers each name with the next of its lists of addresses; the last one stays."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self._answers = {name.replace("_", "."): list(lists) for name, lists in answers.items()}
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.asked.append(host)
        lists = self._answers[host]
        addresses = lists.pop(0) if len(lists) > 1 else lists[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        return


class Site:
    """A server that redirects by path, and counts who came."""

    def __init__(self, *, status: int = 307, **redirects: str) -> None:
        self.redirects = redirects
        self.status = status
        self.paths: list[str] = []
        self.sent: list[tuple[str, bytes, str | None]] = []

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.paths.append(request.path)
        kind = request.headers.get("content-type", request.headers.get("accept"))
        self.sent.append((request.method, await request.read(), kind))
        target = self.redirects.get(request.path[1:])
        if target is not None:
            return web.Response(status=self.status, headers={"location": target})
        lines = [("X-One", "1"), ("X-Two", "a"), ("x-two", "b")]
        return web.Response(body=b"here", headers=CIMultiDict(lines))


def ask(
    site: Site,
    path: str,
    *,
    origin_host: str | None = "127.0.0.1",
    host: str = "127.0.0.1",
    resolver: AbstractResolver | None = None,
    networks: Sequence[str] = (),
    reply_max_bytes: int = 100,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> OutboundReply:
    """GET *path* of *site*, or POST *body* to it, by the name *host*.

    Its origin as *origin_host* is the operator's.
    """

    async def main() -> OutboundReply:
        async with listening(site.answer) as port:
            site.redirects = {k: v.replace("PORT", str(port)) for k, v in site.redirects.items()}
            named = () if origin_host is None else (Origin("http", origin_host, port),)
            policy = OutboundPolicy(frozenset(named), tuple(map(ip_network, networks)))
            async with Outbound(
                policy, reply_max_bytes=reply_max_bytes, resolver=resolver
            ) as outbound:
                url = f"http://{host}:{port}/{path}"
                if body is None:
                    return await outbound.get(url, headers=headers)
                return await outbound.post(url, body, headers=headers)

    return asyncio.run(main())


def test_what_the_operator_has_named_is_asked_as_it_is() -> None:
    assert ask(Site(), "x").body == b"here"
    names = Names(node_example=[["127.0.0.1"]])
    reply = ask(Site(), "x", origin_host="node.example", host="node.example", resolver=names)
    assert reply.status == 200
    assert reply.is_ok


def test_a_network_that_the_operator_allows_is_asked_whoever_names_it() -> None:
    names = Names(node_example=[["127.0.0.1"]])
    options = {"origin_host": None, "host": "node.example", "resolver": names}
    assert ask(Site(), "x", networks=["127.0.0.0/8"], **options).is_ok  # type: ignore[arg-type]  # a table of options
    assert ask(Site(), "x", origin_host=None, networks=["127.0.0.0/8"]).is_ok


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["::1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:127.0.0.1"], ["169.254.169.254"]],
)
def test_a_name_with_one_address_inside_is_refused(
    addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a socket is opened: not even to its public addresses."""

    def open_socket(outbound: Outbound, info: object) -> socket.socket:
        raise AssertionError(f"a socket for {info}")

    monkeypatch.setattr(Outbound, "_open_socket", open_socket)
    site = Site()
    with pytest.raises(OutboundError, match="not a public address"):
        ask(
            site,
            "x",
            origin_host=None,
            host="evil.example",
            resolver=Names(evil_example=[addresses]),
        )
    assert site.paths == []


def test_a_name_that_changes_its_mind_is_checked_as_it_is_connected_to() -> None:
    """DNS rebinding: public when it is looked at, loopback when it is used. It is asked once."""
    names = Names(evil_example=[["127.0.0.1"], ["8.8.8.8"]])
    site = Site()
    with pytest.raises(OutboundError):
        ask(site, "x", origin_host=None, host="evil.example", resolver=names)
    assert names.asked == ["evil.example"]
    assert site.paths == []


def test_the_socket_is_checked_though_the_resolver_was_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last line: whatever a library does with names, a socket is opened to what is allowed."""
    monkeypatch.setattr(
        "seriatim.gateway.outbound._CheckedResolver",
        lambda inner, policy: inner,
    )
    site = Site()
    with pytest.raises(OutboundError):
        ask(
            site,
            "x",
            origin_host=None,
            host="evil.example",
            resolver=Names(evil_example=[["127.0.0.1"]]),
        )
    assert site.paths == []


@pytest.mark.parametrize(
    "target",
    [
        *(
            "http://127.0.0.1:1/",
            "http://localhost:PORT/y",
            "//127.0.0.1:1/",
            "http://[::1]:PORT/y",
        ),
        *("http://127.1:PORT/y", "https://127.0.0.1:PORT/y", "http://169.254.169.254/latest"),
        *("file:///etc/passwd", "http://x@127.0.0.1:PORT/y", "http://2130706433:PORT/y"),
        *("http://[", "//[x", "http://[::1", "\\x", "http:x"),
    ],
)
def test_a_redirect_is_a_strangers_url(target: str) -> None:
    """Also one back to the operator's own address at another port or by another name."""
    site = Site(x=target)
    with pytest.raises(OutboundError):
        ask(site, "x", resolver=Names(localhost=[["127.0.0.1"]]))
    assert site.paths == ["/x"]


def test_redirects_within_the_named_origin_are_followed() -> None:
    site = Site(a="/b", b="http://127.0.0.1:PORT/c")
    reply = ask(site, "a")
    assert reply.body == b"here"
    assert reply.url.endswith("/c")
    assert site.paths == ["/a", "/b", "/c"]


@pytest.mark.parametrize("status", [307, 308])
def test_a_post_is_redirected_as_it_is(status: int) -> None:
    site = Site(status=status, a="/b")
    assert ask(site, "a", body=b"said", headers={"content-type": "text/x"}).body == b"here"
    assert site.paths == ["/a", "/b"]
    assert site.sent == [("POST", b"said", "text/x")] * 2


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_post_never_becomes_a_get(status: int) -> None:
    site = Site(status=status, a="/b")
    with pytest.raises(OutboundError, match=f"answers a POST with {status}"):
        ask(site, "a", body=b"said")
    assert site.paths == ["/a"]
    assert ask(Site(status=status, a="/b"), "a").body == b"here"


def test_a_post_goes_where_the_policy_says_and_nowhere_else() -> None:
    site = Site(a="http://localhost:PORT/b")
    with pytest.raises(OutboundError):
        ask(site, "a", body=b"said", resolver=Names(localhost=[["127.0.0.1"]]))
    assert site.paths == ["/a"]
    with pytest.raises(OutboundError):
        ask(Site(), "a", body=b"said", origin_host=None)


def test_nobody_says_what_a_body_is_or_what_is_accepted_but_the_caller() -> None:
    site = Site()
    ask(site, "a", body=b"said")
    assert site.sent == [("POST", b"said", None)]


def test_a_reply_has_its_headers_and_one_line_for_each() -> None:
    headers = ask(Site(), "x").headers
    assert (headers["x-one"], headers["x-two"]) == ("1", "a, b")


def test_a_url_is_asked_for_in_the_spelling_that_was_read() -> None:
    seen: list[str] = []

    async def main() -> None:
        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            seen.append(request.raw_path)
            return web.Response()

        async with listening(answer) as port:
            policy = OutboundPolicy(frozenset({Origin("http", "127.0.0.1", port)}))
            async with Outbound(policy, reply_max_bytes=1) as outbound:
                await outbound.get(f"http://127.0.0.1:{port}/a%7Eb~c%2fd?e=%3f+%20'")

    asyncio.run(main())
    assert seen == ["/a%7Eb~c%2fd?e=%3f+%20'"]


def test_redirects_end() -> None:
    with pytest.raises(OutboundError, match="circle"):
        ask(Site(a="/b", b="/a"), "a")
    endless = Site()
    endless.redirects = {str(number): f"/{number + 1}" for number in range(50)}
    with pytest.raises(OutboundError, match="more than 5 redirects"):
        ask(endless, "0")
    assert len(endless.paths) == 6


def test_a_reply_is_read_up_to_its_bound() -> None:
    assert ask(Site(), "x", reply_max_bytes=4).body == b"here"
    with pytest.raises(LimitExceededError):
        ask(Site(), "x", reply_max_bytes=3)


def test_who_does_not_answer_is_not_waited_for() -> None:
    async def main() -> None:
        asked_enough = asyncio.Event()

        async def late(request: web.BaseRequest) -> web.StreamResponse:
            await asked_enough.wait()
            return web.Response()

        async with listening(late) as port:
            policy = OutboundPolicy(frozenset({Origin("http", "127.0.0.1", port)}))
            async with Outbound(policy, reply_max_bytes=1, deadline_ms=50) as outbound:
                with pytest.raises(UnavailableError, match="no answer in time"):
                    await outbound.get(f"http://127.0.0.1:{port}/")
            asked_enough.set()

    asyncio.run(main())
