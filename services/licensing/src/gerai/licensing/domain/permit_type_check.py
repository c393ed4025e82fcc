"""Reads a definition of a permit type and says all that is wrong with it, at once."""

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from gerai.licensing.domain import form, stage_check
from gerai.licensing.domain.definition import Parts, Reason
from gerai.licensing.domain.fee import FeeKind
from gerai.licensing.domain.localized import Localized
from gerai.licensing.domain.permit_type import BY_DECLARATION, PermitType, Risk, StageKind
from gerai.messaging.refusal import LocalizedText, Refusal, RefusalKind


class UnableToUsePermitType(Refusal):
    """The definition is wrong; `reasons` has everything that is."""

    kind = RefusalKind.INVALID
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "invalid": LocalizedText(
            "Definisi jenis izin memuat {count} kesalahan.", "The definition has {count} faults."
        ),
    }

    def __init__(self, reasons: tuple[Reason, ...]) -> None:
        super().__init__("invalid", count=len(reasons), reasons=[reason.model_dump() for reason in reasons])
        self.reasons = reasons


def permit_type_from(definition: Mapping[str, Any]) -> PermitType:
    """Raises UnableToUsePermitType with all reasons."""
    reasons = tuple(_reasons(definition))
    if reasons:
        raise UnableToUsePermitType(reasons)
    return PermitType.model_validate(definition)


def _reasons(definition: Mapping[str, Any]) -> Iterator[Reason]:
    parts: dict[str, Any] = {}
    for name in definition.keys() - PermitType.model_fields.keys():
        yield Reason(path=str(name), code="part_unknown")
    for name, field in PermitType.model_fields.items():
        if name not in definition:
            if field.is_required():
                yield Reason(path=name, code="part_missing")
            else:
                parts[name] = field.get_default(call_default_factory=True)
            continue
        try:
            parts[name] = _adapters()[name].validate_python(definition[name])
        except ValidationError as invalid:
            for error in invalid.errors():
                path = "/".join([name, *map(str, error["loc"])])
                yield Reason(path=path, code="value_invalid", detail=error["msg"])
    for check in CHECKS:
        yield from check(Parts(parts))


@cache
def _adapters() -> Mapping[str, TypeAdapter[Any]]:
    """One for each part, with its limits."""
    return {
        name: TypeAdapter(Annotated[field.annotation, field])  # type: ignore[arg-type]
        for name, field in PermitType.model_fields.items()
    }


def _translations(parts: Parts) -> Iterator[Reason]:
    for name in PermitType.model_fields:
        if parts.has(name):
            yield from _untranslated(getattr(parts, name), name)
    if parts.has("form"):
        for path in form.untranslated(parts.form):
            yield Reason(path=f"{path}/x-label", code="translation_missing")


def _untranslated(value: Any, path: str) -> Iterator[Reason]:
    if isinstance(value, Localized):
        for language in value.missing:
            yield Reason(path=f"{path}/{language}", code="translation_missing")
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _untranslated(getattr(value, name), f"{path}/{name}")
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _untranslated(item, f"{path}/{index}")


def _form(parts: Parts) -> Iterator[Reason]:
    if parts.has("form"):
        for path, code in form.faults(parts.form):
            yield Reason(path=path, code=code)


def _number(parts: Parts) -> Iterator[Reason]:
    if parts.has("number"):
        for code in parts.number.faults():
            yield Reason(path="number/form", code=code)


def _papers(parts: Parts) -> Iterator[Reason]:
    if not parts.has("papers"):
        return
    for kind, times in Counter(paper.kind for paper in parts.papers).items():
        if times > 1:
            yield Reason(path="papers", code="paper_twice", detail=kind)
    if parts.has("form"):
        for index, paper in enumerate(parts.papers):
            if (when := paper.required_when) and when.field not in form.fields_of(parts.form):
                yield Reason(path=f"papers/{index}/required_when", code="field_unknown", detail=when.field)


def _fields_asked_for(parts: Parts) -> Iterator[Reason]:
    if not parts.has("form"):
        return
    fields = form.fields_of(parts.form)
    until = parts.validity.until_answer if parts.has("validity") else None
    if until and fields.get(until, {}).get("format") != "date":
        yield Reason(path="validity/until_answer", code="field_no_date", detail=until)
    if parts.has("fee") and parts.fee is not None:
        for index, part in enumerate(parts.fee.parts):
            if fields.get(part.field, {}).get("type") not in ("integer", "number"):
                yield Reason(path=f"fee/parts/{index}/field", code="field_no_number", detail=part.field)


def _fee(parts: Parts) -> Iterator[Reason]:
    if parts.has("fee") and (fee := parts.fee) is not None:
        if fee.kind is FeeKind.FIXED and (fee.base == 0 or fee.parts):
            yield Reason(path="fee", code="fee_fixed_needs_base")
        if fee.kind is FeeKind.PER_UNIT and not fee.parts:
            yield Reason(path="fee", code="fee_per_unit_needs_parts")
        if parts.has("time") and parts.time is not None:
            payment = parts.time.payment
            if payment.times < 1 or payment.days < fee.due_days:
                yield Reason(path="time/payment", code="payment_budget_too_small", detail=str(fee.due_days))


def _path(parts: Parts) -> Iterator[Reason]:
    """By declaration: no reviewer, no clock. Else: reviewers, an approval, a clock, and what its end brings."""
    if not parts.has("risk", "stages", "approval", "time", "lapse", "fee"):
        return
    reviewed = {"stages": parts.stages, "approval": parts.approval, "time": parts.time, "lapse": parts.lapse}
    if parts.risk in BY_DECLARATION:
        for name in [*reviewed, "fee"]:
            if getattr(parts, name):
                yield Reason(path=name, code="not_by_declaration")
        return
    for name, value in reviewed.items():
        if not value:
            yield Reason(path=name, code="needed_for_review")
    if parts.risk is Risk.HIGH and not any(stage.kind is StageKind.INSPECTION for stage in parts.stages):
        yield Reason(path="stages", code="high_risk_needs_inspection")
    if parts.lapse and parts.lapse.deemed_approval and not parts.lapse.legal_basis.strip():
        yield Reason(path="lapse/legal_basis", code="deemed_approval_needs_basis")


CHECKS = (
    _translations,
    _form,
    _number,
    _papers,
    _fields_asked_for,
    _fee,
    _path,
    stage_check.stages,
    stage_check.days_of_stages,
    stage_check.duties,
)
