"""What may be stated: hours that make sense, text that can be printed, zones that exist."""

from typing import Any

import pytest
from pydantic import ValidationError
from registry_builders import INSTITUTION, SERVICE, SITE, STANDARD

from gerai.registry.domain.calendar import CalendarFacts
from gerai.registry.domain.institution import InstitutionFacts
from gerai.registry.domain.service import ServiceFacts
from gerai.registry.domain.site import SiteFacts


def problem(facts: type, stated: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as refused:
        facts.model_validate(stated)
    [error] = refused.value.errors()
    return error["type"]


def day(weekday: int, *intervals: tuple[str, str]) -> dict[str, Any]:
    return {"weekday": weekday, "intervals": [{"opens": o, "closes": c} for o, c in intervals]}


def period(starts: str, ends: str | None = None, **stated: Any) -> dict[str, Any]:
    return {
        "starts": starts,
        "ends": ends,
        "week": [day(0, ("08:00", "14:00"))],
        "reason": "Ramadan",
    } | stated


class TestText:
    @pytest.mark.parametrize("name", ["MPP\x00", "MPP \u202eaban", "MPP\u200b", "\ud800"])
    def test_a_name_with_something_hidden_is_refused(self, name: str) -> None:
        assert problem(SiteFacts, SITE | {"name": name}) in {"hidden_character", "string_unicode"}

    def test_a_name_is_on_one_line(self) -> None:
        assert problem(SiteFacts, SITE | {"name": "MPP\nMuna"}) == "line_break"

    def test_a_name_of_blanks_is_no_name(self) -> None:
        assert problem(SiteFacts, SITE | {"name": "   "}) == "string_too_short"

    @pytest.mark.parametrize("zone", ["Asia/Raha", "../../etc/passwd", "WITA"])
    def test_a_zone_is_one_of_the_iana_list(self, zone: str) -> None:
        assert problem(SiteFacts, SITE | {"zone": zone}) == "unknown_zone"

    def test_an_unknown_field_is_refused(self) -> None:
        assert problem(SiteFacts, SITE | {"colour": "red"}) == "extra_forbidden"


class TestHours:
    @pytest.mark.parametrize(
        ("stated", "code"),
        [
            ({"week": [day(0, ("15:00", "08:00"))]}, "closes_before_opening"),
            ({"week": [day(0, ("08:00", "12:00"), ("11:00", "15:00"))]}, "hours_overlap"),
            ({"week": [day(0, ("08:00", "12:00")), day(0)]}, "weekday_repeated"),
            ({"week": [day(7)]}, "less_than_equal"),
            ({"week": [day(0, ("8:00", "12:00"))]}, "string_pattern_mismatch"),
            (
                {"breaks": [{"label": "x", "weekdays": [4], "starts": "13:00", "ends": "11:30"}]},
                "ends_before_start",
            ),
            (
                {"holidays": [{"date": "2026-08-17", "name": "a"}, {"date": "2026-08-17", "name": "b"}]},
                "date_repeated",
            ),
            ({"cutoff_minutes": -1}, "greater_than_equal"),
            ({"periods": [period("2027-03-09", "2027-02-08")]}, "period_ends_before_start"),
            ({"periods": [period("2027-02-08"), period("2027-02-08")]}, "date_repeated"),
            ({"periods": [period("2027-02-08", week=[day(0), day(0)])]}, "weekday_repeated"),
        ],
    )
    def test_hours_that_make_no_sense_are_refused(self, stated: dict[str, Any], code: str) -> None:
        assert problem(CalendarFacts, stated) == code

    def test_the_order_of_hours_does_not_matter(self) -> None:
        one = CalendarFacts.model_validate({"week": [day(1), day(0, ("13:00", "15:00"), ("08:00", "12:00"))]})
        other = CalendarFacts.model_validate(
            {"week": [day(0, ("08:00", "12:00"), ("13:00", "15:00")), day(1)]}
        )
        assert one == other

    def test_periods_may_have_dates_in_common_and_stand_in_the_order_in_which_they_start(self) -> None:
        ramadan, six_days = period("2027-02-08", "2027-03-09"), period("2027-01-04")
        found = CalendarFacts.model_validate({"periods": [ramadan, six_days]})
        assert [one.starts.isoformat() for one in found.periods] == ["2027-01-04", "2027-02-08"]


class TestStandards:
    @pytest.mark.parametrize("component", list(STANDARD))
    def test_all_six_components_are_required(self, component: str) -> None:
        standard = {name: value for name, value in STANDARD.items() if name != component}
        assert problem(ServiceFacts, SERVICE | {"standard": standard}) == "missing"

    def test_an_institution_is_of_one_of_the_seven_kinds(self) -> None:
        kinds = [
            "ministry",
            "agency",
            "province",
            "regency",
            "state_enterprise",
            "regional_enterprise",
            "private",
        ]
        for kind in kinds:
            assert InstitutionFacts.model_validate(INSTITUTION | {"kind": kind}).kind == kind
        assert problem(InstitutionFacts, INSTITUTION | {"kind": "village"}) == "enum"

    def test_an_agreement_does_not_end_before_it_starts(self) -> None:
        agreement = {"number": "PKS/01", "starts": "2026-01-02", "ends": "2026-01-01"}
        assert problem(InstitutionFacts, INSTITUTION | {"agreement": agreement}) == (
            "agreement_ends_before_start"
        )
