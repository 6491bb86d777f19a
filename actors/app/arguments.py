"""The arguments and the result of a function, as JSON and back, by the types that it declares.

Arguments are a map by the names of the parameters, so that whoever reads a job knows what is what,
and a parameter with a default may be added while jobs wait.
"""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, Final, Generic, TypeVar, cast, get_type_hints
from uuid import UUID

import msgspec
import orjson

from seriatim.actors.executor.called import BadArgumentsError, BadResultError
from seriatim.formats.errors import FormatError, MalformedError
from seriatim.formats.jobs.raw_json import RawJson, check_value, dump_value
from seriatim.formats.jobs.result_of import RESULT_OF, places_in
from seriatim.formats.limits import JOB_RESULT_MAX_BYTES

R = TypeVar("R")

# What JSON has, and what stays what it is.
_PLAIN: Final = frozenset({str, int, float, bool})
# What JSON has as text only: who reads it has to know that it is no text.
_AS_TEXT: Final = (bytes, bytearray, memoryview, datetime, date, time, timedelta, UUID, Decimal)
# What an annotation raises that type checkers alone can read: names, and what is in stubs only.
_UNREADABLE: Final = (AttributeError, NameError, TypeError)


class Output(Generic[R]):
    """What a job is going to return: an argument for another one, which waits for it.

    Attributes:
        id: the id of the job that makes it.
    """

    __slots__ = ("id",)

    def __init__(self, job: str) -> None:
        self.id = job

    @property
    def output(self) -> R:
        """What stands for its result among the arguments of another job, by its type."""
        return cast("R", self)


class Arguments:
    """Reads and writes the arguments of one function."""

    def __init__(
        self, function: Callable[..., Any], upgrade: Callable[[Any], Any] | None = None
    ) -> None:
        """Know the signature of *function*; its annotations are read when they are needed.

        Args:
            function: takes them.
            upgrade: makes JSON of what it takes of JSON that was meant for an earlier version of
                it, and leaves what is meant for this one as it is.
        """
        self._function = function
        self._upgrade = upgrade
        self.signature = inspect.signature(function)
        self._hints: dict[str, Any] | None = None
        parameters = self.signature.parameters
        # Where every parameter has a name to be called by, calls need no binding.
        self._is_plain = all(
            each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
            for each in parameters.values()
        )
        self._positional = [
            name for name, each in parameters.items() if each.kind is each.POSITIONAL_OR_KEYWORD
        ]
        self._required = frozenset(
            name for name, each in parameters.items() if each.default is each.empty
        )

    def encode(self, args: tuple[Any, ...], named: Mapping[str, Any]) -> tuple[RawJson, list[str]]:
        """Return *args* and *named* as JSON, and the jobs whose results are among them.

        Raises:
            MalformedError: the function does not take them, or JSON cannot carry them; code
                ``bad_args``.
        """
        arguments = self._bind(args, named)
        wanted: dict[str, None] = {}
        promised: list[str] = []

        def encode(value: Any) -> Any:
            standing = _stand_in(value)
            wanted[value.id] = None
            promised.append(value.id)
            return standing

        plain: dict[str, Any] = {}
        places = 0
        for name, value in arguments.items():
            if type(value) in _PLAIN and self._types().get(name, Any) in (type(value), Any):
                plain[name] = value
                continue
            try:
                promised.clear()
                plain[name] = msgspec.to_builtins(value, str_keys=True, enc_hook=encode)
                places += len(promised)
                self._check(name, value, plain[name], is_whole=not promised)
            except (
                msgspec.ValidationError,
                TypeError,
                NotImplementedError,
                OverflowError,
            ) as error:
                raise self._bad(f"{name}: {error}") from error
            except RecursionError as error:
                raise self._bad(f"{name}: it is too deep for JSON") from error
        try:
            raw = RawJson(dump_value(plain))
        except TypeError as error:
            raise self._bad(str(error)) from error
        if len(places_in(raw)) != places:  # somebody's own map would be one of them
            raise self._bad(
                f"a map with nothing but {RESULT_OF!r} stands for the result of a job: pass the "
                "handle of that job, or its output; such a map itself cannot be passed"
            )
        return raw, list(wanted)

    def _check(self, name: str, value: Any, plain: Any, *, is_whole: bool) -> None:
        """Return when the worker will make of *plain* what *value* is, as far as that is known.

        Args:
            name: the parameter's.
            value: its argument.
            plain: what JSON has for it.
            is_whole: whether nothing in it stands for the result of a job.

        Raises:
            msgspec.ValidationError: the function does not take it.
            TypeError: it would be taken as something else.
        """
        try:
            taken = self._convert(name, plain)
        except msgspec.ValidationError:
            if is_whole:  # else it has another type once the results are there
                raise
        else:
            _check_kinds(value, plain, taken)

    def decode(
        self, raw: RawJson | None, inputs: Mapping[str, bytes]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments that *raw* says, as the function takes them.

        Args:
            raw: JSON of a map; ``None`` for no arguments.
            inputs: JSON of the results that stand in it, by job.

        Raises:
            BadArgumentsError: the function does not take them.
        """
        plain = self._read(raw, inputs)
        if self._is_plain and self._required <= plain.keys() <= self.signature.parameters.keys():
            return (), self._convert_all(plain)
        bound = inspect.BoundArguments(self.signature, OrderedDict())
        for name in self.signature.parameters:
            if name in plain:
                try:
                    bound.arguments[name] = self._convert(name, plain.pop(name))
                except msgspec.ValidationError as error:
                    raise BadArgumentsError(f"{name}: {error}") from error
        if plain:
            raise BadArgumentsError(f"it has no parameter {next(iter(plain))!r}")
        try:
            self.signature.bind(*bound.args, **bound.kwargs)
        except TypeError as error:
            raise BadArgumentsError(str(error)) from error
        return bound.args, bound.kwargs

    def _read(self, raw: RawJson | None, inputs: Mapping[str, bytes]) -> dict[str, Any]:
        """Return the arguments by name; arguments and errors as for `decode`."""
        plain = None if raw is None else orjson.loads(raw.raw)
        if inputs or (raw is not None and RESULT_OF.encode() in raw.raw):
            plain = _fill_in(plain, inputs)
        if self._upgrade is not None:
            plain = _upgraded(self._upgrade, plain)
        elif raw is None:
            plain = {}
        if not isinstance(plain, dict):
            raise BadArgumentsError(
                f"expected a map by the names of the parameters, found {plain!r:.64}"
            )
        return dict(plain) if self._upgrade is not None else plain

    def _bind(self, args: tuple[Any, ...], named: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the arguments by name.

        Raises:
            MalformedError: the function does not take them; code ``bad_args``.
        """
        if self._is_plain and len(args) <= len(self._positional):
            found = dict(zip(self._positional, args, strict=False))
            if not found.keys() & named.keys():
                found.update(named)
                if self._required <= found.keys() <= self.signature.parameters.keys():
                    return found
        try:
            return self.signature.bind(*args, **named).arguments
        except TypeError as error:
            raise self._bad(str(error)) from error

    def _convert_all(self, plain: Mapping[str, Any]) -> dict[str, Any]:
        """Return *plain* as the function takes it.

        Raises:
            BadArgumentsError: a value is not of the type that is declared.
        """
        converted = {}
        for name, value in plain.items():
            try:
                converted[name] = self._convert(name, value)
            except msgspec.ValidationError as error:
                raise BadArgumentsError(f"{name}: {error}") from error
        return converted

    def encode_result(self, result: Any) -> bytes:
        """Return *result* as JSON; empty for ``None``.

        Raises:
            BadResultError: JSON cannot carry it, or it is not what the function declares.
        """
        if result is None and self._types().get("return", Any) in (Any, type(None)):
            return b""
        is_plain = type(result) in _PLAIN
        try:
            plain = result if is_plain else msgspec.to_builtins(result, str_keys=True)
            raw = dump_value(plain)
            check_value(raw)
        except (
            TypeError,
            NotImplementedError,
            OverflowError,
            ValueError,
            RecursionError,
            FormatError,
        ) as error:
            named = type(result).__name__
            raise BadResultError(
                f"what it has returned, {named}, is nothing for JSON: {error}"
            ) from error
        if len(raw) > JOB_RESULT_MAX_BYTES:
            raise BadResultError(
                f"its result takes {len(raw)} bytes; keep it elsewhere, and return where"
            )
        try:
            taken = self._read_result(plain)  # as whoever waits for it will
            if not is_plain:
                _check_kinds(result, plain, taken)
        except (msgspec.ValidationError, TypeError) as error:
            raise BadResultError(
                f"what it has returned is not what it declares: {error}"
            ) from error
        return b"" if result is None else raw

    def decode_result(self, result: bytes) -> Any:
        """Return the result that *result* says, by the type that the function declares.

        Raises:
            MalformedError: it is no such thing: another version of the function has made it; code
                ``bad_result``.
        """
        try:
            return self._read_result(orjson.loads(result) if result else None)
        except msgspec.ValidationError as error:
            raise MalformedError(
                f"the result is not what {self._function.__name__} declares: {error}",
                code="bad_result",
            ) from error

    def _read_result(self, plain: Any) -> Any:
        kind = self._types().get("return", Any)
        if kind is Any or (type(plain) is kind and kind in _PLAIN):
            return plain
        return msgspec.convert(plain, kind, str_keys=True)

    def _convert(self, name: str, plain: Any) -> Any:
        kind = self._types().get(name, Any)
        if type(plain) is kind and kind in _PLAIN:
            return plain
        parameter = self.signature.parameters[name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            kind = list[kind]  # type: ignore[valid-type]  # of whatever is declared
        elif parameter.kind is parameter.VAR_KEYWORD:
            kind = dict[str, kind]  # type: ignore[valid-type]  # as above
        return plain if kind is Any else msgspec.convert(plain, kind, str_keys=True)

    def _types(self) -> dict[str, Any]:
        if self._hints is None:
            hints = _hints(self._function)
            self._hints = {name: kind for name, kind in hints.items() if _is_read(kind)}
        return self._hints

    def _bad(self, reason: str) -> MalformedError:
        return MalformedError(
            f"{self._function.__name__}{self.signature}: {reason}", code="bad_args"
        )


def _check_kinds(given: Any, plain: Any, taken: Any) -> None:
    """Return when what is *taken* is of the kinds that were *given*, and no text for them.

    Args:
        given: an argument, or a result.
        plain: what JSON has for it.
        taken: what is made of that again.

    Raises:
        TypeError: some of it is text, where nothing declares what it is.
    """
    apart = _kept_apart(given)
    if apart == plain:  # JSON has all of it as it is
        return
    kinds = _kinds_in(apart)
    if len(_kinds_in(_kept_apart(taken))) < len(kinds):
        raise TypeError(f"{kinds[0]} would be taken as text: have the function declare what it is")


def _kept_apart(value: Any) -> Any:
    """Return *value* in builtins, and as it is what JSON has as text only, keys among it."""
    return msgspec.to_builtins(value, builtin_types=_AS_TEXT, enc_hook=_stand_in)


def _stand_in(value: Any) -> dict[str, str]:
    """Return what stands for *value*, the result of a job.

    Raises:
        NotImplementedError: it is something else.
    """
    if isinstance(value, Output):
        return {RESULT_OF: value.id}
    raise NotImplementedError(f"{type(value).__name__} is nothing that JSON can carry")


def _kinds_in(plain: Any) -> list[str]:
    """Return what there is in *plain* that JSON has as text only: names of types, and keys."""
    kinds: list[str] = []
    todo = [plain]
    while todo:
        each = todo.pop()
        if isinstance(each, dict):
            todo.extend(each.values())
            kinds.extend(f"the key {key!r:.64}" for key in each if not isinstance(key, str))
        elif isinstance(each, list | tuple):
            todo.extend(each)
        elif isinstance(each, _AS_TEXT):
            kinds.append(type(each).__name__)
    return kinds


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Return what *function* declares, but for names that exist for a type checker only."""
    try:
        return get_type_hints(function, include_extras=True)
    except _UNREADABLE:
        names = getattr(inspect.unwrap(function), "__globals__", {})
    hints: dict[str, Any] = {}
    for name, said in inspect.get_annotations(function).items():
        alone = SimpleNamespace(__annotations__={name: said})
        with suppress(*_UNREADABLE):
            hints |= get_type_hints(alone, names, include_extras=True)
    return hints


def _is_read(kind: Any) -> bool:
    """Tell whether msgspec can make a *kind* of JSON; of others, the plain value is handed on."""
    if kind is None or kind is type(None):
        return True
    try:
        msgspec.json.Decoder(kind)
    except (TypeError, ValueError):
        return False
    return True


def _upgraded(upgrade: Callable[[Any], Any], plain: Any) -> Any:
    """Return what *upgrade* makes of *plain*.

    Raises:
        BadArgumentsError: it raises: *plain* is of no version that it knows.
    """
    try:
        return upgrade(plain)
    except Exception as error:  # of somebody's function
        raise BadArgumentsError(f"no version has such: {type(error).__name__}: {error}") from error


def _fill_in(plain: Any, inputs: Mapping[str, bytes]) -> Any:
    """Return *plain* with results in the places that stand for them.

    Raises:
        BadArgumentsError: a result is not there: its job has not succeeded.
    """
    if isinstance(plain, dict):
        if plain.keys() == {RESULT_OF}:
            job = plain[RESULT_OF]
            if job not in inputs:
                raise BadArgumentsError(f"job {job} has no result: it has not succeeded")
            raw = inputs[job]
            return orjson.loads(raw) if raw else None
        return {key: _fill_in(value, inputs) for key, value in plain.items()}
    if isinstance(plain, list):
        return [_fill_in(value, inputs) for value in plain]
    return plain
