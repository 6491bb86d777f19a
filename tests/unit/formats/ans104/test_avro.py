"""Tag blocks: the one spelling, and the bounds."""

from __future__ import annotations

import pytest

from seriatim.formats.ans104.avro import Tag, decode_tags, encode_tags
from seriatim.formats.errors import LimitExceededError, MalformedError
from tests.support.strategies import naive_block, naive_records, zigzag

PAIR = (b"a", b"b")
LARGEST = [(b"n" * 1024, b"v" * 3072)]


def refusal(block: bytes, count: int) -> MalformedError:
    with pytest.raises(MalformedError) as caught:
        decode_tags(block, count)
    return caught.value


def limit(block: bytes, count: int) -> tuple[str, int, int]:
    with pytest.raises(LimitExceededError) as caught:
        decode_tags(block, count)
    return caught.value.limit, caught.value.given, caught.value.maximum


def test_the_documented_example_has_its_bytes() -> None:
    tags = (Tag(b"a", b"b"), Tag(b"type", b"Message"))
    block = bytes.fromhex("040261026208747970650e4d65737361676500")
    assert encode_tags(tags) == block
    assert decode_tags(block, 2) == tags


def test_no_tags_are_no_bytes() -> None:
    assert encode_tags([]) == b""
    assert decode_tags(b"", 0) == ()


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 127, 128, 1023, 1024])
def test_names_and_values_of_every_length_of_length_come_back(size: int) -> None:
    tags = (Tag(b"n" * size, b"v" * size), Tag(b"", b"x"), Tag(b"x", b""))
    block = encode_tags(tags)
    assert block == naive_block(list(tags))
    assert decode_tags(block, 3) == tags


@pytest.mark.parametrize("count", [1, 63, 64, 127, 128])
def test_counts_on_both_sides_of_a_longer_varint_come_back(count: int) -> None:
    tags = tuple(Tag(b"%d" % number, b"") for number in range(count))
    assert decode_tags(encode_tags(tags), count) == tags


def test_bytes_that_are_not_text_are_kept() -> None:
    tags = (Tag(b"\xff\x00", b"\xc3\x28"),)
    assert decode_tags(encode_tags(tags), 1) == tags


@pytest.mark.parametrize(
    ("block", "count", "offset"),
    [
        pytest.param(b"\x00", 0, 0, id="no tags as an empty array"),
        pytest.param(b"\x00\x00", 0, 0, id="two ends and no tags"),
        pytest.param(b"\x02" + naive_records([PAIR]), 1, 5, id="no end"),
        pytest.param(naive_block([PAIR]) + b"\0", 1, 6, id="a byte after the end"),
        pytest.param(
            b"\x02" + naive_records([PAIR]) + b"\x02" + naive_records([PAIR]) + b"\0",
            2,
            5,
            id="two blocks",
        ),
        pytest.param(
            zigzag(-1) + zigzag(4) + naive_records([PAIR]) + b"\0", 1, 0, id="a sized block"
        ),
        pytest.param(b"\x82\x00" + naive_records([PAIR]) + b"\0", 1, 0, id="a padded count"),
        pytest.param(b"\x02\x82\x00a\x02b\0", 1, 1, id="a padded name length"),
        pytest.param(b"\x02\x02a\x82\x00b\0", 1, 3, id="a padded value length"),
        pytest.param(b"\x02\x82\x80\x00a\x02b\0", 1, 1, id="a length padded by two"),
        pytest.param(b"\x02" + zigzag(-1) + b"\x02b\0", 1, 1, id="a negative name length"),
        pytest.param(b"\x02\x02a" + zigzag(-2) + b"\0", 1, 3, id="a negative value length"),
        pytest.param(b"\x02\x02a" + zigzag(-64) + b"\0", 1, 3, id="a long negative length"),
        pytest.param(b"\x02" + zigzag(2**30) + b"a\x02b\0", 1, 1, id="a huge name length"),
        pytest.param(b"\x02\x02a" + zigzag(2**62) + b"b\0", 1, 3, id="a huge value length"),
        pytest.param(zigzag(2**62) + naive_records([PAIR]) + b"\0", 1, 0, id="a huge count"),
        pytest.param(b"\x02\x7ea\x02b\0", 1, 6, id="a name past the end"),
        pytest.param(b"\x02\x02a\x7eb\0", 1, 6, id="a value past the end"),
        pytest.param(b"\x02\x02a\x04b\0", 1, 6, id="a value over the end"),
        pytest.param(b"\x02\x02a\x80", 1, 4, id="cut inside a length"),
        pytest.param(b"\x02\x02a\x80\x40b\0", 1, 7, id="a long value past the end"),
        pytest.param(b"\x04" + naive_records([PAIR]) + b"\0", 2, 6, id="fewer tags than counted"),
        pytest.param(b"\x02" + naive_records([PAIR, PAIR]) + b"\0", 1, 5, id="more than counted"),
    ],
)
def test_any_other_spelling_is_refused_where_it_goes_wrong(
    block: bytes, count: int, offset: int
) -> None:
    error = refusal(block, count)
    assert (error.code, error.offset) == ("non_canonical_tags", offset)


@pytest.mark.parametrize(
    ("pairs", "count"), [([PAIR], 0), ([PAIR], 2), ([PAIR, PAIR], 1), ([], 1), ([], 128)]
)
def test_another_number_of_tags_than_the_item_says_is_refused(
    pairs: list[tuple[bytes, bytes]], count: int
) -> None:
    assert refusal(naive_block(pairs), count).code == "tag_count_mismatch"


def test_the_bounds_themselves_are_allowed() -> None:
    name, value = Tag(b"n" * 1024, b""), Tag(b"", b"v" * 3064)
    block = naive_block([name, value])
    assert len(block) == 4096
    assert decode_tags(block, 2) == (name, value)
    assert encode_tags([name, value]) == block
    alone = (Tag(b"", b"v" * 3072),)
    assert decode_tags(encode_tags(alone), 1) == alone


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([PAIR] * 129, ("tags", 129, 128)),
        ([(b"n" * 1025, b"")], ("tag name", 1025, 1024)),
        ([(b"", b"v" * 3073)], ("tag value", 3073, 3072)),
        ([(b"n" * 1024, b""), (b"", b"v" * 3065)], ("tag block", 4097, 4096)),
        (LARGEST, ("tag block", 4102, 4096)),
    ],
)
def test_one_more_than_a_bound_is_refused_both_ways(
    pairs: list[tuple[bytes, bytes]], expected: tuple[str, int, int]
) -> None:
    assert limit(naive_block(pairs), len(pairs)) == expected
    with pytest.raises(LimitExceededError) as caught:
        encode_tags([Tag(*pair) for pair in pairs])
    assert (caught.value.limit, caught.value.given, caught.value.maximum) == expected


def test_a_block_that_counts_too_many_is_refused_whatever_the_item_says() -> None:
    assert limit(naive_block([(b"", b"")] * 129), 1) == ("tags", 129, 128)
