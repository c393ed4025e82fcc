"""The permit types of the repository, and every way in which a definition can be wrong."""

from typing import Any

import pytest
from licensing_builders import TYPES

from gerai.licensing.adapters.permit_type_files import UnableToReadDefinition, definition_from, definitions_in
from gerai.licensing.domain.permit_type import Risk
from gerai.licensing.domain.permit_type_check import UnableToUsePermitType, permit_type_from

DEFINITIONS = definitions_in(TYPES)
DOCTOR = DEFINITIONS["sip-dokter.yaml"]


def reasons(**changes: Any) -> set[tuple[str, str]]:
    definition = {name: value for name, value in {**DOCTOR, **changes}.items() if value is not ...}
    with pytest.raises(UnableToUsePermitType) as refused:
        permit_type_from(definition)
    assert all(reason.text("id") and reason.text("en") for reason in refused.value.reasons)
    return {(reason.path, reason.code) for reason in refused.value.reasons}


def stage(code: str, *after: str, **more: Any) -> dict[str, Any]:
    return {
        "code": code,
        "title": {"id": code, "en": code},
        "kind": "verification",
        "institutions": ["dpmptsp"],
        "working_days": 1,
        "after": list(after),
        **more,
    }


class TestTheRepositorysTypes:
    def test_there_are_at_least_ten(self):
        assert len(DEFINITIONS) >= 10

    @pytest.mark.parametrize("name", DEFINITIONS)
    def test_each_can_be_used_and_says_what_is_assumed(self, name: str):
        type = permit_type_from(DEFINITIONS[name])
        assert f"{type.code}.yaml" == name
        assert type.assumed
        assert type.by_declaration or type.terms.working_days >= 1

    def test_all_paths_of_risk_are_there(self):
        assert {permit_type_from(one).risk for one in DEFINITIONS.values()} == {None, *Risk}


class TestADefinitionIsRefused:
    def test_with_all_reasons_at_once(self):
        found = reasons(
            title={"id": "Izin", "en": " "},
            number={"form": "503/{year}"},
            stages=[stage("a", "b"), stage("b", "a", institutions=["nobody"])],
            colour="blue",
            purpose=...,
        )
        assert {
            ("title/en", "translation_missing"),
            ("number/form", "number_without_counter"),
            ("stages", "stages_in_circle"),
            ("stages/1", "nobody_can_act"),
            ("colour", "part_unknown"),
            ("purpose", "part_missing"),
        } <= found

    @pytest.mark.parametrize(
        ("stages", "reason"),
        [
            ([stage("a", working_days=5)], ("time/working_days", "stages_exceed_total")),
            (
                [stage("a", working_days=2), stage("b", "a", working_days=3)],
                ("time/working_days", "stages_exceed_total"),
            ),
            ([stage("a", "a")], ("stages", "stages_in_circle")),
            ([stage("a", "z")], ("stages/0/after", "stage_unknown")),
            ([stage("a"), stage("a")], ("stages", "stage_twice")),
            ([stage("approval")], ("stages", "stage_twice")),
            (
                [stage("a", institutions=["dpmptsp", "dpmptsp"])],
                ("stages/0/institutions", "institution_twice"),
            ),
            ([stage("a", kind="inspection")], ("stages/0", "nobody_can_act")),
            ([stage("a", only_when_asked=True)], ("stages/0", "nobody_asks_for_stage")),
            ([stage("a", title={"id": "A", "en": ""})], ("stages/0/title/en", "translation_missing")),
            ([stage("a", working_days=0)], ("stages/0/working_days", "value_invalid")),
            ([], ("stages", "needed_for_review")),
        ],
    )
    def test_for_its_stages(self, stages: list[Any], reason: tuple[str, str]):
        assert reason in reasons(stages=stages)

    def test_not_for_stages_side_by_side_that_fit(self):
        assert permit_type_from(
            {**DOCTOR, "stages": [stage("a", working_days=4), stage("b", working_days=4)]}
        )

    @pytest.mark.parametrize(
        ("form", "code"),
        [
            ("503/{year}", "number_without_counter"),
            ("503/{counter}/{counter}/{year}", "number_without_counter"),
            ("503/{counter}", "number_repeats_every_year"),
            ("503/{counter}/{office}/{year}", "number_part_unknown"),
            ("503\n{counter}/{year}", "number_sign_not_allowed"),
        ],
    )
    def test_for_its_number(self, form: str, code: str):
        assert ("number/form", code) in reasons(number={"form": form})

    @pytest.mark.parametrize(
        ("field", "code"),
        [
            ({"$ref": "https://example.org/x"}, "form_type_unknown"),
            ({"type": "string", "maxLength": 9, "allOf": []}, "form_keyword_not_allowed"),
            ({"type": "string"}, "form_text_without_end"),
            ({"type": "array", "items": {"type": "boolean"}}, "form_list_without_end"),
            ({"type": "string", "format": "uri"}, "form_format_unknown"),
            ({"type": "object", "properties": {"a": {"type": "boolean"}}}, "form_open"),
        ],
    )
    def test_for_its_form(self, field: dict[str, Any], code: str):
        form = {"type": "object", "additionalProperties": False, "properties": {"x": field}}
        found = reasons(form=form, papers=[], validity={})
        assert code in {found_code for _, found_code in found}
        assert ("form/x/x-label", "translation_missing") in found

    @pytest.mark.parametrize("pattern", [r"(a)\1", "(?=a)b", "["])
    def test_for_a_pattern_that_could_not_be_matched_in_linear_time(self, pattern: str):
        text = {"type": "string", "maxLength": 9, "pattern": pattern, "x-label": {"id": "X", "en": "X"}}
        form = {"type": "object", "additionalProperties": False, "properties": {"x": text}}
        assert "form_schema_invalid" in {code for _, code in reasons(form=form, papers=[], validity={})}

    def test_for_papers_and_answers_that_do_not_fit(self):
        paper = {
            "kind": "ktp",
            "title": {"id": "KTP", "en": "Card"},
            "required_when": {"field": "zz", "is_one_of": [1]},
        }
        found = reasons(papers=[paper, paper], validity={"until_answer": "profesi"})
        assert {
            ("papers", "paper_twice"),
            ("papers/0/required_when", "field_unknown"),
            ("validity/until_answer", "field_no_date"),
        } <= found

    def test_for_a_fee_that_nobody_could_pay_in_the_time_given(self):
        fee = {"kind": "per_unit", "basis": "Perda", "working_days": 1, "due_days": 10}
        found = reasons(fee=fee)
        assert {("fee", "fee_per_unit_needs_parts"), ("time/payment", "payment_budget_too_small")} <= found

    def test_for_what_its_risk_does_not_allow(self):
        assert {(name, "not_by_declaration") for name in ("stages", "approval", "time", "lapse")} <= reasons(
            risk="low"
        )
        assert ("stages", "high_risk_needs_inspection") in reasons(risk="high", stages=[stage("a")])
        assert ("lapse/legal_basis", "deemed_approval_needs_basis") in reasons(
            lapse={"deemed_approval": True}
        )


class TestAFile:
    @pytest.mark.parametrize(
        "text",
        [
            "a: &a [1]\nb: *a",
            "a: !!python/object/apply:os.system ['true']",
            "a: 1\na: 2",
            "1: a",
            "[" * 30,
            "a: {b: {<<: {c: 1}}}\n<<: *x",
            "- a",
            "a: [",
            "x" * 200_001,
        ],
    )
    def test_that_could_hurt_or_is_none_is_refused(self, text: str):
        with pytest.raises(UnableToReadDefinition):
            definition_from(text)

    def test_means_what_it_says(self):
        read = definition_from("no: no\nday: 2024-01-05\nn: 012\nt: true\nx: 1.5\ny: 3\nz: null\n")
        assert read == {"no": "no", "day": "2024-01-05", "n": "012", "t": True, "x": 1.5, "y": 3, "z": None}
