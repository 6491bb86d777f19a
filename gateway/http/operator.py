"""Who is the node's operator: whoever sends the token of its data folder."""

from __future__ import annotations

import hmac
from typing import Final, NamedTuple

from aiohttp import web

from seriatim.formats.errors import UnauthorizedError

_SCHEME: Final = "bearer"


class Operator(NamedTuple):
    """What shows that a request comes from the operator.

    Attributes:
        token: what they send (RFC 6750); empty where nobody is the operator over HTTP.
        public_cron: whether ``~cron@1.0`` is for everybody.
    """

    token: str = ""
    public_cron: bool = False

    def knows(self, request: web.BaseRequest) -> bool:
        """Tell whether *request* comes from the operator."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        # The comparison takes the same time wherever the two differ.
        is_same = hmac.compare_digest(
            given.strip().encode(errors="surrogateescape"), self.token.encode()
        )
        return scheme.lower() == _SCHEME and bool(self.token) and is_same

    def check(self, request: web.BaseRequest, *, option: str = "") -> None:
        """Refuse *request* where it does not come from the operator.

        Args:
            request: any.
            option: of ``serve``, with which it would not have to.

        Raises:
            UnauthorizedError: it does not.
        """
        if not self.knows(request):
            raise UnauthorizedError(option)


NOBODY: Final = Operator()
"""The operator of a node that has no token."""
