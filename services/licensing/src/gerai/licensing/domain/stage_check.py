"""What can be wrong with the review plan of a permit type."""

from collections import Counter
from collections.abc import Iterator

from gerai.licensing.domain.actor import Role
from gerai.licensing.domain.definition import Parts, Reason
from gerai.licensing.domain.fee import FeeKind
from gerai.licensing.domain.permit_type import APPROVAL_STAGE, FEE_STAGE, ROLE_OF, Stage


def stages(parts: Parts) -> Iterator[Reason]:
    """Each stage once, each institution once in it, each `after` known."""
    if not parts.has("stages"):
        return
    codes = [stage.code for stage in parts.stages]
    for code, times in Counter([*codes, FEE_STAGE, APPROVAL_STAGE]).items():
        if times > 1:
            yield Reason(path="stages", code="stage_twice", detail=code)
    for index, stage in enumerate(parts.stages):
        for name, times in Counter(stage.institutions).items():
            if times > 1:
                yield Reason(path=f"stages/{index}/institutions", code="institution_twice", detail=name)
        for before in stage.after:
            if before not in codes:
                yield Reason(path=f"stages/{index}/after", code="stage_unknown", detail=before)
        if stage.only_when_asked and not stage.after:
            yield Reason(path=f"stages/{index}", code="nobody_asks_for_stage", detail=stage.code)


def days_of_stages(parts: Parts) -> Iterator[Reason]:
    """Stages that wait for one another would never begin; stages that exceed the total could not be kept."""
    if not parts.has("stages"):
        return
    stages: tuple[Stage, ...] = parts.stages
    in_circle = _in_circle(stages)
    if in_circle:
        yield Reason(path="stages", code="stages_in_circle", detail=", ".join(sorted(in_circle)))
    elif parts.has("time", "approval", "fee") and parts.time is not None:
        fee = parts.fee.working_days if parts.fee else 0
        approval = parts.approval.working_days if parts.approval else 0
        longest = _longest(stages) + fee + approval
        if longest > parts.time.working_days:
            yield Reason(path="time/working_days", code="stages_exceed_total", detail=str(longest))


def _in_circle(stages: tuple[Stage, ...]) -> set[str]:
    left = {stage.code: set(stage.after) for stage in stages}
    known = set(left)
    while ready := {code for code, after in left.items() if not after & left.keys() & known}:
        for code in ready:
            del left[code]
    return set(left)


def _longest(stages: tuple[Stage, ...]) -> int:
    """Working days of the longest way through the stages; there is no circle."""
    by_code = {stage.code: stage for stage in stages}

    def days(code: str) -> int:
        stage = by_code[code]
        return stage.working_days + max(
            (days(before) for before in stage.after if before in by_code), default=0
        )

    return max(map(days, by_code), default=0)


def duties(parts: Parts) -> Iterator[Reason]:
    """Somebody can act on every stage, on the approval, and on a fee that a person reckons."""
    if not parts.has("duties", "stages", "institution", "approval", "fee"):
        return
    able = {(duty.role, duty.institution) for duty in parts.duties}
    for index, stage in enumerate(parts.stages):
        for institution in stage.institutions:
            if (ROLE_OF[stage.kind], institution) not in able:
                yield Reason(
                    path=f"stages/{index}",
                    code="nobody_can_act",
                    detail=f"{ROLE_OF[stage.kind]} @ {institution}",
                )
    if parts.approval and (Role.APPROVER, parts.institution) not in able:
        yield Reason(path="approval", code="nobody_can_act", detail=f"{Role.APPROVER} @ {parts.institution}")
    assessed = parts.fee is not None and parts.fee.kind is FeeKind.ASSESSED
    if assessed and (Role.FEE_OFFICER, parts.institution) not in able:
        yield Reason(path="fee", code="nobody_can_act", detail=f"{Role.FEE_OFFICER} @ {parts.institution}")
