"""Who comes when, and how they behave: drawn from a seed, so that the same seed gives the same day."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

# Arrivals per half hour from opening, as shares of a day: people come in the morning, fewer after lunch.
DAY_SHAPE = (14, 16, 13, 11, 9, 7, 4, 3, 5, 6, 5, 4, 2, 1)
MOST_POPULAR = 12.0
"""Times as many visitors as the least popular counter has, per desk."""


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A service that visitors can come for."""

    service_id: str
    counter_id: str
    desks: int
    """How many desks serve it; more of them draw more people."""


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """One person's day: what for, when, and how it goes. Durations are business time."""

    number: int
    service_id: str
    counter_id: str
    arrives: datetime
    priority: bool
    walks: timedelta
    serves: timedelta
    misses_calls: int
    """Calls that this visitor does not hear; 3 or more: never comes."""
    comes_late: bool
    """Comes after all calls were missed, in time to get the place back."""
    gives_up: timedelta | None
    """Waits no longer than this, then cancels on the own page."""
    held: timedelta | None
    """Is put aside for so long, to fetch a paper."""
    comes_back: bool
    """False: does not return from a hold; the end of the day ends the ticket."""
    transferred_to: str | None
    returned_once: bool
    """Asks at the call to be called again later."""


def draw_day(*, seed: int, visitors: int, opens: datetime, offers: Sequence[Offer]) -> list[Visitor]:
    """`visitors` people in order of arrival. Load is very uneven between counters, as it is in real malls."""
    chance = random.Random(seed)
    offers = sorted(offers, key=lambda offer: offer.service_id)
    counters = sorted({offer.counter_id for offer in offers})
    popularity = {counter: min(chance.paretovariate(1.3), MOST_POPULAR) for counter in counters}
    weights = [popularity[offer.counter_id] * offer.desks * chance.uniform(0.4, 1.6) for offer in offers]
    arrivals = sorted(_arrival(chance, opens) for _ in range(visitors))
    day: list[Visitor] = []
    for number, arrives in enumerate(arrivals, start=1):
        (offer,) = chance.choices(offers, weights)
        day.append(_visitor(chance, number, arrives, offer, offers))
    return day


def _arrival(chance: random.Random, opens: datetime) -> datetime:
    (half_hour,) = chance.choices(range(len(DAY_SHAPE)), DAY_SHAPE)
    return opens + timedelta(minutes=30 * half_hour + chance.uniform(0, 30))


def _visitor(
    chance: random.Random, number: int, arrives: datetime, offer: Offer, offers: Sequence[Offer]
) -> Visitor:
    behaves = chance.random()
    elsewhere = chance.choice([one for one in offers if one.counter_id != offer.counter_id])
    return Visitor(
        number=number,
        service_id=offer.service_id,
        counter_id=offer.counter_id,
        arrives=arrives,
        priority=chance.random() < 0.09,
        walks=timedelta(seconds=chance.uniform(20, 90)),
        serves=timedelta(minutes=min(chance.lognormvariate(2.0, 0.5), 35)),
        misses_calls=9 if behaves < 0.06 else 1 if behaves < 0.13 else 0,
        comes_late=behaves < 0.015,
        gives_up=timedelta(minutes=chance.uniform(1, 6)) if 0.13 <= behaves < 0.18 else None,
        held=timedelta(minutes=chance.uniform(5, 15)) if 0.18 <= behaves < 0.23 else None,
        comes_back=behaves >= 0.19,
        transferred_to=elsewhere.service_id if 0.23 <= behaves < 0.29 else None,
        returned_once=0.29 <= behaves < 0.31,
    )
