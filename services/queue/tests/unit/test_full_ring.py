"""A ring that is full loses its oldest frames and no others."""

from datetime import UTC, datetime

from gerai.queue.adapters.ring import Frame, Ring

NOW = datetime(2026, 11, 24, 1, tzinfo=UTC)


def frame(number: int) -> Frame:
    return Frame(str(number), "zone", f"{number} ".encode(), NOW, False)


def test_whoever_comes_back_to_a_full_ring_misses_nothing() -> None:
    ring = Ring(5)
    for number in range(12):
        ring.add(frame(number))
    for last in range(7, 12):
        following = ring.resume(str(last))
        assert following is not None
        assert [one.id for one in following] == [str(number) for number in range(last + 1, 12)]
    assert ring.resume("6") is None
