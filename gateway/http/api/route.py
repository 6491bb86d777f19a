"""The table of the API's routes, and which of them a request is for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, unquote

from aiohttp import web

from seriatim.formats.codecs.json import parse_json
from seriatim.formats.errors import (
    ElsewhereError,
    MalformedError,
    NotFoundError,
    RefusedError,
    WrongMethodError,
)
from seriatim.formats.jobs.job_id import check_name
from seriatim.formats.limits import API_PAGE_MAX, HTTP_KEYS_MAX, PAGE_DEFAULT
from seriatim.gateway.http.body import read_body
from seriatim.gateway.http.operator import Operator
from seriatim.gateway.http.paging import parse_integer

API: Final = "/api/"
_NAMED: Final = frozenset({"queue", "job", "worker"})


class Body(NamedTuple):
    """The JSON object that a route is sent.

    Attributes:
        keys: names that it may have.
        code: of an error, where it has another one.
    """

    keys: frozenset[str]
    code: str

    def check(self, said: Mapping[str, Any], where: str = "this body") -> None:
        """Return when *said*, which stands in *where*, has no names but these.

        Raises:
            MalformedError: it has another one.
        """
        _check_names(said, self.keys, where, self.code)


NO_BODY: Final = Body(frozenset(), "bad_body")
"""Of a route that has to be told nothing."""


class Asked(NamedTuple):
    """A request for a route.

    Attributes:
        request: the request.
        named: what the route's path has a name for, decoded.
        query: what the query says; no names but the route's.
        body: the JSON object that it carries; no names but the route's. Empty for none, and where
            the route reads the body itself.
    """

    request: web.BaseRequest
    named: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def limit(self) -> int:
        """How many entries of a list are asked for.

        Raises:
            MalformedError: it is no number that a page can have; code ``bad_query``.
        """
        return self.number("limit", PAGE_DEFAULT, maximum=API_PAGE_MAX)

    def number(self, name: str, default: int, *, minimum: int = 1, maximum: int) -> int:
        """Return the number from *minimum* to *maximum* that the query has under *name*.

        Raises:
            MalformedError: it is none; code ``bad_query``.
        """
        number = parse_integer(name, self.query.get(name, str(default)))
        if not minimum <= number <= maximum:
            raise MalformedError(
                f"{name} is from {minimum} to {maximum}, not {number}", code="bad_query"
            )
        return number


Handler = Callable[[Asked], Awaitable[web.StreamResponse]]


class Route(NamedTuple):
    """One thing that can be asked for.

    Attributes:
        method: such as ``GET``.
        path: with names in braces, such as ``/api/v1/triggers/{trigger}``.
        handler: answers.
        query: names that its query may have.
        body: what it is sent; ``None`` for one that reads the body itself, whatever that is.
        is_public: whether it is for everybody.
    """

    method: str
    path: str
    handler: Handler
    query: frozenset[str] = frozenset()
    body: Body | None = NO_BODY
    is_public: bool = False

    def match(self, segments: tuple[str, ...]) -> Mapping[str, str] | None:
        """Return what *segments* of a path, decoded, give the names of this one, if they fit.

        An empty one does: it is no name, and whoever reads that says so.
        """
        own = tuple(self.path.split("/"))
        if len(own) != len(segments):
            return None
        named: dict[str, str] = {}
        for wanted, given in zip(own, segments, strict=True):
            if wanted.startswith("{"):
                named[wanted[1:-1]] = given
            elif wanted != given:
                return None
        return named


class Api:
    """Answers requests by a table of routes."""

    def __init__(self, routes: Iterable[Route], operator: Operator) -> None:
        """Answer *routes*, all but the public ones to *operator* only."""
        self.routes = tuple(routes)
        self._operator = operator

    async def __call__(self, request: web.BaseRequest, method: str) -> web.StreamResponse:
        """Answer *request*.

        Raises:
            NotFoundError: there is no such path.
            WrongMethodError: it has other methods.
            UnauthorizedError: it is for the operator.
            MalformedError: a name in the path is none, code ``bad_name``; or the query cannot be
                read, code ``bad_query``; or the body, codes ``bad_json`` and the route's.
            SchedulerError: as the route's handler raises it.
        """
        path, _, query = request.raw_path.partition("?")
        segments = tuple(unquote(each, errors="replace") for each in path.split("/"))
        found = [
            (each, named) for each in self.routes if (named := each.match(segments)) is not None
        ]
        if not all(route.is_public for route, _ in found):
            self._operator.check(request)
        if not found:
            raise NotFoundError(f"no path {path[:64]!r} here; see /api/v1/openapi.json")
        for route, named in found:
            if route.method == method:
                for kind in _NAMED & named.keys():
                    check_name(named[kind], kind)
                known = _read_query(query, route.query)
                asked = Asked(request, named, known, await _read_body(request, route))
                try:
                    return await route.handler(asked)
                except ElsewhereError as error:
                    # This API is about this node: nobody is sent to another one, token and all.
                    raise RefusedError(str(error), code=error.code) from error
        raise WrongMethodError(method, allowed=sorted(route.method for route, _ in found))


def _read_query(text: str, known: frozenset[str]) -> Mapping[str, str]:
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=HTTP_KEYS_MAX
        )
    except ValueError as error:
        raise MalformedError(f"the query cannot be read: {error}", code="bad_query") from error
    said = dict(pairs)
    if len(said) < len(pairs):
        raise MalformedError("this query says something twice", code="bad_query")
    _check_names(said, known, "this query", "bad_query")
    return said


async def _read_body(request: web.BaseRequest, route: Route) -> Mapping[str, Any]:
    if route.method != "POST" or route.body is None:
        return {}
    raw = await read_body(request)
    said = parse_json(raw) if raw else {}
    if not isinstance(said, dict):
        raise MalformedError("expected a JSON object", code="bad_json")
    route.body.check(said)
    return said


def _check_names(said: Iterable[str], known: frozenset[str], where: str, code: str) -> None:
    for name in said:
        if name not in known:
            others = ", ".join(sorted(known)) or "none"
            raise MalformedError(
                f"no {name[:64]!r} is known in {where}; known: {others}", code=code
            )
