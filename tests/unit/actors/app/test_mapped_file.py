"""Files as arguments of jobs: mapped and not copied, and known again by their content."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seriatim import JobError, MappedFile
from seriatim.actors.executor.called import BadArgumentsError
from seriatim.formats.errors import MalformedError, NotFoundError, UnavailableError
from tests.support.mapping_app import PAGE_BYTES, app, cut, first, make, touch

MIB = 1024 * 1024
LARGE_BYTES = 256 * MIB


def write_large(path: Path) -> None:
    """Write a file of ``LARGE_BYTES``, none of it zero: nothing of it is a hole."""
    block = b"\x01" * MIB
    with path.open("wb") as file:
        for _ in range(LARGE_BYTES // MIB):
            file.write(block)


@pytest.mark.slow
@pytest.mark.asyncio
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what memory is private")
async def test_a_mapped_file_takes_no_memory_of_the_job_that_reads_all_of_it(
    tmp_path: Path,
) -> None:
    write_large(tmp_path / "large")
    large = MappedFile.of(tmp_path / "large")
    pages = LARGE_BYTES // PAGE_BYTES
    async with app.open(tmp_path / "node"):
        found, grown_bytes = await (await touch.submit(large))
        assert found == pages
        assert grown_bytes < LARGE_BYTES // 10
        _, copied_bytes = await (await touch.submit(large, copy=True))
        assert copied_bytes > LARGE_BYTES * 9 // 10, "else it is not measured"


@pytest.mark.asyncio
async def test_a_file_goes_from_job_to_job_and_is_known_again(tmp_path: Path) -> None:
    async with app.open(tmp_path / "node"):
        path = tmp_path / "é"
        made = await make.submit(str(path), "hello world")
        assert await (await first.submit(made.output)) == "hello"
        assert await made == MappedFile.of(path, hashed=True)
        path.write_text("jello world")  # of the same size
        with pytest.raises(JobError, match="another content") as caught:
            await (await first.options(retries=3).submit(await made))
        assert caught.value.code == "bad_args"


@pytest.mark.asyncio
async def test_a_file_that_is_cut_short_meanwhile_ends_a_child_and_nothing_else(
    tmp_path: Path,
) -> None:
    (tmp_path / "x").write_bytes(b"1" * PAGE_BYTES)
    async with app.open(tmp_path / "node"):
        with pytest.raises(JobError) as caught:
            await (await cut.submit(MappedFile.of(tmp_path / "x")))
        assert (caught.value.state, caught.value.code) == ("dead", "crashed")
        made = await make.submit(str(tmp_path / "y"), "hello")
        assert await (await first.submit(made.output)) == "hello"


@pytest.mark.asyncio
async def test_what_is_no_such_argument_is_refused_where_it_is_submitted(tmp_path: Path) -> None:
    bad = [
        MappedFile("", 1),
        MappedFile("x", -1),
        MappedFile("x", 1, "abc"),
        MappedFile("x" * 4_097, 1),
    ]
    async with app.open(tmp_path / "node"):
        for each in bad:
            with pytest.raises(MalformedError, match="file"):
                await first.submit(each)


def test_a_view_is_what_the_file_has_and_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(bytes(range(256)) * 32)
    view = MappedFile.of(path, hashed=True).view(verified=True)
    path.unlink()
    part = view[256:260]
    del view
    assert bytes(part) == bytes(range(4)), "a part keeps it"
    assert part.readonly
    with pytest.raises(TypeError):
        part[0] = 1


def test_an_empty_file_has_an_empty_view(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert MappedFile.of(tmp_path / "empty", hashed=True).view(verified=True).nbytes == 0


def test_it_is_found_from_wherever_the_worker_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_bytes(b"1")
    monkeypatch.chdir(tmp_path)
    assert MappedFile.of("x").path == str(tmp_path / "x")


def shorten(path: Path) -> None:
    path.write_bytes(b"1")


def make_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


GONE: list[tuple[Callable[[Path], Any], type[Exception], str]] = [
    (shorten, BadArgumentsError, "has 1 bytes, and had 2"),
    (Path.unlink, NotFoundError, "there is no file"),
    (make_pipe, BadArgumentsError, "is no file"),
    (make_folder, UnavailableError, "cannot be opened"),
]


@pytest.mark.parametrize(("change", "error", "reason"), GONE)
def test_what_is_not_the_file_any_more_is_said_to_be_none(
    tmp_path: Path, change: Callable[[Path], Any], error: type[Exception], reason: str
) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"12")
    file = MappedFile.of(path)
    change(path)
    with pytest.raises(error, match=reason):
        file.view()


def test_what_nobody_has_hashed_is_not_verified(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"1")
    with pytest.raises(BadArgumentsError, match="hashed=True"):
        MappedFile.of(tmp_path / "x").view(verified=True)


def test_a_name_that_no_system_takes_is_a_typed_error() -> None:
    with pytest.raises(UnavailableError):
        MappedFile("a\0b", 1).view()
