"""The figures come from events alone."""

from demo.scoreboard import Scoreboard, percentile
from demo.tests.telling import Teller

from gerai.contracts import queue
from gerai.contracts.queue import TicketState as State

SERVED = {"walk_seconds": 30.0, "hold_seconds": 0.0}


def called(wait: float, call: int = 1) -> dict[str, object]:
    return {"call": call, "wait_seconds": wait, "line_sequence": 1, "desk_id": "samsat-loket-1"}


def test_a_ticket_is_counted_where_it_is_now():
    board, say = Scoreboard(["samsat", "bri"]), Teller()
    board.take(say.tell(queue.TicketIssued, State.WAITING))
    assert board.tallies["samsat"].states[State.WAITING] == 1
    board.take(say.tell(queue.TicketCalled, State.CALLED, **called(120.0)))
    board.take(say.tell(queue.TicketServingStarted, State.SERVING, walk_seconds=30.0))
    assert board.tallies["samsat"].states[State.WAITING] == 0
    assert board.tallies["samsat"].at_desks == 1
    assert board.tallies["samsat"].latest == "A-001 → samsat-loket-1"
    board.take(
        say.tell(queue.TicketServed, State.SERVED, wait_seconds=120.0, service_seconds=300.0, **SERVED)
    )
    assert board.total(State.SERVED) == 1
    assert board.still_open == 0
    assert board.tallies["samsat"].served_seconds == 300.0


def test_a_transfer_moves_the_ticket_and_leaves_the_time_where_it_was_spent():
    board, say = Scoreboard(["samsat", "bri"]), Teller()
    board.take(say.tell(queue.TicketIssued, State.WAITING))
    board.take(say.tell(queue.TicketCalled, State.CALLED, **called(60.0)))
    sent = say.tell(
        queue.TicketTransferred,
        State.WAITING,
        counter="bri",
        from_counter_id="samsat",
        from_service_id="samsat-info",
        wait_seconds=60.0,
        service_seconds=200.0,
    )
    board.take(sent)
    assert board.tallies["samsat"].passed_on == 1
    assert board.tallies["samsat"].served_seconds == 200.0
    assert board.tallies["bri"].states[State.WAITING] == 1
    assert board.tallies["bri"].issued == 0
    assert board.issued == 1


def test_a_second_call_of_the_same_leg_is_no_second_wait():
    board, say = Scoreboard(["samsat"]), Teller()
    board.take(say.tell(queue.TicketIssued, State.WAITING))
    board.take(say.tell(queue.TicketCalled, State.CALLED, **called(60.0)))
    board.take(say.tell(queue.TicketCalled, State.CALLED, **called(400.0, call=2)))
    assert board.waits == [60.0]


def test_who_missed_the_call_and_came_back_is_no_longer_a_no_show():
    board, say = Scoreboard(["samsat"]), Teller()
    board.take(say.tell(queue.TicketIssued, State.WAITING))
    board.take(say.tell(queue.TicketMissed, State.NO_SHOW, calls=3))
    assert board.total(State.NO_SHOW) == 1 and board.all_over.is_set()
    board.take(say.tell(queue.TicketReinstated, State.WAITING))
    assert board.total(State.NO_SHOW) == 0 and not board.all_over.is_set()


def test_the_ninetieth_percentile_is_a_wait_that_somebody_had():
    assert percentile([], 0.9) is None
    assert percentile([5.0], 0.9) == 5.0
    assert percentile([float(n) for n in range(1, 11)], 0.9) == 9.0
