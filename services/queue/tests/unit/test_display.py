"""What hangs on a panel, and what leaves it."""

import pytest
from queue_builders import MORNING, RULES, TODAY, called, catalogue, minutes, ticket

from gerai.contracts import queue as said
from gerai.messaging.refusal import Refusal
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.display import TYPES, DisplayKind, shown
from gerai.queue.domain.ticket import Ticket

EVENING = MORNING + minutes(450)


def change(one: Ticket):
    place = shown(one.recorded[-1].event, catalogue(), at=EVENING)
    return place[1] if place is not None else None


def test_a_called_ticket_that_expires_leaves_its_desk():
    one = called()
    one.expire(at=EVENING, actor="timer:end-of-day")
    left = change(one)
    assert left is not None
    assert (left.kind, left.number, left.desk) == (DisplayKind.LEFT, "A-001", "Loket 1")
    assert left.announcement is None
    assert said.TicketExpired.type in TYPES, "the feed asks for it"


def test_a_ticket_that_expires_in_the_line_was_on_no_panel():
    waiting, held = ticket(), called()
    held.hold(at=EVENING, actor="officer")
    for one in (waiting, held):
        one.expire(at=EVENING, actor="timer:end-of-day")
        assert change(one) is None


def test_a_number_of_another_day_is_shown_and_announced_with_its_date():
    """Somebody may hold the same number of today."""
    one = called()
    today = change(one)
    assert (today.local_day, "tanggal" in today.announcement) == (None, False)
    one.start(at=EVENING, actor="officer")
    one.await_pickup(at=EVENING, actor="officer")
    tomorrow = MORNING + minutes(24 * 60)
    one.resume(desk="loket-2", at=tomorrow, actor="officer")
    event = one.recorded[-1].event
    _, then = shown(event, catalogue(), at=tomorrow)
    assert then.local_day == TODAY
    assert "A nol nol satu, tanggal dua puluh empat November," in then.announcement
    _, unknown = shown(event, Catalogue(), at=tomorrow)
    assert unknown.local_day is None, "a site that is not known has no day"


def test_a_pickup_does_not_expire():
    one = called()
    one.start(at=EVENING, actor="officer")
    one.await_pickup(at=EVENING, actor="officer")
    with pytest.raises(Refusal) as refused:
        one.expire(at=EVENING, actor="timer:end-of-day")
    assert refused.value.code == "wrong_state"
    one.resume(desk="loket-2", at=EVENING + minutes(900), actor="officer")
    assert change(one).kind is DisplayKind.CALLED
    one.mark_missed(rules=RULES, at=EVENING + minutes(910), actor="officer")
    left = change(one)
    assert (left.kind, left.desk) == (DisplayKind.LEFT, "Loket 2")
