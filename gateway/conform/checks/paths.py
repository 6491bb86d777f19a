"""A claim about HyperBEAM's paths: they are many, and mean the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from hypothesis import strategies as st

from seriatim.gateway.conform.check import HYPERBEAM, Check
from seriatim.gateway.conform.claim import expect_equal
from seriatim.gateway.conform.faces.hyperbeam import HyperbeamFace

_WRITING: Final = (
    "/{process}/~scheduler@1.0/schedule",
    "/{process}/schedule",
    "/{process}~process@1.0/schedule",
    "/~scheduler@1.0/schedule",
)
# The last is how aoconnect sends a question mark in a path.
_READING: Final = (
    "/{process}/schedule?from=0",
    "/{process}~process@1.0/schedule?from=0",
    "/{process}/~scheduler@1.0/schedule?from=0",
    "/~scheduler@1.0/schedule?target={process}&from=0",
    "/{process}/schedule%3Ffrom=0",
)


class Forms(NamedTuple):
    """The paths to write by, a message each, and then those to read by."""

    writing: Sequence[str]
    reading: Sequence[str]


def every_form_means_the_same(face: HyperbeamFace, forms: Forms) -> None:
    """Send by each of some paths, then read by each of others."""
    process = face.spawn().id
    sent = [process]
    for form in forms.writing:
        message = face.new_message(process)
        request = face.posting(message)._replace(target=form.format(process=process))
        taken = face.accepted(message, face.talk.send(request))
        expect_equal("the slot told", taken.slot, len(sent))
        sent.append(taken.id)
    for form in forms.reading:
        page = face.page_at(form.format(process=process))
        found = [entry.message_id for entry in page.entries]
        expect_equal("the messages in slot order", found, sent)


CHECKS: Final = (
    Check(
        "paths",
        "Every form of a path reaches the same process.",
        "HyperBEAM, path grammar and ~process@1.0 forwarding; aoconnect, %3F",
        HYPERBEAM,
        st.builds(
            Forms,
            st.lists(st.sampled_from(_WRITING), max_size=3),
            st.lists(st.sampled_from(_READING), max_size=3),
        ),
        every_form_means_the_same,
    ),
)
