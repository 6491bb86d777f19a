"""A run: find out what a node speaks, try every check of each API, and report."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Final

from seriatim.formats.errors import FormatError, MalformedError, RefusedError, UnavailableError
from seriatim.formats.ids import decode_id
from seriatim.formats.limits import CONFORM_DEADLINE_MS, CONFORM_EXAMPLES_DEFAULT
from seriatim.formats.signing.scheme import WalletKind
from seriatim.gateway.conform.check import Check
from seriatim.gateway.conform.checks import CHECKS
from seriatim.gateway.conform.claim import ClaimBrokenError, member, read_json
from seriatim.gateway.conform.faces.face import Face
from seriatim.gateway.conform.faces.hyperbeam import HyperbeamFace
from seriatim.gateway.conform.faces.legacy import LegacyFace
from seriatim.gateway.conform.kind import Kind, Outcome
from seriatim.gateway.conform.report import Report, Result
from seriatim.gateway.conform.search import Search
from seriatim.gateway.conform.talk.conversation import Conversation
from seriatim.gateway.conform.talk.exchange import Reply, Request, excerpt
from seriatim.gateway.conform.talk.keys import Form, Keys, Signing

# Quick ones first. An ao unit takes no ed25519; HyperBEAM of May 2025 places no bare items.
_ITEMS: Final = tuple(
    map(Signing, (WalletKind.SECP256K1, WalletKind.ED25519, WalletKind.RSA)),
)
_SIGNINGS: Final = {
    Kind.LEGACY: _ITEMS,
    Kind.HYPERBEAM: (*_ITEMS, Signing(WalletKind.RSA, Form.HTTP)),
}
_ADDRESSES: Final = {Kind.LEGACY: "/", Kind.HYPERBEAM: "/~meta@1.0/info/address"}
_FACES: Final[dict[Kind, type[Face]]] = {
    Kind.LEGACY: LegacyFace,
    Kind.HYPERBEAM: HyperbeamFace,
}
_SUCCESS: Final = range(200, 300)

Say = Callable[[str], None]


def run(
    url: str,
    *,
    kind: Kind | None = None,
    only: Collection[str] = (),
    checks: Sequence[Check] = CHECKS,
    examples: int = CONFORM_EXAMPLES_DEFAULT,
    seed: int = 0,
    deadline_ms: int = CONFORM_DEADLINE_MS,
    say: Say = lambda _: None,
) -> Report:
    """Hold the node at *url* to *checks*. It writes: each check spawns processes of its own.

    Blocking; where a loop runs, call it in a thread.

    Args:
        url: an origin, such as ``http://127.0.0.1:8734``.
        kind: the API to try; every one that the node speaks by default.
        only: names of the checks to try; all by default.
        checks: what to choose from.
        examples: how many plans each check draws at most; 1 or more.
        seed: the same seed draws the same plans.
        deadline_ms: how long the node may take for a reply.
        say: called with a few words before each check.

    Raises:
        MalformedError: *only* names no check, or none for what the node speaks; code
            ``bad_check``.
        UnavailableError: nobody answers at *url*, or nobody that speaks such an API.
        RefusedError: the node takes no spawn by any of its APIs; code ``no_spawn``.
    """
    chosen = _chosen(checks, only)
    with Conversation(url, deadline_ms=deadline_ms) as talk:
        say("what the node speaks")
        faces = _find_faces(talk, kind)
        refusals = {face.kind: _find_signing(face) for face in faces}
        if all(refusals.values()):
            raise RefusedError("; ".join(refusals.values()), code="no_spawn")
        trials = [(face, each) for face in faces for each in chosen if face.kind in each.kinds]
        if not trials:
            spoken = " and ".join(face.kind for face in faces)
            raise MalformedError(f"none of these checks is about {spoken}", code="bad_check")
        results: list[Result] = []
        for face, check in trials:
            say(f"{face.kind}: {check.name}")
            refusal = refusals[face.kind] if check.writes else ""
            results.append(_try(check, face, refusal, examples=examples, seed=seed))
    return Report(talk.url, seed, examples, tuple(results))


def _chosen(checks: Sequence[Check], only: Collection[str]) -> list[Check]:
    names = list(dict.fromkeys(check.name for check in checks))
    unknown = [name for name in only if name not in names]
    if unknown:
        raise MalformedError(
            f"no check {', '.join(unknown)}; choose from {', '.join(names)}", code="bad_check"
        )
    return [check for check in checks if not only or check.name in only]


def _try(check: Check, face: Face, refusal: str, *, examples: int, seed: int) -> Result:
    said = (face.kind, check.name, check.claim, check.source)
    if face.talk.is_silent:
        return Result(*said, Outcome.SKIPPED, "the node has left a request without a reply")
    if refusal:
        return Result(*said, Outcome.SKIPPED, refusal)
    return Search(check, face).run(examples=examples, seed=seed)


def _find_faces(talk: Conversation, wanted: Kind | None) -> list[Face]:
    """Return the APIs that the node speaks, or the *wanted* one."""
    keys = Keys()
    faces: list[Face] = []
    for kind in Kind if wanted is None else (wanted,):
        address = _read_address(kind, talk.send(Request("GET", _ADDRESSES[kind], {})))
        if address is not None:
            faces.append(_FACES[kind](talk, keys, address))
    if not faces:
        asked = " and ".join(f"GET {_ADDRESSES[kind]}" for kind in Kind if wanted in (None, kind))
        raise UnavailableError(
            f"{talk.url} answers, and tells no address at {asked}: it is no scheduler node"
        )
    return faces


def _read_address(kind: Kind, reply: Reply) -> str | None:
    try:
        if kind is Kind.LEGACY:
            text = member(read_json(reply, dict), "address", str)
        else:
            text = reply.body.decode("ascii", "replace").strip()
        decode_id(text)
    except (ClaimBrokenError, FormatError):
        return None
    return text


def _find_signing(face: Face) -> str:
    """Let *face* sign in a way that the node takes; return why it takes none."""
    refusals: list[str] = []
    for signing in _SIGNINGS[face.kind]:
        spawn = face.new_spawn(signing)
        replies = [face.post(spawn), face.post(face.new_message(spawn.id, signing=signing))]
        refused = next((reply for reply in replies if reply.status not in _SUCCESS), None)
        if refused is None:
            face.signs_with = signing
            return ""
        refusals.append(f"{signing.kind} {signing.form}: {refused.status} {excerpt(refused.body)}")
    return f"the node places nothing of ours ({'; '.join(refusals)})"
