"""The folds that a node knows, by name."""

from __future__ import annotations

from collections.abc import Iterable

from seriatim.formats.errors import UnsupportedError
from seriatim.formats.folds.fold import Fold, check_fold_name
from seriatim.formats.folds.program import MULTIPASS, Multipass, Program


class FoldRegistry:
    """Folds by name; of two with one name, the last is taken."""

    def __init__(self, folds: Iterable[Fold] = ()) -> None:
        """Know *folds*, and ``multipass@1.0``.

        Raises:
            MalformedError: one has a name that none can have.
        """
        self._folds = {check_fold_name(fold.name): fold for fold in folds}

    def __bool__(self) -> bool:
        """Tell whether there is any but our own."""
        return bool(self._folds)

    def get(self, name: str, *, passes: int = 1) -> Fold:
        """Return the fold *name*, for a program of *passes*.

        Raises:
            UnsupportedError: it is not known.
        """
        if name == MULTIPASS:
            return Multipass(passes)
        known = self._folds.get(name)
        if known is None:
            names = ", ".join(sorted({*self._folds, MULTIPASS}))
            raise UnsupportedError(f"this node computes no {name[:80]!r}; it knows {names}")
        return known

    def check(self, program: Program) -> None:
        """Return when every fold of *program* is known.

        Raises:
            UnsupportedError: one is not.
        """
        for name in program.folds:
            self.get(name)
