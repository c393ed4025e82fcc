"""A dead letter holds the poison as it was, whatever that is."""

import hashlib
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gerai.messaging.dead_letters import KEPT_BYTES, LARGEST_BYTES, TRUNCATED, dead_letter, storable_text
from gerai.messaging.encoding import outbox_document
from gerai.messaging.kafka.publisher import ROW_BYTES
from gerai.messaging.record import Record


def record(*headers: tuple[str, bytes]) -> Record:
    return Record(topic="t", partition=3, offset=7, key=b"k", value=b"\xff", headers=headers)


def buried(*headers: tuple[str, bytes]) -> dict[str, str | bytes]:
    return dict(dead_letter(record(*headers), group="g", reason="not_json", detail="", attempts=1).headers)


def test_bytes_and_headers_are_kept() -> None:
    row = dead_letter(record(("a", b"1")), group="g", reason="not_json", detail="d", attempts=2)
    assert (row.key, row.body, row.headers["a"]) == (b"k", b"\xff", b"1")
    assert (row.headers["dead_reason"], row.headers["dead_attempts"]) == ("not_json", "2")


def test_a_header_that_comes_twice_is_kept_twice() -> None:
    assert [buried(("a", b"1"), ("a", b"2"), ("a", b"3"))[name] for name in ("a", "a#2", "a#3")] == [
        b"1",
        b"2",
        b"3",
    ]


def test_a_name_that_no_document_can_hold_is_written_out() -> None:
    """With a NUL in a name the letter could not be stored, and the worker would fail on it for ever."""
    assert buried(("a\0b", b"1"))["a\\0b"] == b"1"


def test_poison_that_poses_as_a_dead_letter_does_not_hide_the_reason() -> None:
    headers = buried(("dead_reason", b"nothing"))
    assert (headers["dead_reason"], headers["dead_reason#2"]) == ("not_json", b"nothing")


MEGABYTE = 1024 * 1024


@pytest.mark.parametrize(
    "large",
    [
        Record(
            topic="t", partition=3, offset=7, key=b"k", value=bytes(40 * MEGABYTE), headers=(("h", b"1"),)
        ),
        Record(
            topic="t", partition=3, offset=7, key=bytes(20 * MEGABYTE), value=b"v", headers=(("h", b"1"),)
        ),
        Record(
            topic="t",
            partition=3,
            offset=7,
            key=b"k",
            value=b"v",
            headers=(("h", b"1"), ("large", bytes(20 * MEGABYTE))),
        ),
        Record(
            topic="t",
            partition=3,
            offset=7,
            key=bytes(9 * MEGABYTE),
            value=bytes(9 * MEGABYTE),
            headers=(("h", b"1"), *((f"h{n}", bytes(MEGABYTE)) for n in range(9))),
        ),
        Record(topic="t", partition=3, offset=7, key=b"k", value=b"v", headers=(("h", b"1"),) * 200_000),
    ],
    ids=["value", "key", "header", "all", "many headers"],
)
def test_of_what_is_too_large_a_part_is_kept_with_what_it_was(large: Record) -> None:
    begun = time.monotonic()
    row = dead_letter(large, group="g", reason="too_large", detail="", attempts=1)
    assert time.monotonic() - begun < 5
    on_the_wire = len(row.key) + len(row.body) + sum(len(n) + len(v) for n, v in row.headers.items())
    assert on_the_wire < min(LARGEST_BYTES, ROW_BYTES) - 100_000
    assert large.value is not None
    assert large.value.startswith(row.body)
    assert row.headers["h"] == b"1"
    assert row.headers[TRUNCATED] == "yes"
    assert row.headers["dead_value_bytes"] == str(len(large.value))
    assert row.headers["dead_value_sha256"] == hashlib.sha256(large.value).hexdigest()
    assert (row.headers["dead_topic"], row.headers["dead_partition"], row.headers["dead_offset"]) == (
        "t",
        "3",
        "7",
    )


def test_up_to_the_limit_all_is_kept() -> None:
    most = replace(record(("h", b"1")), value=bytes(KEPT_BYTES - 3))
    row = dead_letter(most, group="g", reason="too_large", detail="", attempts=1)
    assert (row.body, TRUNCATED in row.headers) == (most.value, False)
    more = replace(most, value=bytes(KEPT_BYTES))
    assert TRUNCATED in dead_letter(more, group="g", reason="too_large", detail="", attempts=1).headers


def test_a_reason_that_is_no_unicode_text_is_written_out() -> None:
    row = dead_letter(record(), group="g", reason="a\ud800", detail="b\udfff", attempts=1)
    assert (row.headers["dead_reason"], row.headers["dead_detail"]) == ("a\\ud800", "b\\udfff")
    assert storable_text("ya, baik") == "ya, baik"
    assert outbox_document(row, datetime.now(UTC))["headers"] == row.headers


def test_what_stands_at_one_place_later_is_another_record() -> None:
    """After a topic was deleted and made again."""
    one = replace(record(("a", b"1")), timestamp=1)
    others = [
        replace(one, timestamp=2),
        replace(one, value=b"w"),
        replace(one, value=None),
        replace(one, value=b""),
        replace(one, key=b"kk", value=b""),
        replace(one, key=None),
        replace(one, headers=()),
        replace(one, headers=(("a", b"2"),)),
        replace(one, headers=(("a1", b""),)),
        replace(one, offset=8),
    ]
    assert one.identity == replace(one).identity
    assert len({one.identity, *(other.identity for other in others)}) == 1 + len(others)
