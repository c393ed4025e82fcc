"""Event streams: one token cannot take its regency's places, one regency not those of all."""

import pytest

from gerai.chassis.stream_places import FEW, Limits, NoPlace, Places, Viewer

LIMITS = Limits(all=100, of_regency=60, of_caller=40)


def viewer(tenant: str, subject: str = "panel") -> Viewer:
    return Viewer(tenant=tenant, subject=subject)


def taken(places: Places, one: Viewer, most: int = 1_000) -> int:
    """How many places it gets."""
    for number in range(most):
        try:
            places.take(one)
        except NoPlace:
            return number
    return most


def test_one_token_gets_so_many_and_others_of_its_regency_the_rest() -> None:
    places = Places("display", LIMITS)
    assert taken(places, viewer("buton")) == 40
    assert taken(places, viewer("buton", "panel-2")) == 20
    assert taken(places, viewer("muna")) == 20, "the rest of what is open to regencies that have many"


def test_a_small_regency_finds_a_place_though_others_take_all_they_get() -> None:
    places = Places("display", LIMITS)
    for tenant in ("buton", "muna"):
        for subject in ("panel-1", "panel-2"):
            taken(places, viewer(tenant, subject))
    assert taken(places, viewer("kolaka"), most=FEW) == FEW


def test_whose_limit_is_reached_is_said() -> None:
    places = Places("display", LIMITS)
    for tenant, subject, limit in (
        ("buton", "panel-1", "caller"),
        ("buton", "panel-2", "regency"),
        ("muna", "panel-1", "process"),
    ):
        taken(places, viewer(tenant, subject))
        with pytest.raises(NoPlace) as refused:
            places.take(viewer(tenant, subject))
        assert refused.value.limit == limit


def test_a_place_that_is_given_back_can_be_taken_again_and_nothing_of_the_viewer_is_kept() -> None:
    places = Places("display", LIMITS)
    for round in range(3):
        one = viewer("buton", f"panel-{round}")
        assert taken(places, one) == 40
        for _ in range(40):
            places.give_back(one)
    assert not places._taken
