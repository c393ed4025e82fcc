"""Who comes when, and how they behave: drawn from a seed, so that the same seed gives the same day."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

# Arrivals per half hour from opening, as shares of a day: people come in the morning, fewer after lunch.
DAY_SHAPE = (14, 16, 13, 11, 9, 7, 4, 3, 5, 6, 5, 4, 2, 1)


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A service that visitors can come for."""

    service_id: str
    counter_id: str


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
    gives_up: bool
    held: timedelta | None
    transferred_to: str | None
    returned_once: bool


def draw_day(*, seed: int, visitors: int, opens: datetime, offers: Sequence[Offer]) -> list[Visitor]:
    """`visitors` people in order of arrival. Load is very uneven between counters, as it is in real malls."""
    chance = random.Random(seed)
    offers = sorted(offers, key=lambda offer: offer.service_id)
    counters = sorted({offer.counter_id for offer in offers})
    popularity = {counter: chance.paretovariate(1.3) for counter in counters}
    weights = [popularity[offer.counter_id] * chance.uniform(0.4, 1.6) for offer in offers]
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
        misses_calls=9 if behaves < 0.05 else 1 if behaves < 0.13 else 0,
        gives_up=0.13 <= behaves < 0.15,
        held=timedelta(minutes=chance.uniform(5, 15)) if 0.15 <= behaves < 0.20 else None,
        transferred_to=elsewhere.service_id if 0.20 <= behaves < 0.26 else None,
        returned_once=0.26 <= behaves < 0.28,
    )
