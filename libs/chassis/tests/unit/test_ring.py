"""The latest frames of a stream: resuming, falling out, and what was read back."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gerai.chassis.audience import Listener
from gerai.chassis.ring import Frame, Ring

MORNING = datetime(2026, 11, 24, 1, tzinfo=UTC)


def frame(number: int, *, read_back: bool = False, made: float | None = None, zone: str = "main") -> Frame:
    at = MORNING + timedelta(seconds=number if made is None else made)
    return Frame(f"e{number}", zone, f"<{number}>".encode(), at, read_back)


def ring(*numbers: int, size: int = 5, read_back: bool = False) -> Ring:
    found = Ring(size)
    for number in numbers:
        found.add(frame(number, read_back=read_back))
    return found


def ids(frames: list[Frame] | None) -> list[str] | None:
    return [one.id for one in frames] if frames is not None else None


def test_goes_on_after_the_event_that_was_seen_last():
    assert ids(ring(1, 2, 3).resume("e1")) == ["e2", "e3"]
    assert ids(ring(1, 2, 3).resume("e3")) == []


def test_does_not_know_what_fell_out_or_never_was():
    full = ring(1, 2, 3, 4, 5, 6)
    assert full.resume("e1") is None
    assert full.resume("nonsense") is None
    assert ids(full.resume("e2")) == ["e3", "e4", "e5", "e6"]


def test_after_a_restart_what_was_made_about_then_comes_again_rather_than_never():
    """Read back in the order of making; another replica may have seen e3 before e2."""
    restarted = Ring(9)
    for number, made in ((1, 0.0), (2, 9.6), (3, 10.0), (4, 10.1)):
        restarted.add(frame(number, made=made, read_back=True))
    assert ids(restarted.resume("e3")) == ["e2", "e4"]


def test_a_display_of_one_zone_hears_only_that():
    found = Ring(5)
    listener = Listener(found, "north")
    found.add(frame(1, zone="south"))
    found.add(frame(2, zone="north"))
    assert listener.take() == b"<2>"


def test_a_display_that_reads_too_slowly_begins_again():
    found = ring(1)
    listener = Listener(found, None)
    for number in range(2, 9):
        found.add(frame(number))
    assert listener.take() is None
    assert listener.skip() == "e8"
    assert listener.take() == b""


def test_after_a_hole_everybody_begins_again_also_who_had_heard_everything():
    found = ring(1, 2)
    behind, up_to_date = Listener(found, None), Listener(found, None)
    behind.place = 0
    found.empty()
    assert behind.take() is None
    assert up_to_date.take() is None
    assert (found.resume("e2"), found.newest_id) == (None, None)
    up_to_date.skip()
    found.add(frame(3))
    assert up_to_date.take() == b"<3>"
    assert ids(found.resume("e3")) == []


@given(steps=st.lists(st.sampled_from(["add", "take"]), max_size=60))
def test_a_listener_gets_everything_once_and_in_order_unless_told_that_it_lost_some(steps):
    found, number, heard, lost = Ring(4), 0, b"", False
    listener = Listener(found, None)
    for step in [*steps, "take"]:
        if step == "add":
            number += 1
            found.add(frame(number))
            continue
        taken = listener.take()
        if taken is None:
            lost = True
            listener.skip()
            heard = b""
        else:
            heard += taken
    expected = b"".join(f"<{n}>".encode() for n in range(1, number + 1))
    assert expected.endswith(heard) if lost else heard == expected


def test_whoever_comes_back_to_a_full_ring_misses_nothing() -> None:
    full = ring(*range(12))
    for last in range(7, 12):
        assert ids(full.resume(f"e{last}")) == [f"e{number}" for number in range(last + 1, 12)]
    assert full.resume("e6") is None
