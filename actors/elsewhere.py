"""What other nodes schedule, and where they are: the one rule for what is not placed here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seriatim.formats.errors import (
    ElsewhereError,
    FollowedError,
    ForeignSchedulerError,
    MalformedError,
    NotFoundError,
)
from seriatim.formats.ids import decode_id, encode_id
from seriatim.formats.wire.stored import StoredAssignment

if TYPE_CHECKING:
    from seriatim.actors.follow.marks import FollowMarks
    from seriatim.actors.locations import Locations
    from seriatim.formats.schedule.variant import Variant
    from seriatim.store.log import Log


class Elsewhere:
    """Tells what belongs to another node from what may be placed here."""

    def __init__(self, log: Log, marks: FollowMarks, locations: Locations) -> None:
        """Read copies from *log* and *marks*, and where schedulers are from *locations*."""
        self._log = log
        self._marks = marks
        self._locations = locations

    def check(self, process: bytes) -> None:
        """Return when *process*, 32 raw bytes, is no copy: its slots are given out elsewhere.

        Raises:
            FollowedError: it is one, and where messages for it go is known: the operator has named
                its source, or its scheduler says where it is.
            NotFoundError: it is one that a stranger's hint has begun, and nobody has said more.
        """
        mark = self._marks.find(process)
        if mark is None:
            return
        head = self._log.head(process)
        record = None if head is None else self._log.read(process, head.slot)
        signer = (
            None
            if head is None or record is None
            else StoredAssignment(process, head.slot, record).scheduler
        )
        url = mark.url
        if mark.is_hinted:  # whose word that is, nobody knows: the scheduler's own, or none
            location = None if signer is None else self._locations.find(signer.address)
            url = "" if location is None else location.url
        scheduler = "" if signer is None else encode_id(signer.address)
        if not url:
            raise NotFoundError(
                f"process {encode_id(process)} is scheduled by {scheduler or 'another node'}, and "
                "this node does not know where that is; send it there, or say where with a hint "
                "(/PROCESS/schedule?hint=URL)"
            )
        variant = "" if head is None else head.variant.tag
        raise FollowedError(
            process=encode_id(process),
            url=url,
            scheduler=scheduler,
            variant=variant,
            is_named=not mark.is_hinted,
        )

    def check_spawn(self, process: bytes, variant: Variant, error: ForeignSchedulerError) -> None:
        """Return when it is not known at which node the scheduler is that a spawn names.

        Args:
            process: the spawn's, 32 raw bytes.
            variant: its kind.
            error: says which scheduler it names.

        Raises:
            ElsewhereError: it is known.
        """
        try:
            location = self._locations.find(decode_id(error.given))
        except MalformedError:
            return  # no address, or several
        if location is not None:
            raise ElsewhereError(
                f"the process names scheduler {error.given}, which says that it is at "
                f"{location.url}; spawn it there",
                process=encode_id(process),
                url=location.url,
                variant=variant.tag,
            ) from error
