"""The folds that a node knows, by name."""

from __future__ import annotations

from collections.abc import Iterable

from seriatim.formats.errors import RefusedError, UnsupportedError
from seriatim.formats.folds.fold import Fold, check_fold_name
from seriatim.formats.folds.program import MULTIPASS, STACK, Multipass, Program


class FoldRegistry:
    """Folds by name; each has its own."""

    def __init__(self, folds: Iterable[Fold] = ()) -> None:
        """Know *folds*, and ``multipass@1.0``.

        Raises:
            MalformedError: one has a name that none can have.
            RefusedError: two have one name, or one has a name of ours; code ``fold_name_taken``.
        """
        self._folds: dict[str, Fold] = {}
        for fold in folds:
            name = check_fold_name(fold.name)
            if name in self._folds or name in (MULTIPASS, STACK):
                raise RefusedError(
                    f"there is a fold {name} already; give this one another name or version",
                    code="fold_name_taken",
                )
            self._folds[name] = fold

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
