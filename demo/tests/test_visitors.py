"""The drawn day: the same for the same seed, uneven, and within opening hours."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from demo.mall import read_mall
from demo.visitors import MOST_POPULAR, draw_day

from local.seed import FILE

OPENS = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)
OFFERS = read_mall(FILE).offers


def test_the_same_seed_gives_the_same_day():
    first = draw_day(seed=7, visitors=300, opens=OPENS, offers=OFFERS)
    again = draw_day(seed=7, visitors=300, opens=OPENS, offers=tuple(reversed(OFFERS)))
    assert first == again


def test_another_seed_gives_another_day():
    assert draw_day(seed=7, visitors=50, opens=OPENS, offers=OFFERS) != draw_day(
        seed=8, visitors=50, opens=OPENS, offers=OFFERS
    )


def test_another_date_moves_the_day_and_changes_nothing_else():
    later = timedelta(days=7)
    first = draw_day(seed=7, visitors=50, opens=OPENS, offers=OFFERS)
    moved = draw_day(seed=7, visitors=50, opens=OPENS + later, offers=OFFERS)
    assert [one.arrives + later for one in first] == [one.arrives for one in moved]
    assert [one.service_id for one in first] == [one.service_id for one in moved]


def test_people_come_in_order_within_seven_hours_most_of_them_before_noon():
    day = draw_day(seed=7, visitors=600, opens=OPENS, offers=OFFERS)
    arrivals = [one.arrives for one in day]
    assert arrivals == sorted(arrivals)
    assert arrivals[0] >= OPENS and arrivals[-1] < OPENS + timedelta(hours=7)
    assert sum(one < OPENS + timedelta(hours=4) for one in arrivals) > 400


def test_load_is_uneven_between_counters_but_nobody_gets_it_all():
    day = draw_day(seed=7, visitors=600, opens=OPENS, offers=OFFERS)
    visits = Counter(one.counter_id for one in day)
    assert max(visits.values()) > 4 * (600 / 29)
    assert len(visits) > 20
    assert MOST_POPULAR > 1


def test_a_day_has_everything_that_is_to_be_shown():
    day = draw_day(seed=1, visitors=450, opens=OPENS, offers=OFFERS)
    counters = {offer.service_id: offer.counter_id for offer in OFFERS}
    assert any(one.misses_calls == 1 for one in day)
    assert any(one.misses_calls > 3 and not one.comes_late for one in day)
    assert any(one.misses_calls > 3 and one.comes_late for one in day)
    assert any(one.gives_up for one in day) and any(one.returned_once for one in day)
    assert any(one.held and one.comes_back for one in day)
    assert any(one.held and not one.comes_back for one in day)
    sent_on = [one for one in day if one.transferred_to is not None]
    assert sent_on and all(counters[one.transferred_to] != one.counter_id for one in sent_on)
