"""The order of service: by flow and weight, and what is promised to each flow whatever the others do."""

from collections import defaultdict
from dataclasses import dataclass
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gerai.messaging.fair_queue import HEAVIEST, QUANTUM, FairQueue, QueueFull

ROOM = 64
FLOWS = st.sampled_from(["a", "b", "c", "d"])
WEIGHTS = st.one_of(st.just(1), st.integers(1, 2 * ROOM))
PUTS = st.lists(st.tuples(FLOWS, WEIGHTS), max_size=80)
STEPS = st.lists(st.one_of(st.tuples(FLOWS, WEIGHTS), st.integers(1, ROOM)), max_size=120)
"""Something comes, or so much room is given."""
CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""How long an example takes says something of the machine, and nothing of the queue."""


@dataclass(frozen=True)
class Item:
    flow: str
    weight: int = 1
    number: int = 0


def queue(limit: int = 1_000, flow_limit: int = 1_000) -> FairQueue[Item]:
    return FairQueue(limit=limit, flow_limit=flow_limit)


def filled(puts: list[tuple[str, int]]) -> FairQueue[Item]:
    made = queue()
    for number, (flow, weight) in enumerate(puts):
        made.put(Item(flow, weight, number))
    return made


def drained(made: FairQueue[Item]) -> list[list[Item]]:
    """Group after group, until nothing waits."""
    groups = []
    while len(made):
        groups.append(made.take(ROOM))
        assert groups[-1], "while anything waits, somebody is served"
    return groups


class TestWhateverComes:
    @given(STEPS)
    @CALM
    def test_each_flow_is_served_in_the_order_of_its_coming_and_nothing_is_lost(self, steps) -> None:
        made, numbers = queue(), count()
        came, served = defaultdict(list), defaultdict(list)
        for step in steps:
            if isinstance(step, int):
                for item in made.take(step):
                    served[item.flow].append(item)
            else:
                item = Item(*step, next(numbers))
                came[item.flow].append(item)
                made.put(item)
        for group in drained(made):
            for item in group:
                served[item.flow].append(item)
        assert served == came

    @given(PUTS)
    @CALM
    def test_a_group_fits_its_room_or_is_one_item_alone(self, puts) -> None:
        for group in drained(filled(puts)):
            assert sum(item.weight for item in group) <= ROOM or len(group) == 1

    @given(PUTS, st.integers(1, ROOM))
    @CALM
    def test_nobody_joins_a_group_that_has_no_room_for_them(self, puts, room: int) -> None:
        assert sum(item.weight for item in filled(puts).take(room, is_empty=False)) <= room

    @given(PUTS)
    @CALM
    def test_who_has_just_come_waits_for_one_turn_of_each_other_flow(self, puts) -> None:
        made = filled(puts)
        made.put(Item("newcomer"))
        before = defaultdict(int)
        for item in (one for group in drained(made) for one in group):
            if item.flow == "newcomer":
                break
            before[item.flow] += item.weight
        for flow, weight in before.items():
            heaviest = max(one for other, one in puts if other == flow)
            assert weight <= heaviest + QUANTUM

    @given(st.lists(WEIGHTS, min_size=40, max_size=40), st.lists(WEIGHTS, min_size=40, max_size=40))
    @CALM
    def test_two_flows_that_always_want_something_get_the_same_weight(self, ones, others) -> None:
        made = filled([*(("a", one) for one in ones), *(("b", other) for other in others)])
        got = {"a": 0, "b": 0}
        left = {"a": len(ones), "b": len(others)}
        for item in (one for group in drained(made) for one in group):
            got[item.flow] += item.weight
            left[item.flow] -= 1
            if not left[item.flow]:
                break
            assert abs(got["a"] - got["b"]) <= 2 * (2 * ROOM + QUANTUM)


class TestPlaces:
    def test_a_flow_that_has_used_up_its_places_is_refused_and_others_are_not(self) -> None:
        made = queue(limit=10, flow_limit=3)
        for _ in range(3):
            made.put(Item("a"))
        with pytest.raises(QueueFull):
            made.put(Item("a"))
        assert made.put(Item("b")) is None

    def test_where_no_place_is_left_the_longest_flow_gives_up_its_newest(self) -> None:
        made = queue(limit=4)
        for number in range(4):
            made.put(Item("a", number=number))
        assert made.put(Item("b")) == Item("a", number=3)
        assert made.put(Item("b")) == Item("a", number=2)
        with pytest.raises(QueueFull):
            made.put(Item("a"))
        assert [item.flow for item in made.take(ROOM)].count("b") == 2

    def test_many_flows_with_one_each_keep_their_places(self) -> None:
        made = filled([(f"flow-{number}", 1) for number in range(1_000)])
        with pytest.raises(QueueFull):
            made.put(Item("one more"))
        assert len(made) == 1_000

    def test_what_was_put_back_is_the_next_of_its_flow(self) -> None:
        made = filled([("a", 1), ("b", 1), ("a", 1), ("b", 1), ("a", 1)])
        taken = made.take(ROOM)
        made.put_back(taken[1:])
        again = made.take(ROOM)
        assert sorted([taken[0], *again], key=lambda item: item.number) == sorted(
            taken, key=lambda item: item.number
        )
        for flow in ("a", "b"):
            numbers = [item.number for item in again if item.flow == flow]
            assert numbers == sorted(numbers)

    def test_the_heaviest_counts_only_so_much(self) -> None:
        made = filled([("a", 50 * HEAVIEST), ("b", 1)])
        assert [item.flow for group in drained(made) for item in group] == ["b", "a"]
