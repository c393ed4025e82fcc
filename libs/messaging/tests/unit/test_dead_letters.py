"""A dead letter holds the poison as it was, whatever that is."""

from gerai.messaging.dead_letters import dead_letter
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
